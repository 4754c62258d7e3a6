package nethttp

import (
	"net"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
)

// addressed is a connection that has addresses and nothing else.
type addressed struct {
	net.Conn
	far, near net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.far }
func (a addressed) LocalAddr() net.Addr  { return a.near }

func TestPeersOf(t *testing.T) {
	tcp := func(host string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(host), Port: port} }
	for name, c := range map[string]struct {
		far, near net.Addr
		want      lifecycle.Peers
	}{
		"IPv4 on a socket of IPv6": {
			tcp("::ffff:192.0.2.1", 1024), tcp("::ffff:192.0.2.2", 80),
			lifecycle.Peers{ClientAddr: "192.0.2.1", ClientPort: 1024, ServerAddr: "192.0.2.2", ServerPort: 80, Network: "tcp"},
		},
		"IPv6": {
			tcp("2001:db8::1", 1024), tcp("2001:db8::2", 80),
			lifecycle.Peers{ClientAddr: "2001:db8::1", ClientPort: 1024, ServerAddr: "2001:db8::2", ServerPort: 80, Network: "tcp"},
		},
		"Unix": {
			&net.UnixAddr{Net: "unix"}, &net.UnixAddr{Name: "/run/web", Net: "unix"},
			lifecycle.Peers{ClientAddr: "unix", ServerAddr: "/run/web", Network: "unix"},
		},
		"the system does not tell": {nil, nil, lifecycle.Peers{ClientAddr: "unknown", Network: "tcp"}},
		"another network": {
			&net.IPAddr{IP: net.IPv4(192, 0, 2, 1)}, &net.IPAddr{IP: net.IPv4(192, 0, 2, 2)},
			lifecycle.Peers{ClientAddr: "unknown", ServerAddr: "192.0.2.2", Network: "ip"},
		},
	} {
		if got := peersOf(addressed{far: c.far, near: c.near}); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
