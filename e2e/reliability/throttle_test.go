package reliability_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F38: the receiver asks to be left alone for a while. Nobody sends in the meantime, five minutes at most, and all arrives.
func TestF38ReceiverAsksToWait(t *testing.T) {
	r := begin(t)
	var cases []func()
	for _, c := range []struct {
		name   string
		answer faults.Answer
		spool  otelcollector.SpoolMode
		wait   time.Duration // at least
		most   time.Duration
	}{
		{"ResourceExhausted, 1.5 s", faults.RefuseFor(codes.ResourceExhausted, 1500*time.Millisecond), "", 1500 * time.Millisecond, 2 * time.Second},
		{"Unavailable, 1.5 s", faults.RefuseFor(codes.Unavailable, 1500*time.Millisecond), "", 1500 * time.Millisecond, 2 * time.Second},
		{"429, 2 s", faults.Answer{HTTP: 429, RetryAfter: "2"}, "", 2 * time.Second, 3 * time.Second},
		{"503, 2 s", faults.Answer{HTTP: 503, RetryAfter: "2"}, "", 2 * time.Second, 3 * time.Second},
		{"ResourceExhausted, 10 h", faults.RefuseFor(codes.ResourceExhausted, 10*time.Hour), "", 4 * time.Minute, 5 * time.Minute},
		{"429, 10 h", faults.Answer{HTTP: 429, RetryAfter: "36000"}, "", 4 * time.Minute, 5 * time.Minute},
		{"ResourceExhausted, 0 s", faults.RefuseFor(codes.ResourceExhausted, 0), "", 0, 2 * time.Second},
		{"ResourceExhausted, -1 s", faults.RefuseFor(codes.ResourceExhausted, -time.Second), "", 0, 2 * time.Second},
		{"429, a date that has passed", faults.Answer{HTTP: 429, RetryAfter: "Mon, 02 Jan 2006 15:04:05 GMT"}, "", 0, 2 * time.Second},
		{"ResourceExhausted, 1.5 s", faults.RefuseFor(codes.ResourceExhausted, 1500*time.Millisecond), otelcollector.SpoolOverflow, 1500 * time.Millisecond, 2 * time.Second},
		{"429, 2 s", faults.Answer{HTTP: 429, RetryAfter: "2"}, otelcollector.SpoolJournal, 2 * time.Second, 3 * time.Second},
	} {
		receiver := r.open(faults.Options{HTTP: c.answer.HTTP != 0, Script: func(call *faults.Call) faults.Answer {
			if call.N == 2 {
				return c.answer
			}
			return faults.Answer{}
		}})
		run := r.start(to(c.name, receiver).with(c.spool))
		cases = append(cases, func() {
			run.serve(1)
			run.flush()
			run.serve(1)
			asked := time.Now()
			if c.wait > 0 {
				run.until("the receiver to be left alone", func() bool { return run.Receiver().State == otelcollector.ReceiverThrottling })
			}
			quiet, until := time.Now(), run.Receiver().NotBefore
			if d := until.Sub(asked); c.wait > 0 && d < c.wait || time.Until(until) > c.most {
				run.errorf("it is left alone for %v, want %v to %v", d, c.wait, c.most)
			}
			stop := run.keepServing(1, 10*time.Millisecond)
			if c.wait > time.Minute { // only the end of the process is sooner
				time.Sleep(time.Second)
				until = time.Now()
			} else {
				run.until("the span that was refused", func() bool { return receiver.Fate(1).Taken == 1 })
			}
			stop()
			inside := receiver.CallsBetween(quiet, until)
			run.figure("%d calls in the %v in which there were to be none", inside, max(until.Sub(quiet), 0).Round(time.Millisecond))
			if inside > 0 {
				run.errorf("%d calls came before their time", inside)
			}
			if c.wait < time.Minute {
				run.settled()
			}
			run.finish(0, nil)
		})
	}
	together(cases...)
}
