package otelcollector_test

import (
	"sync/atomic"
	"testing"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/wirespan/wirespan/lifecycle"
)

// anchor is the wall clock's lead over the monotonic one, as package lifecycle has it: nothing else can step the wall clock.
//
//go:linkname anchor github.com/wirespan/wirespan/lifecycle.anchor
var anchor atomic.Int64

// F61: the wall clock steps while requests and connections are under way, and the server has noticed. Each span ends after it starts,
// lasts for as long as it did, and lies where its end was.
func TestF61WallClockSteps(t *testing.T) {
	defer lifecycle.RenewAnchor()
	const years, hour = 10 * 365 * 24 * time.Hour, time.Hour
	for _, c := range []struct {
		name                         string
		inRequest, inSecond, between time.Duration
	}{
		{"ten years ahead", years, 0, 0},
		{"an hour back", -hour, 0, 0},
		{"ahead and back again", years, -years, 0},
		{"back and far ahead", -hour, years, hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			lifecycle.RenewAnchor()
			s := &sink{}
			collector := newCollector(t, quiet(t, s))
			step := func(by time.Duration) { anchor.Add(int64(by)) }
			w := dial(t, collector)
			x := w.start("GET", "/first")
			step(c.inRequest)
			x.complete(200)
			step(c.between)
			y := w.start("GET", "/second")
			step(c.inSecond)
			y.disconnect(200, nil)
			w.close(lifecycle.ReasonClientDisconnect)

			spans := received(t, collector, s)
			if n := collector.Stats(); len(spans) != 3 || n.TotalDropped() != 0 {
				t.Fatalf("%d spans, want those of 2 requests and their connection: %+v", len(spans), n)
			}
			for _, span := range spans {
				start, end := time.Unix(0, int64(span.StartTimeUnixNano)), time.Unix(0, int64(span.EndTimeUnixNano))
				if lasted := end.Sub(start); lasted < 0 || lasted > time.Minute {
					t.Errorf("%q lasted %v, from %v to %v", span.Name, lasted, start, end)
				}
				moved := c.inRequest + c.between + c.inSecond
				if attrs(t, span.Attributes)["url.path"] == "/first" {
					moved = c.inRequest
				}
				if off := time.Until(end) - moved; off.Abs() > time.Minute {
					t.Errorf("%q ended at %v, %v off", span.Name, end, off)
				}
			}
			t.Logf("%d spans, %d dropped", len(spans), collector.Stats().TotalDropped())
		})
	}
}
