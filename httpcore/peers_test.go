package httpcore

import (
	"net"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
)

func TestPeersOf(t *testing.T) {
	tcp := func(host string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(host), Port: port} }
	for name, c := range map[string]struct {
		far, near net.Addr
		want      lifecycle.Peers
		remote    string
	}{
		"IPv4": {
			tcp("192.0.2.1", 1024), tcp("192.0.2.2", 80),
			lifecycle.Peers{ClientAddr: "192.0.2.1", ClientPort: 1024, ServerAddr: "192.0.2.2", ServerPort: 80, Network: "tcp"},
			"192.0.2.1:1024",
		},
		"IPv4 on a socket of IPv6": {
			tcp("::ffff:192.0.2.1", 1024), tcp("::ffff:192.0.2.2", 80),
			lifecycle.Peers{ClientAddr: "192.0.2.1", ClientPort: 1024, ServerAddr: "192.0.2.2", ServerPort: 80, Network: "tcp"},
			"192.0.2.1:1024",
		},
		"IPv6": {
			tcp("2001:db8::1", 1024), tcp("2001:db8::2", 80),
			lifecycle.Peers{ClientAddr: "2001:db8::1", ClientPort: 1024, ServerAddr: "2001:db8::2", ServerPort: 80, Network: "tcp"},
			"[2001:db8::1]:1024",
		},
		"Unix": {
			&net.UnixAddr{Net: "unix"}, &net.UnixAddr{Name: "/run/web", Net: "unix"},
			lifecycle.Peers{ClientAddr: "unix", ServerAddr: "/run/web", Network: "unix"},
			"@",
		},
		"the system does not tell": {nil, nil, lifecycle.Peers{ClientAddr: "unknown", Network: "tcp"}, ""},
		"another network": {
			&net.IPAddr{IP: net.IPv4(192, 0, 2, 1)}, &net.IPAddr{IP: net.IPv4(192, 0, 2, 2)},
			lifecycle.Peers{ClientAddr: "unknown", ServerAddr: "192.0.2.2", Network: "ip"},
			"192.0.2.1",
		},
	} {
		if got, remote := peersOf(c.far, c.near); got != c.want || remote != c.remote {
			t.Errorf("%s: %+v and %q, want %+v and %q", name, got, remote, c.want, c.remote)
		}
	}
}
