package statsd

// AppendMilliseconds is compared with its plain twin.
var AppendMilliseconds = appendMilliseconds
