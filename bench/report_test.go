package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// measured is a result of three rounds, of which the middle one has the given figures.
func measured(scenario, server string, user, system time.Duration, spans uint64) result {
	r := result{scenario: titled(scenario), server: *candidateNamed(server)}
	r.server.title, r.server.traced = "<"+server+">", spans > 0
	for _, off := range []time.Duration{-time.Microsecond, 3 * time.Microsecond, 0} {
		r.samples = append(r.samples, sample{
			load:     load{PerSecond: 1000, P50: 500*time.Microsecond + off, P99: 900*time.Microsecond + off},
			used:     account{Served: 1000, User: 1000 * (user + off), System: 1000 * (system + off), Mallocs: 4000},
			memory:   2048 + float64(off),
			requests: 2000,
			received: received{ServerSpans: spans, Spans: spans},
		})
	}
	return r
}

func titled(name string) scenario {
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
	s := scenarios[i]
	s.title = "(" + name + ")"
	return s
}

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

func TestPageComparesSamplesOfTheSameTurn(t *testing.T) {
	slow := measured(sampling, untracedHandler, 4*time.Microsecond, 6*time.Microsecond, 0)
	never := measured(sampling, neverHandler, 5*time.Microsecond, 6*time.Microsecond, 1)
	// The machine is half as fast in one turn, and almost stands still in another.
	for i, used := range []time.Duration{100 * time.Microsecond, 200 * time.Microsecond, 900 * time.Microsecond} {
		slow.samples[i].used = account{Served: 10, User: used}
		never.samples[i].used = account{Served: 10, User: used + 5*time.Microsecond}
		slow.samples[i].PerSecond, never.samples[i].PerSecond = 0.9/used.Seconds(), 0.81/used.Seconds()
	}
	never.samples[1].received = received{}
	page := newReport(nil, &options{rounds: 1, turns: 3}, []result{slow, never}, 0).markdown()
	for _, want := range []string{
		"| <wirespan-handler> | 20.00 | 0.00 | 20.00 | - | 4500 | - | 0.00 | - |",
		"| <wirespan-handler-never> | 20.50 | 0.00 | 20.50 | 0.50 | 4050 | 0.90 | 0.00 | 2 (0.0 %) |",
		"| CPU that an unsampled request of http.Handler adds, us | at most 0.30 | 0.50 | missed |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %q in\n%s", want, page)
		}
	}
}

func TestPageTellsWhatCollectorsCost(t *testing.T) {
	none := measured(eachCollector, untracedHandler, 4*time.Microsecond, 6*time.Microsecond, 0)
	all := measured(eachCollector, allHandler, 5*time.Microsecond, 8*time.Microsecond, 1990)
	for i := range all.samples {
		all.samples[i].told = told{Datagrams: 140, Requests: 1980}
		all.samples[i].used.Mallocs = 4500
		all.samples[i].trouble = "look into the statistics: it has only 1 of 2 requests"
	}
	page := newReport(nil, &options{rounds: 1, turns: 3}, []result{none, all}, 0).markdown()
	for _, want := range []string{
		"under load for 1s, 3 times",
		"| <wirespan-handler> | 4.00 | 6.00 | 10.00 | - | 1000 | - | 4.00 | - | - | - | - |",
		"| <wirespan-handler-all> | 5.00 | 8.00 | 13.00 | 3.00 | 1000 | 1.00 | 4.50 | 0.50 | 5970 (99.5 %) | 5940 (99.0 %) | 420 |",
		"| all collectors at once: CPU per request over none, us | at most 2.50 | 3.00 | missed |",
		"| all collectors at once: allocations per request over none | at most 0.0 | 0.5 | missed |",
		"The flush of <wirespan-handler-all> failed at least once: look into the statistics: it has only 1 of 2 requests",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %q in\n%s", want, page)
		}
	}
}

