package main

import (
	"context"
	"fmt"
)

// far measures a server under full load for longer than others, so that queues between it and its receiver fill up.
func far(ctx context.Context, o *options, server *process) (sample, error) {
	longer := *o
	longer.duration = o.far
	return withWrk(wrk{})(ctx, &longer, server)
}

func (p *report) aboutFar() string {
	return fmt.Sprintf(`The greeting under full load for %v, with a receiver that answers each upload only after a while, as one does that is far
away. It takes any number of uploads at once and counts before it waits, so what it holds up is only who waits for answers. Spans are
expected for each request that a handler saw and, where the server's own books have more, as Wirespan's have with the spans of its
connections, for those. Lost is what had not arrived when the server had flushed, over all rounds.
`, p.options.far)
}

// far is the table of what becomes of the spans when their receiver is not near.
func (p *report) far() table {
	t := table{texts: 2, head: []string{
		"receiver", "server", "requests", "spans expected", "received", "lost", "requests/s", "CPU us/request", "p99 us",
	}}
	for _, r := range p.of(farReceivers) {
		t.add(r.scenario.title, r.server.title, fmt.Sprint(r.requests), fmt.Sprint(r.expected), fmt.Sprint(r.received),
			share(r.missing(), r.expected), whole(r.perSecond), decimals(micros(r.cpu())), whole(micros(r.p99)))
	}
	return t
}
