package main

import (
	"slices"
	"time"
)

// row is a server in a scenario, by the medians of its samples.
type row struct {
	result
	user, system time.Duration // a request
	allocations  float64       // a request
	perSecond    float64
	p50, p99     time.Duration
	memory       float64 // bytes an idle connection

	// Over all rounds.
	requests, spans    uint64 // spans of requests alone
	expected, received uint64 // spans of any kind
	told               told
	troubles           []string
}

func (r *row) cpu() time.Duration { return r.user + r.system }

// lost may not be below zero: a server that sends a span twice has not lost it.
func (r *row) lost() uint64 { return r.requests - min(r.requests, r.spans) }

// missing is like lost, of spans of any kind.
func (r *row) missing() uint64 { return r.expected - min(r.expected, r.received) }

func newRow(r result) row {
	perRequest := func(of func(account) time.Duration) time.Duration {
		return median(r.samples, func(s sample) time.Duration { return s.perRequest(of) })
	}
	w := row{
		result:      r,
		user:        perRequest(func(a account) time.Duration { return a.User }),
		system:      perRequest(func(a account) time.Duration { return a.System }),
		allocations: median(r.samples, allocations),
		perSecond:   median(r.samples, rate),
		p50:         median(r.samples, func(s sample) time.Duration { return s.P50 }),
		p99:         median(r.samples, func(s sample) time.Duration { return s.P99 }),
		memory:      median(r.samples, func(s sample) float64 { return s.memory }),
	}
	for _, s := range r.samples {
		w.requests += s.requests
		w.spans += s.received.ServerSpans
		w.expected += max(s.requests, s.made)
		w.received += s.received.Spans
		w.told.Datagrams += s.told.Datagrams
		w.told.Requests += s.told.Requests
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
