package faults_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

func TestDNSAnswersWithTheAddressOfNow(t *testing.T) {
	d, err := faults.OpenDNS(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", d.Addr())
	}}
	for _, want := range []string{"127.0.0.1", "127.0.0.2"} {
		d.Set(netip.MustParseAddr(want))
		got, err := resolver.LookupHost(t.Context(), "receiver.test.")
		if err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%q, %v, want %s", got, err, want)
		}
	}
	if d.Asked() == 0 {
		t.Error("nobody asked")
	}
}
