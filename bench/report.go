package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// report is the page that the results become.
type report struct {
	args      []string
	options   *options
	machine   machine
	rows      []row
	elsewhere float64 // the share of the machine that other processes took
}

// row is a server, by the medians of its samples.
type row struct {
	result
	user, system time.Duration // a request
	allocations  float64       // a request
	perSecond    float64
	p50, p99     time.Duration

	// Over all rounds.
	requests, spans uint64
	troubles        []string
}

func (r *row) cpu() time.Duration { return r.user + r.system }

// lost may not be below zero: a server that sends a span twice has not lost it.
func (r *row) lost() uint64 { return r.requests - min(r.requests, r.spans) }

func newReport(args []string, o *options, results []result, elsewhere float64) *report {
	p := &report{args: args, options: o, machine: thisMachine(), elsewhere: elsewhere}
	for _, r := range results {
		p.rows = append(p.rows, newRow(r))
	}
	return p
}

func newRow(r result) row {
	perRequest := func(of func(account) time.Duration) time.Duration {
		return median(r.samples, func(s sample) time.Duration { return of(s.used) / time.Duration(max(s.used.Served, 1)) })
	}
	w := row{
		result:      r,
		user:        perRequest(func(a account) time.Duration { return a.User }),
		system:      perRequest(func(a account) time.Duration { return a.System }),
		allocations: median(r.samples, func(s sample) float64 { return float64(s.used.Mallocs) / float64(max(s.used.Served, 1)) }),
		perSecond:   median(r.samples, func(s sample) float64 { return s.perSecond }),
		p50:         median(r.samples, func(s sample) time.Duration { return s.p50 }),
		p99:         median(r.samples, func(s sample) time.Duration { return s.p99 }),
	}
	for _, s := range r.samples {
		w.requests += s.requests
		w.spans += s.received.ServerSpans
		if s.trouble != "" && !slices.Contains(w.troubles, s.trouble) {
			w.troubles = append(w.troubles, s.trouble)
		}
	}
	return w
}

// median of an even number is the mean of the two in the middle.
func median[T any, N ~int64 | ~float64](of []T, value func(T) N) N {
	var values []N
	for _, v := range of {
		values = append(values, value(v))
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func (p *report) row(name string) *row {
	i := slices.IndexFunc(p.rows, func(r row) bool { return r.name == name })
	if i < 0 {
		return nil
	}
	return &p.rows[i]
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
	fmt.Fprintf(&b, "# Results\n\nMeasured with `%s` on %s.\n", p.command(), p.machine.date)
	b.WriteString(p.machine.describe())
	fmt.Fprintf(&b, "Processes that had nothing to do with it took %.0f %% of the machine meanwhile.\n", 100*p.elsewhere)
	fmt.Fprintf(&b, `
Medians of %s of %v after %v of warm-up. Every server is a fresh process each time and answers
`+"`%s`"+` on %d keep-alive connections of wrk (%d threads), which runs on the same processors; so does the receiver that traced
servers send their spans to by OTLP over gRPC, which only counts them and answers %s.

- CPU is the kernel's account of the server's process, divided by the requests that its handler saw; the upload of all spans
  is in it. The work of wrk and of the receiver is not.
- Requests/s and latencies are what wrk saw: closed loop, so a server that is traced shares the processors with the receiver.
- Lost are requests whose span had not arrived when the server had flushed, over all rounds. It counts spans of kind SERVER; the
  spans that Wirespan makes of connections come on top.

`, p.options.times(), p.options.duration, p.options.warmUp, greeting, p.options.connections, wrkThreads, p.options.distance())
	p.table(&b)
	p.goals(&b)
	for _, r := range p.rows {
		for _, t := range r.troubles {
			fmt.Fprintf(&b, "\nThe flush of %s failed at least once: %s\n", r.title, t)
		}
	}
	return b.String()
}

func (p *report) table(b *strings.Builder) {
	b.WriteString("| server | CPU us/request: user | system | total | to net/http | requests/s | p50 us | p99 us | allocations/request | spans received | lost |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range p.rows {
		ratio := "-"
		if base := p.row(baseline); base != nil {
			ratio = fmt.Sprintf("%.2f", float64(r.cpu())/float64(base.cpu()))
		}
		received, lost := "-", "-"
		if r.traced {
			received = fmt.Sprint(r.spans)
			lost = fmt.Sprintf("%d (%.1f %%)", r.lost(), 100*float64(r.lost())/float64(max(r.requests, 1)))
		}
		fmt.Fprintf(b, "| %s | %.2f | %.2f | %.2f | %s | %.0f | %d | %d | %.2f | %s | %s |\n",
			r.title, micros(r.user), micros(r.system), micros(r.cpu()), ratio, r.perSecond,
			r.p50.Microseconds(), r.p99.Microseconds(), r.allocations, received, lost)
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// The goals for an unmodified http.Handler.
const (
	goalUntraced = 0.8 // of the CPU of net/http
	goalTracing  = 2 * time.Microsecond
)

// goals compares the rows that the project has promised something about.
func (p *report) goals(b *strings.Builder) {
	base, untraced, traced := p.row(baseline), p.row(untracedHandler), p.row(tracedHandler)
	if base != nil && untraced != nil {
		ratio := float64(untraced.cpu()) / float64(base.cpu())
		fmt.Fprintf(b, "\nUntraced, an http.Handler takes %.2f of the CPU that it takes with net/http; the goal is at most %.1f: %s.\n",
			ratio, goalUntraced, verdict(ratio <= goalUntraced))
	}
	if untraced != nil && traced != nil {
		more := traced.cpu() - untraced.cpu()
		fmt.Fprintf(b, "\nTracing every request adds %.2f us of CPU to it; the goal is at most %.0f us: %s.\n",
			micros(more), micros(goalTracing), verdict(more <= goalTracing))
	}
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}
