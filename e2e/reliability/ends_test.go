package reliability_test

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// F47: the receiver ends connections and streams, politely or not. Nothing is lost.
func TestF47ReceiverEndsConnections(t *testing.T) {
	r := begin(t)
	aged := r.open(faults.Options{Server: []grpc.ServerOption{grpc.KeepaliveParams(keepalive.ServerParameters{
		MaxConnectionAge: 300 * time.Millisecond, MaxConnectionAgeGrace: 10 * time.Second,
	})}})
	runs := []*run{r.start(to("connections of 300 ms", aged))}
	cutShort := r.open(faults.Options{})
	runs = append(runs, r.start(to("all reset every 300 ms", cutShort)))
	for _, c := range []struct {
		name   string
		answer func(*faults.Frames) error
	}{
		{"RST_STREAM REFUSED_STREAM", func(f *faults.Frames) error { return f.ResetStream(http2.ErrCodeRefusedStream) }},
		{"RST_STREAM CANCEL", func(f *faults.Frames) error { return f.ResetStream(http2.ErrCodeCancel) }},
		{"RST_STREAM INTERNAL_ERROR", func(f *faults.Frames) error { return f.ResetStream(http2.ErrCodeInternal) }},
		{"RST_STREAM ENHANCE_YOUR_CALM", func(f *faults.Frames) error { return f.ResetStream(http2.ErrCodeEnhanceYourCalm) }},
		{"RST_STREAM INADEQUATE_SECURITY", func(f *faults.Frames) error { return f.ResetStream(http2.ErrCodeInadequateSecurity) }},
		{"GOAWAY ENHANCE_YOUR_CALM", func(f *faults.Frames) error {
			return errors.Join(f.Leave(http2.ErrCodeEnhanceYourCalm, "too_many_pings"), f.Take())
		}},
	} {
		wire := r.wire(func(call *faults.Call, f *faults.Frames) error {
			if call.N%10 == 5 {
				return c.answer(f)
			}
			return f.Take()
		})
		runs = append(runs, r.start(setup{name: c.name, oracle: wire.Oracle, addr: wire.Addr()}))
	}
	var cases []func()
	for i, run := range runs {
		cases = append(cases, func() {
			stop := run.keepServing(5, 10*time.Millisecond)
			for range 8 {
				time.Sleep(300 * time.Millisecond)
				if i == 1 {
					cutShort.Reset()
				}
			}
			stop()
			run.settled()
			duplicates := 0
			if i == 1 {
				duplicates = run.inFlight(8)
			}
			run.finish(duplicates, nil)
		})
	}
	together(cases...)
}
