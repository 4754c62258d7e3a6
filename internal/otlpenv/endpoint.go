package otlpenv

import (
	"net/url"
	"strconv"
)

// IsEndpoint reports whether the exporters send to u: a host by HTTP, or with gRPC also the path of a Unix socket. They would
// take anything else for something that it is not, or for a receiver that is away.
func IsEndpoint(u *url.URL, grpc bool) bool {
	switch u.Scheme {
	case "http", "https":
		return u.Hostname() != "" && isPort(u.Port())
	case "unix":
		return grpc && u.Path+u.Opaque != ""
	}
	return false
}

// isPort reports whether s is a port, or none.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && n > 0
}
