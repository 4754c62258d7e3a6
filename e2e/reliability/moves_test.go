package reliability_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// F41: the receiver moves to another address, and its name follows. Nobody is at the old one. grpc asks for the address again
// when it has lost the connection, but not within thirty seconds.
func TestF41ReceiverMoves(t *testing.T) {
	r := begin(t)
	names, err := faults.OpenDNS(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	resolver := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", names.Addr())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = resolver
		if err := names.Close(); err != nil {
			t.Error(err)
		}
	})
	old := r.open(faults.Options{})
	_, port, err := net.SplitHostPort(old.Addr())
	if err != nil {
		t.Fatal(err)
	}
	there := faults.New(faults.Options{Addr: net.JoinHostPort("127.0.0.2", port), Oracle: old.Oracle})
	t.Cleanup(there.Shut)

	s := to("to another address", old)
	s.addr = net.JoinHostPort("receiver.test.", port)
	run := r.start(s)
	stop := run.keepServing(5, 10*time.Millisecond)
	run.until("the first span", func() bool { return old.Counts().Unique > 0 })
	if err := there.Listen(); err != nil {
		t.Skipf("there is no second address to move to: %v", err)
	}
	names.Set(netip.MustParseAddr("127.0.0.2"))
	old.Shut()
	moved := time.Now()
	run.until("the first span at the new address", func() bool { return !old.FirstTaken(moved).IsZero() })
	stop()
	run.settled()
	took := old.FirstTaken(moved).Sub(moved)
	run.figure("first success %v after the move", took.Round(time.Millisecond))
	if took > 35*time.Second {
		run.errorf("the new address was used %v after the move", took)
	}
	run.finish(run.inFlight(1), nil)
}
