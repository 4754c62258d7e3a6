package main

import (
	"strings"
	"testing"
	"time"
)

// samples are three rounds, of which the middle one has the given figures.
func samples(user, system time.Duration, spans uint64) []sample {
	var list []sample
	for _, off := range []time.Duration{-time.Microsecond, 3 * time.Microsecond, 0} {
		list = append(list, sample{
			load:     load{perSecond: 1000, p50: 500*time.Microsecond + off, p99: 900*time.Microsecond + off},
			used:     account{Served: 1000, User: 1000 * (user + off), System: 1000 * (system + off), Mallocs: 4000},
			requests: 2000,
			received: received{ServerSpans: spans},
		})
	}
	return list
}

func TestTableShowsMediansRatiosAndLosses(t *testing.T) {
	report := newReport(nil, &options{rounds: 3}, []result{
		{candidate{name: baseline, title: "net/http"}, samples(8*time.Microsecond, 8*time.Microsecond, 0)},
		{candidate{name: untracedHandler, title: "untraced"}, samples(4*time.Microsecond, 6*time.Microsecond, 0)},
		{candidate{name: tracedHandler, title: "traced", traced: true}, samples(6*time.Microsecond, 7*time.Microsecond, 1500)},
	}, 0.123).markdown()
	for _, want := range []string{
		"Measured with `make bench`",
		"Medians of 3 interleaved rounds",
		"took 12 % of the machine meanwhile",
		"| net/http | 8.00 | 8.00 | 16.00 | 1.00 | 1000 | 500 | 900 | 4.00 | - | - |",
		"| untraced | 4.00 | 6.00 | 10.00 | 0.62 | 1000 | 500 | 900 | 4.00 | - | - |",
		"| traced | 6.00 | 7.00 | 13.00 | 0.81 | 1000 | 500 | 900 | 4.00 | 4500 | 1500 (25.0 %) |",
		"takes 0.62 of the CPU that it takes with net/http; the goal is at most 0.8: met.",
		"adds 3.00 us of CPU to it; the goal is at most 2 us: missed.",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("there is no %q in\n%s", want, report)
		}
	}
}

func TestMedian(t *testing.T) {
	self := func(f float64) float64 { return f }
	for _, c := range []struct {
		of   []float64
		want float64
	}{{[]float64{5}, 5}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 100}, 3}} {
		if got := median(c.of, self); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.of, got, c.want)
		}
	}
}
