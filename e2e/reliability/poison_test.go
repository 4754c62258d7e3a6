package reliability_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F48: one batch makes the receiver fail, or takes it down. It is the one that is dropped, after eight tries, and the others flow
// meanwhile.
func TestF48Poison(t *testing.T) {
	r := begin(t)
	var cases []func()
	for _, c := range []struct {
		name   string
		answer faults.Answer
		spool  otelcollector.SpoolMode
		cuts   int
	}{
		{"fails", faults.Refuse(codes.Unavailable), "", 0},
		{"fails", faults.Answer{HTTP: 503}, "", 0},
		{"fails", faults.Refuse(codes.Unavailable), otelcollector.SpoolOverflow, 0},
		{"breaks the connection", faults.Answer{Break: true}, "", 8},
		{"breaks the connection", faults.Answer{Break: true}, otelcollector.SpoolOverflow, 8},
		{"breaks the connection", faults.Answer{Break: true}, otelcollector.SpoolJournal, 8},
	} {
		const poison = 20
		receiver := r.open(faults.Options{HTTP: c.answer.HTTP != 0, Script: func(call *faults.Call) faults.Answer {
			if call.Has(poison) {
				return c.answer
			}
			return faults.Answer{}
		}})
		run := r.start(to(c.name, receiver).with(c.spool))
		cases = append(cases, func() {
			for range poison {
				run.serve(1)
				run.flush()
			}
			begin := time.Now()
			run.serveBatches(1) // alone in its batch
			run.until("the poison to come for the first time", func() bool { return receiver.Fate(poison).Attempts > 0 })
			stop := run.keepServing(1, 10*time.Millisecond)
			run.until("the poison to be found", func() bool { return run.Stats().Dropped[otelcollector.DroppedPoison] > 0 })
			found := time.Since(begin)
			stop()
			run.settled()
			late := run.lags(poison+1, begin)
			run.figure("found after %v and %d tries; the others took %v, %v at most", found.Round(time.Millisecond), receiver.Fate(poison).Attempts,
				late[len(late)/2].Round(time.Millisecond), late[len(late)-1].Round(time.Millisecond))
			const tries = 8 // and as many others have to be accepted meanwhile, for which a spool does not wait
			if n := receiver.Fate(poison).Attempts; n < tries || n > tries && c.spool == "" || n > 2*tries {
				run.errorf("%d tries, want %d", n, tries)
			}
			run.finish(run.inFlight(c.cuts), map[otelcollector.DropReason]uint64{otelcollector.DroppedPoison: 1})
		})
	}
	together(cases...)
}

// lags returns how long the spans from a number on that ended after a moment took to arrive, the quickest first.
func (r *run) lags(from int, after time.Time) []time.Duration {
	lags := []time.Duration{0}
	for _, f := range r.oracle.Fates() {
		if f.Serial < from || f.Taken == 0 {
			continue
		}
		if ended := r.ended(f.Serial); ended.After(after) {
			lags = append(lags, f.At.Sub(ended))
		}
	}
	slices.Sort(lags)
	return lags
}