func TestPageCountsWhatAFarReceiverDidNotGet(t *testing.T) {
	ours := measured(far50ms, tracedHandler, 4*time.Microsecond, 6*time.Microsecond, 2000)
	for i := range ours.samples {
		ours.samples[i].made = 2064
		ours.samples[i].received.Spans = 2060
	}
	page := newReport(nil, &options{rounds: 3, far: 10 * time.Second}, []result{
		measured(far50ms, netHTTPTraced, 30*time.Microsecond, 10*time.Microsecond, 500), ours,
	}, 0).markdown()
	for _, want := range []string{
		"under full load for 10s",
		"| (far-50ms) | <nethttp-otelhttp> | 6000 | 6000 | 1500 | 4500 (75.0 %) | 1000 | 40.00 | 900 |",
		"| (far-50ms) | <wirespan-handler-traced> | 6000 | 6192 | 6180 | 12 (0.2 %) | 1000 | 10.00 | 900 |",
		"| spans lost, receiver 50 ms away | at most 0 | 12 | missed |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %q in\n%s", want, page)
		}
	}
}

// absent is a result of two rounds with an outage; the second took longer, and lost something.
func absent(scenario string) result {
	r := result{scenario: titled(scenario), server: *candidateNamed(spoolingHandler)}
	for i := range 2 {
		p99 := func(us int) load { return load{PerSecond: steadyRate, P99: time.Duration(us) * time.Microsecond} }
		r.samples = append(r.samples, sample{outage: outage{
			before: p99(1000), during: p99(1000 + 400*i), after: p99(2000),
			arrived:  arrived{Unique: 4001, UniqueServer: 3985, Duplicates: uint64(7 * i), CaughtUp: time.Duration(20+50*i) * time.Second},
			requests: 4000, expected: 4016, lost: uint64(15 * i), made: 4016, crashed: 12, resident: mebibyte * 40, spooled: mebibyte * uint64(i),
		}})
	}
	return r
}

func TestPageTellsOfOutages(t *testing.T) {
	page := newReport(nil, &options{rounds: 2, outage: time.Minute}, []result{absent(receiverAway), absent(killedMidway)}, 0).markdown()
	for _, want := range []string{
		"goes away for 1m0s",
		" | 8000 | 8032 | 8032 | 8002 | 7 | 15 (0.2 %) | - | 70.00 | 1000 | 1200 | 2000 | 1.20 | 2.00 | 40.00 | 1.00 |",
		" | 8000 | 8032 | - | 8002 | 7 | 15 (0.2 %) | 24 | 70.00 | 1000 | 1200 | 2000 | 1.20 | 2.00 | 40.00 | 1.00 |",
		"| outage of the receiver, spans lost | at most 0 | 15 | missed |",
		"had arrived | at most 60.00 | 70.00 | missed |",
		"| outage of the receiver, p99 of requests during it : before | at most 1.10 | 1.20 | missed |",
		"| kill -9 during an outage, spans lost, in seconds of load | at most 1.00 | 0.00 | met |",
		"| kill -9 during an outage, spans lost that the next process does not count | at most 0 | 3 | missed |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %q in\n%s", want, page)
		}
	}
}

func TestPageLeavesOutWhatWasNotMeasured(t *testing.T) {
	page := newReport(nil, &options{rounds: 1}, []result{measured(hellos, hertzServer, 1, 1, 0)}, 0).markdown()
	for _, title := range []string{"## Sampling", "## Collectors", "## A receiver", "## Other loads", "## Idle connections", "## Goals"} {
		if strings.Contains(page, title) {
			t.Errorf("there is %q in\n%s", title, page)
		}
	}
	if !strings.Contains(page, "| - |") {
		t.Errorf("there is a ratio to what was not measured in\n%s", page)
	}
}

func TestDecimals(t *testing.T) {
	for f, want := range map[float64]string{-0.004: "0.00", -0.006: "-0.01", 0: "0.00", 1.236: "1.24"} {
		if got := decimals(f); got != want {
			t.Errorf("%v is %s, want %s", f, got, want)
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
