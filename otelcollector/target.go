package otelcollector

import (
	"strconv"
	"strings"
)

// splitTarget returns the path and the query of a request target in any of its forms (RFC 9112, 3.2), as received.
func splitTarget(method, target string) (path, query string) {
	if target == "" || target == "*" {
		return target, ""
	}
	if method == "CONNECT" {
		return "", "" // authority-form
	}
	if target[0] != '/' {
		if _, rest, ok := strings.Cut(target, "://"); ok { // absolute-form
			if i := strings.IndexAny(rest, "/?"); i >= 0 {
				target = rest[i:]
			} else {
				target = ""
			}
		}
	}
	path, query, _ = strings.Cut(target, "?")
	if path == "" {
		path = "/" // RFC 9110, 4.2.3
	}
	return path, query
}

// splitHost returns the parts of the value of a Host header (RFC 9110, 7.2); port is 0 when there is none.
func splitHost(host string) (address string, port int) {
	address, digits := host, ""
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return host, 0
		}
		address, digits = host[1:end], strings.TrimPrefix(host[end+1:], ":")
	} else if i := strings.LastIndexByte(host, ':'); i >= 0 && i == strings.IndexByte(host, ':') {
		address, digits = host[:i], host[i+1:]
	}
	if digits == "" { // strconv's error would be an allocation
		return address, 0
	}
	if n, err := strconv.ParseUint(digits, 10, 16); err == nil {
		port = int(n)
	}
	return address, port
}
