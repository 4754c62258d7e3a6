package main

import (
	"fmt"
	"slices"
	"time"
)

func (p *report) aboutOutages() string {
	return fmt.Sprintf(`A receiver that goes away for %v, closing its listener and all connections, and comes back at the same address, beside %d
requests a second on %d connections, whatever the server does. A small load generator in a process of its own makes them; a latency counts
from the time at which the request was due, if its connection was not free by then, so that no hesitation is left out. The spool lies where
temporary files do, and has its defaults.

- Expected are the spans of requests that were answered and of the connections; where the server was killed, of requests alone. The
  receiver tells spans apart by their ids. Requests and spans are those of all rounds, of which there are %d at most.
- Before the outage and after it the receiver is there for half as long, or longer where the spool is not empty by then.
- Caught up is the time from the return of the receiver to the arrival of the last span that had ended before it. It is the longest of the
  rounds, and so are the sizes. Latencies are medians of the rounds.
- Where the server was killed, it was so with kill -9 in the middle of the outage, and started again at once with the same spool. What that
  server counts as lost by the crash is beside what was lost. The latencies during the outage are those of that server.
`, p.options.outage, steadyRate, steadyConnections, longRounds)
}

// outages is the table of what becomes of the spans while their receiver is away.
func (p *report) outages() table {
	t := table{texts: 2, head: []string{
		"receiver", "server", "requests", "spans expected", "made", "received", "duplicates", "lost", "counted as crash", "caught up s",
		"p99 us before", "during", "after", "during : before", "after : before", "resident MiB", "spool MiB",
	}}
	for _, r := range p.of(outages) {
		n := r.outages()
		made, crashed := fmt.Sprint(n.made), fmt.Sprint(n.crashed)
		if r.scenario.name == killedMidway {
			made = "-"
		} else {
			crashed = "-"
		}
		p99 := func(of func(*outage) time.Duration) string { return whole(micros(r.p99InOutage(of))) }
		t.add(r.scenario.title, r.server.title, fmt.Sprint(n.requests), fmt.Sprint(n.expected), made, fmt.Sprint(n.Unique),
			fmt.Sprint(n.Duplicates), share(n.lost, n.expected), crashed, decimals(n.CaughtUp.Seconds()),
			p99(before), p99(during), p99(after), decimals(r.toBefore(during)), decimals(r.toBefore(after)),
			decimals(float64(n.resident)/mebibyte), decimals(float64(n.spooled)/mebibyte))
	}
	return t
}

// outages adds up the samples; of sizes and times it has the largest.
func (r *row) outages() outage {
	var all outage
	for i := range r.samples {
		s := &r.samples[i].outage
		all.requests += s.requests
		all.expected += s.expected
		all.made += s.made
		all.lost += s.lost
		all.crashed += s.crashed
		all.Unique += s.Unique
		all.Duplicates += s.Duplicates
		all.CaughtUp = max(all.CaughtUp, s.CaughtUp)
		all.resident = max(all.resident, s.resident)
		all.spooled = max(all.spooled, s.spooled)
	}
	return all
}

func before(o *outage) time.Duration { return o.before.P99 }
func during(o *outage) time.Duration { return o.during.P99 }
func after(o *outage) time.Duration  { return o.after.P99 }

func (r *row) p99InOutage(of func(*outage) time.Duration) time.Duration {
	return median(r.samples, func(s sample) time.Duration { return of(&s.outage) })
}

// toBefore is the ratio to the p99 before the outage of the same round.
func (r *row) toBefore(of func(*outage) time.Duration) float64 {
	return median(r.samples, func(s sample) float64 { return float64(of(&s.outage)) / float64(max(before(&s.outage), 1)) })
}

// What goals are about.

func lostInOutage(r *row) float64 { return float64(r.outages().lost) }
func caughtUp(r *row) float64     { return r.outages().CaughtUp.Seconds() }
func p99During(r *row) float64    { return r.toBefore(during) }

// secondsLost is of the round that lost most.
func secondsLost(r *row) float64 {
	worst := slices.MaxFunc(r.samples, func(a, b sample) int { return int(a.outage.lost) - int(b.outage.lost) })
	return float64(worst.outage.lost) / steadyRate
}

// uncounted are spans that were lost in a crash and that nobody knows of. A server may count more than were lost here: the spans
// of requests whose responses were on their way when it was killed.
func uncounted(r *row) float64 {
	var n uint64
	for _, s := range r.samples {
		n += s.outage.lost - min(s.outage.lost, s.outage.crashed)
	}
	return float64(n)
}
