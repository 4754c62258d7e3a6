package main

import "time"

// figure is something about a sample by which servers are compared.
type figure func(sample) float64

func cpu(s sample) float64 {
	return micros(s.perRequest(func(a account) time.Duration { return a.User + a.System }))
}

func user(s sample) float64 {
	return micros(s.perRequest(func(a account) time.Duration { return a.User }))
}

func allocations(s sample) float64 { return float64(s.used.Mallocs) / float64(max(s.used.Served, 1)) }
func rate(s sample) float64        { return s.PerSecond }
func p50(s sample) float64         { return micros(s.P50) }
func p99(s sample) float64         { return micros(s.P99) }

// ratioOf is how many times theirs ours is.
func ratioOf(f figure, ours, theirs *row) float64 {
	return pairs(ours, theirs, func(a, b sample) float64 { return f(a) / f(b) })
}

// differenceOf is how much more ours is than theirs.
func differenceOf(f figure, ours, theirs *row) float64 {
	return pairs(ours, theirs, func(a, b sample) float64 { return f(a) - f(b) })
}

// pairs compares each sample of a server with that of another one in the same turn, and returns the median. What the machine does
// from one turn to the next is often more than what is looked for.
func pairs(ours, theirs *row, compare func(a, b sample) float64) float64 {
	var compared []float64
	for i := range min(len(ours.samples), len(theirs.samples)) {
		compared = append(compared, compare(ours.samples[i], theirs.samples[i]))
	}
	return median(compared, func(f float64) float64 { return f })
}
