package reliability_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F40: failures that another attempt may mend, a hundred of each. All is delivered.
func TestF40Retryable(t *testing.T) {
	r := begin(t)
	var cases []func()
	for _, c := range []struct {
		name   string
		answer faults.Answer
		spool  otelcollector.SpoolMode
	}{
		{"Unavailable", faults.Refuse(codes.Unavailable), ""},
		{"DeadlineExceeded", faults.Refuse(codes.DeadlineExceeded), ""},
		{"Aborted", faults.Refuse(codes.Aborted), ""},
		{"OutOfRange", faults.Refuse(codes.OutOfRange), ""},
		{"DataLoss", faults.Refuse(codes.DataLoss), ""},
		{"Canceled", faults.Refuse(codes.Canceled), ""},
		{"429", faults.Answer{HTTP: 429}, ""},
		{"502", faults.Answer{HTTP: 502}, ""},
		{"503", faults.Answer{HTTP: 503}, ""},
		{"504", faults.Answer{HTTP: 504}, ""},
		{"Unavailable", faults.Refuse(codes.Unavailable), otelcollector.SpoolOverflow},
		{"502", faults.Answer{HTTP: 502}, otelcollector.SpoolJournal},
	} {
		var receiver *faults.Receiver
		receiver = r.open(faults.Options{HTTP: c.answer.HTTP != 0, Script: func(call *faults.Call) faults.Answer {
			if receiver.Fate(call.First()).Attempts == 1 {
				return c.answer
			}
			return faults.Answer{}
		}})
		run := r.start(to(c.name, receiver).with(c.spool))
		cases = append(cases, func() {
			const batches, atOnce = 100, 4 // or the receiver would be seen as down
			begin := time.Now()
			for range batches / atOnce {
				for range atOnce {
					run.serveAlone()
				}
				run.settled()
			}
			run.figure("%v", time.Since(begin).Round(time.Millisecond))
			for n := range batches {
				if f := receiver.Fate(n); f.Attempts != 2 || f.Taken != 1 {
					run.errorf("%+v, want it to be taken at the second attempt", f)
				}
			}
			if s := run.Stats(); s.Retried != batches {
				run.errorf("%d spans are counted as tried again, want %d", s.Retried, batches)
			}
			receiver.Act(faults.OK)
			run.finish(0, nil)
		})
	}
	together(cases...)
}
