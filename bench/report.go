package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// section is a part of the page with a table of its own.
type section int

const (
	otherLoads section = iota
	theGreeting
	sampledFew
	collectorsAlone
	farReceivers
	outages
	idleConnections
)

// report is the page that the results become.
type report struct {
	args      []string
	options   *options
	machine   machine
	rows      []row
	elsewhere float64 // the share of the machine that other processes took
}

func newReport(args []string, o *options, results []result, elsewhere float64) *report {
	p := &report{args: args, options: o, machine: thisMachine(), elsewhere: elsewhere}
	for _, r := range results {
		p.rows = append(p.rows, newRow(r))
	}
	return p
}

func (p *report) row(scenario, server string) *row {
	i := slices.IndexFunc(p.rows, func(r row) bool { return r.scenario.name == scenario && r.server.name == server })
	if i < 0 {
		return nil
	}
	return &p.rows[i]
}

// of returns the rows of a section.
func (p *report) of(s section) []row {
	return slices.DeleteFunc(slices.Clone(p.rows), func(r row) bool { return r.scenario.section != s })
}

// command is what measures the same again.
func (p *report) command() string {
	if len(p.args) == 0 {
		return "make bench"
	}
	return fmt.Sprintf("make bench ARGS=%q", strings.Join(p.args, " "))
}

// times says how often, in words.
func (o *options) times() string {
	if o.rounds == 1 {
		return "one round"
	}
	return fmt.Sprintf("%d interleaved rounds", o.rounds)
}

// distance says how far away the receiver is, in words.
func (o *options) distance() string {
	if o.delay == 0 {
		return "at once"
	}
	return fmt.Sprintf("after %v", o.delay)
}

func (p *report) markdown() string {
	var b strings.Builder
	p.introduction(&b)
	p.section(&b, "The greeting", p.aboutGreeting(), p.greetings())
	p.section(&b, "Sampling", aboutSampling, p.sampling())
	p.section(&b, "Collectors", aboutCollectors, p.collectors())
	p.section(&b, "A receiver that is far away", p.aboutFar(), p.far())
	p.section(&b, "A receiver that is away", p.aboutOutages(), p.outages())
	p.section(&b, "Other loads", p.aboutLoads(), p.loads())
	p.section(&b, "Idle connections", p.aboutIdle(), p.idle())
	p.section(&b, "Goals", aboutGoals, p.goals())
	for _, r := range p.rows {
		for _, t := range r.troubles {
			fmt.Fprintf(&b, "\nThe flush of %s failed at least once: %s\n", r.server.title, t)
		}
	}
	return b.String()
}

// section leaves out what was not measured.
func (p *report) section(b *strings.Builder, title, about string, t table) {
	if len(t.rows) > 0 {
		fmt.Fprintf(b, "\n## %s\n\n%s\n%s", title, about, t.markdown())
	}
}

func (p *report) introduction(b *strings.Builder) {
	fmt.Fprintf(b, "# Results\n\nMeasured with `%s` on %s.\n", p.command(), p.machine.date)
	b.WriteString(p.machine.describe())
	fmt.Fprintf(b, "Processes that had nothing to do with it took %.0f %% of the machine meanwhile.\n", 100*p.elsewhere)
	fmt.Fprintf(b, `
Medians of %s of %v after %v of warm-up. Every server is a fresh process each time.
Where differences are small, all servers of a table run side by side for a round instead, and in turn each is under load for %v, %d times
after once for warm-up. The load comes from wrk
(%d threads) on %d keep-alive connections, unless it says otherwise, on the same processors.

- CPU is the kernel's account of the server's process, divided by the requests that its handler saw. The work of what makes
  the load is not in it.
- Requests/s and latencies are what the load generator saw: closed loop, each connection sends its next request when the last one
  is answered.
- A ratio or a difference of two servers is the median of what it was from turn to turn, each time of two measurements of the same
  turn: what the machine does from one to the next is often more than what is looked for.
`, p.options.times(), p.options.duration, p.options.warmUp, turn, p.options.turns, wrkThreads, p.options.connections)
}

