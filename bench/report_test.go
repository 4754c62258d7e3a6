package main

import (
	"strings"
	"testing"
	"time"
)

// measured is a result of three rounds, of which the middle one has the given figures.
func measured(scenario, server string, user, system time.Duration, spans uint64) result {
	r := result{scenario: titled(scenario), server: candidate{name: server, title: "<" + server + ">", traced: spans > 0}}
	for _, off := range []time.Duration{-time.Microsecond, 3 * time.Microsecond, 0} {
		r.samples = append(r.samples, sample{
			load:     load{PerSecond: 1000, P50: 500*time.Microsecond + off, P99: 900*time.Microsecond + off},
			used:     account{Served: 1000, User: 1000 * (user + off), System: 1000 * (system + off), Mallocs: 4000},
			memory:   2048 + float64(off),
			requests: 2000,
			received: received{ServerSpans: spans},
		})
	}
	return r
}

func titled(name string) scenario { return scenario{name: name, title: "(" + name + ")"} }

func TestPageShowsMediansRatiosLossesAndGoals(t *testing.T) {
	page := newReport(nil, &options{rounds: 3, idle: 70}, []result{
		measured(hellos, netHTTP, 8*time.Microsecond, 8*time.Microsecond, 0),
		measured(hellos, untracedHandler, 4*time.Microsecond, 6*time.Microsecond, 0),
		measured(hellos, tracedHandler, 6*time.Microsecond, 7*time.Microsecond, 1500),
		measured(idleMemory, untracedHandler, 0, 0, 0),
		measured(responses1M, netHTTP, 10*time.Microsecond, 10*time.Microsecond, 0),
		measured(responses1M, untracedHandler, 10*time.Microsecond, 5*time.Microsecond, 0),
	}, 0.123).markdown()
	for _, want := range []string{
		"Measured with `make bench`",
		"Medians of 3 interleaved rounds",
		"took 12 % of the machine meanwhile",
		"| <nethttp> | 8.00 | 8.00 | 16.00 | 1.00 | 1000 | 500 | 900 | 4.00 | - | - |",
		"| <wirespan-handler> | 4.00 | 6.00 | 10.00 | 0.62 | 1000 | 500 | 900 | 4.00 | - | - |",
		"| <wirespan-handler-traced> | 6.00 | 7.00 | 13.00 | 0.81 | 1000 | 500 | 900 | 4.00 | 4500 | 1500 (25.0 %) |",
		"| (response-1m) | <wirespan-handler> | 1000 | 15.00 | 0.75 | 500 | 900 |",
		"What 70 keep-alive connections",
		"| <wirespan-handler> | 2048 |",
		"| CPU per request, untraced http.Handler : net/http | at most 0.65 | 0.62 | met |",
		"| CPU per request, 100 % traced http.Handler : net/http untraced | at most 0.75 | 0.81 | missed |",
		"| requests/s, 100 % traced http.Handler : net/http untraced | at least 1.00 | 1.00 | met |",
		"| user CPU per request that 100 % tracing adds, us | at most 1.00 | 2.00 | missed |",
		"| allocations per request that 100 % tracing adds | at most 0.0 | 0.0 | met |",
		"| memory per idle connection, KiB | at most 1.00 | 2.00 | missed |",
		"| responses of 1 MiB, CPU per byte : net/http | at most 1.00 | 0.75 | met |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %q in\n%s", want, page)
		}
	}
	if strings.Contains(page, "| pipelining") {
		t.Errorf("there is a goal about what was not measured in\n%s", page)
	}
}

func TestPageLeavesOutWhatWasNotMeasured(t *testing.T) {
	page := newReport(nil, &options{rounds: 1}, []result{measured(hellos, hertzServer, 1, 1, 0)}, 0).markdown()
	for _, title := range []string{"## Other loads", "## Idle connections", "## Goals"} {
		if strings.Contains(page, title) {
			t.Errorf("there is %q in\n%s", title, page)
		}
	}
	if !strings.Contains(page, "| - |") {
		t.Errorf("there is a ratio to what was not measured in\n%s", page)
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
