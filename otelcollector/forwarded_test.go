package otelcollector_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
)

func TestForwarded(t *testing.T) {
	const peer = "203.0.113.5"
	xff := func(v ...string) (f [][2]string) {
		for _, v := range v {
			f = append(f, [2]string{"x-forwarded-for", v})
		}
		return f
	}
	forwarded := func(v ...string) (f [][2]string) {
		for _, v := range v {
			f = append(f, [2]string{"forwarded", v})
		}
		return f
	}
	for _, c := range []struct {
		name   string
		fields [][2]string
		client string
		scheme string
		host   string
	}{
		{name: "no header"},
		{name: "one proxy", fields: xff("198.51.100.9"), client: "198.51.100.9"},
		{name: "what the client sent is not believed", fields: xff("6.6.6.6, 198.51.100.9"), client: "198.51.100.9"},
		{name: "nor in a line of its own", fields: xff("6.6.6.6", "198.51.100.9"), client: "198.51.100.9"},
		{name: "two proxies", fields: xff("6.6.6.6, 198.51.100.9, 10.0.0.7"), client: "198.51.100.9"},
		{name: "only proxies", fields: xff("10.0.0.8, 10.0.0.7"), client: "10.0.0.8"},
		{name: "with a port", fields: xff("198.51.100.9:1234"), client: "198.51.100.9"},
		{name: "IPv6", fields: xff("2001:db8::9"), client: "2001:db8::9"},
		{name: "IPv6 with brackets and port", fields: xff("[2001:db8::9]:80"), client: "2001:db8::9"},
		{name: "IPv6 with brackets", fields: xff("[2001:db8::9]"), client: "2001:db8::9"},
		{name: "IPv4 in IPv6 is trusted too", fields: xff("198.51.100.9, ::ffff:10.0.0.7"), client: "198.51.100.9"},
		{name: "garbage", fields: xff("what")},
		{name: "garbage before a proxy", fields: xff("what, 10.0.0.7"), client: "10.0.0.7"},
		{name: "empty elements", fields: xff(",, 198.51.100.9"), client: "198.51.100.9"},
		{name: "an empty line does not hide the next", fields: xff("", "198.51.100.9"), client: "198.51.100.9"},
		{name: "more hops than anybody has", fields: xff(strings.Repeat("10.0.0.1,", 1000) + "10.0.0.2"), client: "10.0.0.1"},
		{
			name: "proto and host", client: "198.51.100.9", scheme: "https", host: "a.example",
			fields: append(xff("198.51.100.9"), [2]string{"X-Forwarded-Proto", "HTTPS"}, [2]string{"X-Forwarded-Host", "a.example"}),
		},
		{
			name: "proto and host of the first of two proxies", client: "198.51.100.9", scheme: "https", host: "a.example",
			fields: append(xff("198.51.100.9, 10.0.0.7"), [2]string{"X-Forwarded-Proto", "gopher, https, http"}, [2]string{"X-Forwarded-Host", "evil, a.example, b.example"}),
		},
		{
			name: "one proto for two proxies", client: "198.51.100.9", scheme: "https",
			fields: append(xff("198.51.100.9, 10.0.0.7"), [2]string{"X-Forwarded-Proto", "https"}),
		},
		{name: "a scheme that is none", fields: [][2]string{{"X-Forwarded-Proto", "javascript"}}},
		{name: "Forwarded", fields: forwarded(`for=198.51.100.9;proto=https;host=a.example`), client: "198.51.100.9", scheme: "https", host: "a.example"},
		{name: "Forwarded with quotes", fields: forwarded(`For="[2001:db8::9]:4711"; Proto=https; by=203.0.113.43`), client: "2001:db8::9", scheme: "https"},
		{name: "Forwarded by two", fields: forwarded(`for=6.6.6.6;proto=gopher, for=198.51.100.9;proto=https;host=a.example`, `for=10.0.0.7;proto=http`), client: "198.51.100.9", scheme: "https", host: "a.example"},
		{name: "Forwarded with a comma in quotes", fields: forwarded(`for=198.51.100.9;x="a,b;c"`), client: "198.51.100.9"},
		{name: "Forwarded with hidden client", fields: forwarded(`for=_hidden, for=10.0.0.7`), client: "10.0.0.7"},
		{name: "Forwarded goes before", fields: append(xff("6.6.6.6"), forwarded(`for=198.51.100.9`)...), client: "198.51.100.9"},
		{name: "Forwarded with more hops than anybody has", fields: forwarded(`for=6.6.6.6,` + strings.Repeat(`for="10.0.0.1",`, 1000) + `for=10.0.0.2`), client: "10.0.0.1"},
		{name: "Forwarded that makes no sense", fields: forwarded(`;;=,"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{}
			cfg := quiet(t, s)
			cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(peer + "/32"), netip.MustParsePrefix("10.0.0.0/8")}
			col := newCollector(t, cfg)
			dial(t, col).start("GET", "/", c.fields...).complete(200)
			want := map[string]any{"client.address": peer, "url.scheme": "http", "server.address": "shop.example", "network.peer.address": peer}
			for k, v := range map[string]string{"client.address": c.client, "url.scheme": c.scheme, "server.address": c.host} {
				if v != "" {
					want[k] = v
				}
			}
			checkAttrs(t, received(t, col, s)[0].Attributes, want)
		})
	}
}

// Behind a proxy on the same machine the peer has no address.
func TestForwardedOverUnixSocket(t *testing.T) {
	s := &sink{}
	cfg := quiet(t, s)
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	c := newCollector(t, cfg)
	w := dial(t, c, func(e *lifecycle.ConnectionOpened) { e.Peers = lifecycle.Peers{ClientAddr: "unix", Network: "unix"} })
	w.start("GET", "/", [2]string{"X-Forwarded-For", "198.51.100.9"}).complete(200)
	checkAttrs(t, received(t, c, s)[0].Attributes, map[string]any{"client.address": "198.51.100.9", "network.peer.address": nil})
}
