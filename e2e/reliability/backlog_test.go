package reliability_test

import (
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F49: after an outage a backlog is in the spool. It is replayed no faster than twice the rate at which spans come about (a
// megabyte a second at least), and the spans that come about meanwhile do not wait for it.
func TestF49Backlog(t *testing.T) {
	r := begin(t)
	receiver := r.open(faults.Options{})
	receiver.Shut()
	s := to("backlog", receiver).with(otelcollector.SpoolOverflow)
	s.settings = func(c *otelcollector.Config) { c.FlushInterval = time.Second } // the default: the rate is measured by it
	run := r.start(s)

	const each, size, times = 128 << 10, 2, 32 // each half second: 512 KiB a second
	for range times {
		run.serveSized(size, each)
		time.Sleep(500 * time.Millisecond)
	}
	run.until("the backlog to be in the spool", func() bool { n := run.Stats(); return n.Queued == 0 && n.Spooled == times*size })
	const live = times * size // the number of the first span after it

	back := time.Now()
	if err := receiver.Listen(); err != nil {
		t.Fatal(err)
	}
	stop := run.keepServing(1, 10*time.Millisecond)
	run.until("the backlog to be replayed", func() bool { return run.oracle.Fate(live-1).Taken > 0 && run.Stats().Spooled == 0 })
	stop()
	run.settled()

	first, last := run.arrivals(0, live)
	early := 0
	for _, f := range receiver.Fates() {
		if f.Serial >= live && f.At.Before(last) {
			early++
		}
	}
	late := run.lags(live, receiver.FirstTaken(back))
	perSecond := float64(live*each) / last.Sub(first).Seconds()
	run.figure("replayed %.1f MB in %v from %v after the return, %.2f MB/s; %d spans of now arrived before the last of it", float64(live*each)/1e6,
		last.Sub(first).Round(time.Millisecond), first.Sub(back).Round(time.Millisecond), perSecond/1e6, early)
	run.figure("those that ended after the first success took %v, %v at most",
		late[len(late)/2].Round(time.Millisecond), late[len(late)-1].Round(time.Millisecond))
	if perSecond > 3e6 { // three bursts may fall into a second, of which twice as much is 1.6; at full speed it would be 50
		run.errorf("replayed %.2f MB a second", perSecond/1e6)
	}
	if early == 0 {
		run.errorf("the spans of now waited for the backlog")
	}
	run.finish(0, nil)
}

// arrivals returns when the first and the last of some spans arrived.
func (r *run) arrivals(from, to int) (first, last time.Time) {
	for n := from; n < to; n++ {
		at := r.oracle.Fate(n).At
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return first, last
}
