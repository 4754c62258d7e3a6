package main

import (
	"fmt"
	"time"
)

// The environments in which Wirespan samples few requests or none.
var (
	tenth = []string{"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.1"}
	never = []string{"OTEL_TRACES_SAMPLER=always_off"}
)

func (p *report) aboutSampling() string {
	return fmt.Sprintf(`Wirespan with a sampler that keeps every tenth request, or none, beside the same without a collector. What that adds is less
than what the machine does to a measurement. So each is measured %d times in a round, one after the other, what was measured one after
the other is compared, and the page shows the medians of the comparisons. Sampled are the spans of requests that the receiver got; it
takes its own share of the requests/s.
`, p.options.turns)
}

// sampling is the table of what a request costs whose span nobody wants.
func (p *report) sampling() table {
	t := table{texts: 1, head: []string{
		"server", "CPU us/request: user", "system", "total", "added by tracing", "requests/s", "to no tracing", "allocations/request", "sampled",
	}}
	for _, r := range p.of(sampledFew) {
		added, ofRate, sampled := "-", "-", "-"
		if base := p.row(r.scenario.name, r.server.without); base != nil {
			added, ofRate = decimals(pairs(&r, base, addedCPU)), decimals(pairs(&r, base, toRate))
		}
		if r.server.traced {
			sampled = share(r.spans, r.requests)
		}
		t.add(r.server.title, decimals(micros(r.user)), decimals(micros(r.system)), decimals(cpu(&r)), added,
			whole(r.perSecond), ofRate, decimals(r.allocations), sampled)
	}
	return t
}

// pairs compares each sample of a server with that of another one in the same turn, and returns the median.
func pairs(ours, theirs *row, compare func(a, b sample) float64) float64 {
	var compared []float64
	for i := range min(len(ours.samples), len(theirs.samples)) {
		compared = append(compared, compare(ours.samples[i], theirs.samples[i]))
	}
	return median(compared, func(f float64) float64 { return f })
}

func addedCPU(a, b sample) float64 {
	total := func(a account) time.Duration { return a.User + a.System }
	return micros(a.perRequest(total) - b.perRequest(total))
}

func toRate(a, b sample) float64 { return a.PerSecond / b.PerSecond }
