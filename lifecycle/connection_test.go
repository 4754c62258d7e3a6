package lifecycle_test

import (
	"net/netip"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
)

func TestTrustedBy(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}
	for _, c := range []struct {
		network, address string
		proxies          []netip.Prefix
		want             bool
	}{
		{"tcp", "10.1.2.3", proxies, true},
		{"tcp", "::ffff:10.1.2.3", proxies, true},
		{"tcp", "fe80::1%eth0", proxies, true},
		{"tcp", "11.1.2.3", proxies, false},
		{"tcp", "10.1.2.3", nil, false},
		{"tcp", "unknown", proxies, false},
		{"tcp", "", proxies, false},
		{"unix", "unix", proxies, true},
		{"unix", "unix", nil, false},
		{"memory", "unknown", proxies, false},
	} {
		p := lifecycle.Peers{Network: c.network, ClientAddr: c.address}
		if got := p.TrustedBy(c.proxies); got != c.want {
			t.Errorf("%s %q by %v: %v", c.network, c.address, c.proxies, got)
		}
	}
}
