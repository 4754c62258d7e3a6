-- Sixteen requests at a time on each connection. wrk counts each of them, and takes the time of all sixteen as the latency.
init = function()
  local one = wrk.format()
  sixteen = string.rep(one, 16)
end

request = function()
  return sixteen
end
