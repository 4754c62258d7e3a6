package reliability_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F43: the receiver refuses the sender, whatever it sends. A few batches are lost, then the rest is held until a probe, every
// thirty seconds, finds that it is let in.
func TestF43Refused(t *testing.T) {
	r := begin(t)
	var cases []func()
	for _, c := range []struct {
		name   string
		answer faults.Answer
		reason otelcollector.DropReason
		spool  otelcollector.SpoolMode
	}{
		{"Unauthenticated", faults.Refuse(codes.Unauthenticated), otelcollector.DroppedAuth, ""},
		{"PermissionDenied", faults.Refuse(codes.PermissionDenied), otelcollector.DroppedAuth, ""},
		{"Unimplemented", faults.Refuse(codes.Unimplemented), otelcollector.DroppedConfig, ""},
		{"NotFound", faults.Refuse(codes.NotFound), otelcollector.DroppedConfig, ""},
		{"401", faults.Answer{HTTP: 401}, otelcollector.DroppedAuth, ""},
		{"404", faults.Answer{HTTP: 404}, otelcollector.DroppedConfig, ""},
		{"Unauthenticated", faults.Refuse(codes.Unauthenticated), otelcollector.DroppedAuth, otelcollector.SpoolOverflow},
		{"404", faults.Answer{HTTP: 404}, otelcollector.DroppedConfig, otelcollector.SpoolJournal},
	} {
		receiver := r.open(faults.Options{HTTP: c.answer.HTTP != 0, Script: func(*faults.Call) faults.Answer { return c.answer }})
		run := r.start(to(c.name, receiver).with(c.spool))
		cases = append(cases, func() {
			const batches = 40
			run.serveBatches(batches)
			run.until("the receiver to be seen as refusing", func() bool {
				n := run.Receiver()
				return n.State == otelcollector.ReceiverRefusing && n.Uploads == 0
			})
			lost := receiver.Counts().Calls
			time.Sleep(time.Second)
			if n := receiver.Counts().Calls; n != lost {
				run.errorf("%d calls while it was to be left alone", n-lost)
			}
			fixed := time.Now()
			receiver.Act(faults.OK)
			run.settled()
			run.figure("%d batches lost, the rest delivered %v after it was let in", lost, time.Since(fixed).Round(time.Second))
			if lost > 3+2 {
				run.errorf("%d batches lost", lost)
			}
			run.finish(0, map[otelcollector.DropReason]uint64{c.reason: uint64(lost)})
		})
	}
	together(cases...)
}