func (p *report) aboutGreeting() string {
	return fmt.Sprintf("Every server answers `%s`. Those that are traced send their spans by OTLP over gRPC to a receiver on the same"+`
processors, which only counts them and answers %s. They run side by side.

- The upload of all spans is in the CPU of the server; the work of the receiver is not, but it takes from the requests/s.
- Lost are requests whose span had not arrived when the server had flushed, over all rounds. It counts spans of kind SERVER; the
  spans that Wirespan makes of connections come on top.
`, greeting, p.options.distance())
}

// greetings is the main table.
func (p *report) greetings() table {
	t := table{texts: 1, head: []string{
		"server", "CPU us/request: user", "system", "total", "to net/http", "requests/s", "p50 us", "p99 us",
		"allocations/request", "spans received", "lost",
	}}
	for _, r := range p.of(theGreeting) {
		received, lost := "-", "-"
		if r.server.traced {
			received = fmt.Sprint(r.spans)
			lost = share(r.lost(), r.requests)
		}
		t.add(r.server.title, decimals(micros(r.user)), decimals(micros(r.system)), decimals(micros(r.cpu())), p.toNetHTTP(&r),
			whole(r.perSecond), whole(micros(r.p50)), whole(micros(r.p99)), decimals(r.allocations), received, lost)
	}
	return t
}

func (p *report) aboutLoads() string {
	return fmt.Sprintf(`Handlers that block sleep for %v. Beside slow connections, requests/s and latencies are those of the fast ones. The
latency of a pipelined request is that of the sixteen sent together. Of the many connections, %d that have been used once, %d %%
are active at a time, each in its turn; a small load generator in a process of its own does that instead of wrk.
`, blockFor, p.options.crowd, activePercent)
}

func (p *report) loads() table {
	t := table{texts: 2, head: []string{"load", "server", "requests/s", "CPU us/request", "to net/http", "p50 us", "p99 us"}}
	for _, r := range p.of(otherLoads) {
		t.add(r.scenario.title, r.server.title, whole(r.perSecond), decimals(micros(r.cpu())), p.toNetHTTP(&r),
			whole(micros(r.p50)), whole(micros(r.p99)))
	}
	return t
}

func (p *report) aboutIdle() string {
	return fmt.Sprintf(`What %d keep-alive connections that have been used once add to the resident memory of the server's process, after a
garbage collection before and after. What the kernel holds for their sockets is not in it.
`, p.options.idle)
}

func (p *report) idle() table {
	t := table{texts: 1, head: []string{"server", "bytes/connection"}}
	for _, r := range p.of(idleConnections) {
		t.add(r.server.title, whole(r.memory))
	}
	return t
}

// toNetHTTP returns the ratio of the CPU to that of net/http in the same scenario.
func (p *report) toNetHTTP(r *row) string {
	base := p.row(r.scenario.name, netHTTP)
	if base == nil {
		return "-"
	}
	return decimals(ratioOf(cpu, r, base))
}

const aboutGoals = "A figure of Wirespan's, or the ratio of it to a rival's, and what the project wants it to be. Figures are compared as they are printed.\n"

func (p *report) goals() table {
	t := table{texts: 1, head: []string{"goal", "wanted", "measured", "verdict"}}
	for _, g := range goals {
		if measured, ok := g.measured(p); ok {
			t.add(g.title, g.bound.String(), g.bound.print(measured), verdict(g.bound.met(measured)))
		}
	}
	return t
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func whole(f float64) string         { return fmt.Sprintf("%.0f", f) }

// decimals has no zero that is below zero.
func decimals(f float64) string {
	if s := fmt.Sprintf("%.2f", f); s != "-0.00" {
		return s
	}
	return "0.00"
}

// share is a number with what part of all it is.
func share(n, all uint64) string {
	return fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(max(all, 1)))
}
