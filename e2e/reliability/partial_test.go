package reliability_test

import (
	"testing"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F44: some of the spans are rejected, or nonsense is said about how many. The rest counts as exported, and nothing is sent again.
func TestF44PartialSuccess(t *testing.T) {
	r := begin(t)
	const spans = 10
	var cases []func()
	for http, spool := range map[bool]otelcollector.SpoolMode{false: "", true: otelcollector.SpoolJournal} {
		for _, c := range []struct {
			name             string
			rejected, counts int64
		}{
			{"some", 3, 3},
			{"all", spans, spans},
			{"a warning", 0, 0},
			{"more than there are", 1 << 40, spans},
			{"fewer than none", -5, 0},
		} {
			receiver := r.open(faults.Options{HTTP: http, Script: func(call *faults.Call) faults.Answer {
				if call.N == 1 {
					return faults.Answer{Rejected: c.rejected, Message: "as the script has it"}
				}
				return faults.Answer{}
			}})
			run := r.start(to(c.name, receiver).with(spool))
			cases = append(cases, func() {
				run.serve(spans)
				run.flush()
				for n := range spans {
					if f := receiver.Fate(n); f.Attempts != 1 {
						run.errorf("%+v, want one attempt", f)
					}
				}
				if n := run.Stats(); n.Rejected != uint64(c.counts) || n.Exported != uint64(spans-c.counts) {
					run.errorf("%+v, want %d rejected", n, c.counts)
				}
				if told := run.reported(); len(told) != 1 {
					run.errorf("reported %q, want one report", told)
				}
				run.finish(0, nil)
			})
		}
	}
	together(cases...)
}
