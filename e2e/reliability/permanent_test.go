package reliability_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F42: one batch in ten is refused for good. It is the only one that is dropped, and is not sent again.
func TestF42Permanent(t *testing.T) {
	r := begin(t)
	var cases []func()
	for _, c := range []struct {
		name   string
		answer faults.Answer
		reason otelcollector.DropReason
		spool  otelcollector.SpoolMode
	}{
		{"InvalidArgument", faults.Refuse(codes.InvalidArgument), otelcollector.DroppedInvalid, ""},
		{"FailedPrecondition", faults.Refuse(codes.FailedPrecondition), otelcollector.DroppedInvalid, ""},
		{"AlreadyExists", faults.Refuse(codes.AlreadyExists), otelcollector.DroppedInvalid, ""},
		{"Internal", faults.Refuse(codes.Internal), otelcollector.DroppedInternal, ""},
		{"Unknown", faults.Refuse(codes.Unknown), otelcollector.DroppedInternal, ""},
		{"NotFound", faults.Refuse(codes.NotFound), otelcollector.DroppedConfig, ""},
		{"400", faults.Answer{HTTP: 400}, otelcollector.DroppedInvalid, ""},
		{"408", faults.Answer{HTTP: 408}, otelcollector.DroppedInvalid, ""},
		{"500", faults.Answer{HTTP: 500}, otelcollector.DroppedInternal, ""},
		{"InvalidArgument", faults.Refuse(codes.InvalidArgument), otelcollector.DroppedInvalid, otelcollector.SpoolJournal},
		{"500", faults.Answer{HTTP: 500}, otelcollector.DroppedInternal, otelcollector.SpoolOverflow},
		{"Unknown", faults.Refuse(codes.Unknown), otelcollector.DroppedInternal, otelcollector.SpoolMapped},
	} {
		receiver := r.open(faults.Options{HTTP: c.answer.HTTP != 0, Script: func(call *faults.Call) faults.Answer {
			if n := call.First(); n >= 0 && n%10 == 0 {
				return c.answer
			}
			return faults.Answer{}
		}})
		run := r.start(to(c.name, receiver).with(c.spool))
		cases = append(cases, func() {
			const batches = 100
			for range batches {
				run.serveAlone()
			}
			run.settled()
			for n := range batches {
				f, taken := receiver.Fate(n), 1
				if n%10 == 0 {
					taken = 0
				}
				if f.Attempts != 1 || f.Taken != taken {
					run.errorf("%+v, want one attempt", f)
				}
			}
			run.finish(0, map[otelcollector.DropReason]uint64{c.reason: batches / 10})
		})
	}
	together(cases...)
}
