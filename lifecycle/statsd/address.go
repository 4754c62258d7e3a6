package statsd

import (
	"fmt"
	"net"
	"strings"
)

const defaultPort = "8125"

// parseAddress returns what to give to net.Dial for an Addr.
func parseAddress(addr string) (network, address string, err error) {
	if path, ok := cutScheme(addr, "unix://", "unixgram://"); ok {
		if path == "" {
			return "", "", fmt.Errorf("address %q: no path", addr)
		}
		return "unixgram", path, nil
	}
	hostport, _ := cutScheme(addr, "udp://")
	if strings.Contains(hostport, "/") {
		return "", "", fmt.Errorf("address %q: neither host:port nor unix:///path", addr)
	}
	if address, err = withPort(hostport); err != nil {
		return "", "", fmt.Errorf("address %q: %w", addr, err)
	}
	return "udp", address, nil
}

func cutScheme(addr string, schemes ...string) (rest string, found bool) {
	for _, s := range schemes {
		if rest, found = strings.CutPrefix(addr, s); found {
			return rest, true
		}
	}
	return addr, false
}

// withPort adds what is missing: a host alone has the default port, a port alone is that of localhost.
func withPort(hostport string) (string, error) {
	if !strings.Contains(hostport, ":") || strings.HasSuffix(hostport, "]") {
		hostport += ":" + defaultPort
	}
	host, port, err := net.SplitHostPort(hostport)
	switch {
	case err != nil:
		return "", err
	case port == "":
		port = defaultPort
	}
	if host == "" {
		host = "localhost"
	}
	if n, err := net.LookupPort("udp", port); err != nil || n == 0 {
		return "", fmt.Errorf("unknown port %q", port)
	}
	return net.JoinHostPort(host, port), nil
}

// isLoopback reports whether a host:port says of itself that it is on this machine (RFC 6761, 6.3). No name is looked up.
func isLoopback(hostport string) bool {
	host, _, _ := net.SplitHostPort(hostport)
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
