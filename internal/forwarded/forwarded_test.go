package forwarded_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/wirespan/wirespan/internal/forwarded"
)

var proxies = forwarded.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

// What the fields may look like is tested where all of them are read, in otelcollector.
func TestClient(t *testing.T) {
	type line = [2]string
	for _, c := range []struct {
		name, peer string
		unix       bool
		lines      []line
		proxies    forwarded.Proxies
		client     string // "" is unknown
		trusted    bool
	}{
		{name: "nobody is trusted", peer: "10.0.0.1:80", lines: []line{{"X-Forwarded-For", "192.0.2.1"}}, client: "10.0.0.1"},
		{name: "another peer is", peer: "192.0.2.9:80", lines: []line{{"X-Forwarded-For", "192.0.2.1"}}, proxies: proxies, client: "192.0.2.9"},
		{name: "a proxy", peer: "10.0.0.1:80", lines: []line{{"X-Forwarded-For", "192.0.2.1"}}, proxies: proxies, client: "192.0.2.1", trusted: true},
		{name: "a proxy with IPv6", peer: "[fd00::1%eth0]:80", lines: []line{{"X-Forwarded-For", "2001:db8::1"}}, proxies: proxies, client: "2001:db8::1", trusted: true},
		{name: "IPv4 in IPv6", peer: "[::ffff:10.0.0.1]:80", lines: []line{{"X-Forwarded-For", "::ffff:192.0.2.1"}}, proxies: proxies, client: "192.0.2.1", trusted: true},
		{name: "Forwarded comes first", peer: "10.0.0.1:80", lines: []line{{"X-Forwarded-For", "192.0.2.1"}, {"Forwarded", "for=192.0.2.2"}}, proxies: proxies, client: "192.0.2.2", trusted: true},
		{name: "several lines", peer: "10.0.0.1:80", lines: []line{{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "192.0.2.2"}}, proxies: proxies, client: "192.0.2.2", trusted: true},
		{name: "a proxy that says nothing", peer: "10.0.0.1:80", proxies: proxies, client: "10.0.0.1", trusted: true},
		{name: "a proxy that does not know", peer: "10.0.0.1:80", lines: []line{{"Forwarded", "for=unknown"}}, proxies: proxies, client: "10.0.0.1", trusted: true},
		{name: "brackets that are not closed", peer: "10.0.0.1:80", lines: []line{{"X-Forwarded-For", "[2001:db8::1"}}, proxies: proxies, client: "10.0.0.1", trusted: true},
		{name: "a Unix socket", peer: "@", unix: true, lines: []line{{"X-Forwarded-For", "192.0.2.1"}}, proxies: proxies, client: "192.0.2.1", trusted: true},
		{name: "a Unix socket where nobody is trusted", peer: "@", unix: true, lines: []line{{"X-Forwarded-For", "192.0.2.1"}}},
		{name: "a Unix socket whose peer says nothing", peer: "@", unix: true, proxies: proxies, trusted: true},
		{name: "neither address nor Unix socket", peer: "pipe", lines: []line{{"X-Forwarded-For", "192.0.2.1"}}, proxies: proxies},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.unix {
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{Name: "/run/s", Net: "unix"}))
		}
		for _, l := range c.lines {
			r.Header.Add(l[0], l[1])
		}
		got := ""
		if a := c.proxies.Client(r); a.IsValid() {
			got = a.String()
		}
		if got != c.client {
			t.Errorf("%s: the client is %q, want %q", c.name, got, c.client)
		}
		if _, trusted := c.proxies.Peer(r); trusted != c.trusted {
			t.Errorf("%s: the peer is trusted: %v, want %v", c.name, trusted, c.trusted)
		}
	}
}
