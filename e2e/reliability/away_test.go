package reliability_test

import (
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F34: nobody listens for a while, again and again. All spans arrive, and the first soon after somebody does.
func TestF34ReceiverIsAway(t *testing.T) {
	r := begin(t)
	var cases []func()
	for _, c := range []struct {
		name       string
		http       bool
		spool      otelcollector.SpoolMode
		away, here time.Duration
		times      int
	}{
		{"away for 0 s", false, "", 0, 0, 1},
		{"away for 2 s", false, "", 2 * time.Second, 0, 1},
		{"away for 10 s", false, "", 10 * time.Second, 0, 1},
		{"away for 10 s", false, otelcollector.SpoolOverflow, 10 * time.Second, 0, 1},
		{"1 s here, 1 s away", false, "", time.Second, time.Second, 4},
		{"1 s here, 1 s away", true, "", time.Second, time.Second, 4},
		{"1 s here, 1 s away", false, otelcollector.SpoolOverflow, time.Second, time.Second, 4},
		{"1 s here, 1 s away", true, otelcollector.SpoolJournal, time.Second, time.Second, 4},
		{"1 s here, 1 s away", false, otelcollector.SpoolMapped, time.Second, time.Second, 4},
	} {
		receiver := r.open(faults.Options{HTTP: c.http})
		run := r.start(to(c.name, receiver).with(c.spool))
		cases = append(cases, func() {
			stop := run.keepServing(5, 10*time.Millisecond)
			run.until("the first span", func() bool { return receiver.Counts().Unique > 0 })
			var slowest time.Duration
			for range c.times {
				time.Sleep(c.here)
				receiver.Shut()
				time.Sleep(c.away)
				back := time.Now()
				if err := receiver.Listen(); err != nil {
					run.errorf("%v", err)
					return
				}
				run.until("the first span after an outage", func() bool { return !receiver.FirstTaken(back).IsZero() })
				slowest = max(slowest, receiver.FirstTaken(back).Sub(back))
			}
			stop()
			run.settled()
			run.figure("first success %v after the return, at the latest", slowest.Round(time.Millisecond))
			if limit := 15 * time.Second; slowest > limit { // it is to be 3 s, on a machine with nothing else to do
				run.errorf("the first span came %v after the return", slowest)
			}
			run.finish(run.inFlight(c.times), nil)
		})
	}
	together(cases...)
}
