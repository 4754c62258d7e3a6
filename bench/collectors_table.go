package main

import "fmt"

const aboutCollectors = `Wirespan with each of its collectors alone, with all of them at once, and with none: spans as above, metrics for a page that
Prometheus reads (here once in each turn), an access log in the combined format in a file, statistics in memory, and StatsD's metrics by
UDP to a process which counts them. They run side by side. No request is missing in metrics, access log and statistics, or it is said
below the goals; what has come of spans and StatsD's metrics is what their receivers got, and UDP may lose something while the processors
are busy.
`

// collectors is the table of what each collector costs.
func (p *report) collectors() table {
	t := table{texts: 1, head: []string{
		"server", "CPU us/request: user", "system", "total", "added by collectors", "requests/s", "to none",
		"allocations/request", "added", "spans received", "requests that StatsD counts", "datagrams",
	}}
	for _, r := range p.of(collectorsAlone) {
		added, ofRate, allocated, spans, counted, datagrams := "-", "-", "-", "-", "-", "-"
		if base := p.row(r.scenario.name, r.server.without); base != nil {
			added, ofRate = decimals(differenceOf(cpu, &r, base)), decimals(ratioOf(rate, &r, base))
			allocated = decimals(differenceOf(allocations, &r, base))
		}
		if r.server.traced {
			spans = share(r.spans, r.requests)
		}
		if r.server.statsd {
			counted, datagrams = share(r.told.Requests, r.requests), fmt.Sprint(r.told.Datagrams)
		}
		t.add(r.server.title, decimals(micros(r.user)), decimals(micros(r.system)), decimals(micros(r.cpu())), added,
			whole(r.perSecond), ofRate, decimals(r.allocations), allocated, spans, counted, datagrams)
	}
	return t
}
