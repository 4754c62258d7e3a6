package e2e_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// slowly takes one call after the other, in so much time each.
func slowly(each time.Duration) faults.Script {
	var one sync.Mutex
	return func(*faults.Call) faults.Answer {
		one.Lock()
		defer one.Unlock()
		time.Sleep(each)
		return faults.Answer{}
	}
}

// F25: more spans come about than the receiver takes. All requests are answered. What finds the queue full is dropped, and
// counted to the span; with a spool nothing is dropped until that is full.
func TestF25Flood(t *testing.T) {
	for _, c := range []struct {
		name  string
		spool []string
		pause time.Duration // so that the disk, at least, takes what the receiver does not
		why   string        // what spans are dropped for; "": none is
	}{
		{"no spool", nil, 0, "queue_full"},
		{"spool", []string{"--spool-max-bytes", "1GiB"}, 8 * time.Millisecond, ""},
		{"small spool", []string{"--spool-max-bytes", "8MiB"}, 8 * time.Millisecond, "spool_full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSpooling(t, "overflow", slowly(100*time.Millisecond))
			s.traffic = newTraffic(8, c.pause)
			s.traffic.agent = strings.Repeat("x", 24<<10) // so that fewer requests fill 64 MiB
			args := []string{"demo"}
			if c.spool != nil {
				args = append(s.arguments(), c.spool...)
			}
			w := launch(t, nil, s.environment(), args...)
			s.traffic.to(w)
			stop := s.traffic.begin(t)
			var most books
			const enough = 96 << 20 / (24 << 10) // requests
			w.askUntil(t, "more spans than there is room for", func(b *books) bool {
				most.queued, most.spooled = max(most.queued, b.queued), max(most.spooled, b.spooled)
				made, _ := s.traffic.count()
				return made >= enough && (b.dropped > 0 || c.why == "")
			})
			stop()
			s.receiver.Act(faults.OK)
			w.askUntil(t, "all spans to be sent or dropped", settled)
			b := w.close(t)
			came := s.receiver.Counts()
			requests, answered := s.traffic.count()
			switch {
			case requests != answered:
				t.Errorf("%d requests were made, and %d answered", requests, answered)
			case b.recovered != 0 || b.rejected != 0 || b.spooled != 0 || b.unlike(c.why) != 0 || (b.dropped > 0) != (c.why != ""):
				t.Errorf("%v, want spans dropped for nothing but %q", b, c.why)
			case b.exported != uint64(came.Unique) || came.Duplicate != 0 || b.made < uint64(requests):
				t.Errorf("%d requests, %v, and %d spans arrived, %d of them twice", requests, b, came.Unique, came.Duplicate)
			case uint64(len(s.traffic.missing(s.receiver.Oracle))) > b.dropped:
				t.Errorf("more spans of requests are missing than the %d that were dropped", b.dropped)
			}
			s.traffic.check(t)
			for _, p := range s.receiver.Problems() {
				t.Error(p)
			}
			t.Logf("%v: %d requests; %v; at most %d queued and %d spooled; %d arrived in %d calls", time.Since(s.begun).Round(time.Second), requests, b,
				most.queued, most.spooled, came.Unique, came.Calls)
		})
	}
}
