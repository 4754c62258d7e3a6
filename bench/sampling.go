package main

// The environments in which Wirespan samples few requests or none.
var (
	tenth = []string{"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.1"}
	never = []string{"OTEL_TRACES_SAMPLER=always_off"}
)

const aboutSampling = `Wirespan with a sampler that keeps every tenth request, or none, beside the same without a collector. They run side by
side. Sampled are the spans of requests that the receiver got; it takes its own share of the requests/s.
`

// sampling is the table of what a request costs whose span nobody wants.
func (p *report) sampling() table {
	t := table{texts: 1, head: []string{
		"server", "CPU us/request: user", "system", "total", "added by tracing", "requests/s", "to no tracing", "allocations/request", "sampled",
	}}
	for _, r := range p.of(sampledFew) {
		added, ofRate, sampled := "-", "-", "-"
		if base := p.row(r.scenario.name, r.server.without); base != nil {
			added, ofRate = decimals(differenceOf(cpu, &r, base)), decimals(ratioOf(rate, &r, base))
		}
		if r.server.traced {
			sampled = share(r.spans, r.requests)
		}
		t.add(r.server.title, decimals(micros(r.user)), decimals(micros(r.system)), decimals(micros(r.cpu())), added,
			whole(r.perSecond), ofRate, decimals(r.allocations), sampled)
	}
	return t
}
