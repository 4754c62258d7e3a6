package main

import "strconv"

// goal is what the project has promised about one figure.
type goal struct {
	title    string
	measured quantity
	bound    bound
}

// goals in the order of the report. What is compared is written as a ratio, Wirespan : rival.
var goals = []goal{
	{"CPU per request, untraced http.Handler : net/http", ratio(cpu, hellos, untracedHandler, netHTTP), atMost(0.65)},
	{"CPU per request, untraced http.Handler : fasthttp", ratio(cpu, hellos, untracedHandler, fastHTTP), atMost(1)},
	{"CPU per request, 100 % traced http.Handler : net/http untraced", ratio(cpu, hellos, tracedHandler, netHTTP), atMost(0.75)},
	{"requests/s, 100 % traced http.Handler : net/http untraced", ratio(rate, hellos, tracedHandler, netHTTP), atLeast(1)},
	{"requests/s, 100 % traced http.Handler : net/http + otelhttp", ratio(rate, hellos, tracedHandler, netHTTPTraced), atLeast(2.5)},
	{"CPU per request, 100 % traced SyncHandler : fasthttp untraced", ratio(cpu, hellos, tracedSync, fastHTTP), atMost(0.95)},
	{"user CPU per request that 100 % tracing adds, us", difference(user, hellos, tracedHandler, untracedHandler), atMost(1)},
	{"allocations per request that 100 % tracing adds", difference(allocations, hellos, tracedHandler, untracedHandler), none},
	{"requests/s, 10 % sampled http.Handler : no tracing", ratio(rate, sampling, tenthHandler, untracedHandler), atLeast(0.97)},
	{"requests/s, 10 % sampled SyncHandler : no tracing", ratio(rate, sampling, tenthSync, untracedSync), atLeast(0.97)},
	{"CPU that an unsampled request of http.Handler adds, us", difference(cpu, sampling, neverHandler, untracedHandler), atMost(0.3)},
	{"CPU that an unsampled request of SyncHandler adds, us", difference(cpu, sampling, neverSync, untracedSync), atMost(0.3)},
	{"all collectors at once: CPU per request over none, us", difference(cpu, eachCollector, allHandler, untracedHandler), atMost(2.5)},
	{"all collectors at once: allocations per request over none", difference(allocations, eachCollector, allHandler, untracedHandler), none},
	{"spans lost, receiver 20 ms away", alone(missing, far20ms, tracedHandler), nothing},
	{"spans lost, receiver 50 ms away", alone(missing, far50ms, tracedHandler), nothing},
	{"outage of the receiver, spans lost", alone(lostInOutage, receiverAway, spoolingHandler), nothing},
	{"outage of the receiver, seconds from its return until the last span from before had arrived", alone(caughtUp, receiverAway, spoolingHandler), atMost(60)},
	{"outage of the receiver, p99 of requests during it : before", alone(p99During, receiverAway, spoolingHandler), atMost(1.1)},
	{"kill -9 during an outage, spans lost, in seconds of load", alone(secondsLost, killedMidway, spoolingHandler), atMost(1)},
	{"kill -9 during an outage, spans lost that the next process does not count", alone(uncounted, killedMidway, spoolingHandler), nothing},
	{"memory per idle connection, KiB", alone(memory, idleMemory, untracedHandler), atMost(1)},
	{"all handlers block 5 ms, requests/s : net/http", ratio(rate, allBlock, untracedHandler, netHTTP), atLeast(0.97)},
	{"all handlers block 5 ms, p99 : net/http", ratio(p99, allBlock, untracedHandler, netHTTP), atMost(1.2)},
	{"16 fast connections beside 32 slow ones, p50 of the fast : net/http", ratio(p50, besideSlow, untracedHandler, netHTTP), atMost(0.7)},
	{"16 fast connections beside 32 slow ones, p99 of the fast : net/http", ratio(p99, besideSlow, untracedHandler, netHTTP), atMost(1)},
	{"pipelining 16 deep, requests/s : net/http", ratio(rate, pipelined, untracedHandler, netHTTP), atLeast(4)},
	{"many connections, 1 % active at a time, p99 : net/http", ratio(p99, mostlyIdle, untracedHandler, netHTTP), atMost(1)},
	{"responses of 64 KiB, CPU per byte : net/http", ratio(cpu, responses64K, untracedHandler, netHTTP), atMost(1)},
	{"responses of 1 MiB, CPU per byte : net/http", ratio(cpu, responses1M, untracedHandler, netHTTP), atMost(1)},
	{"uploads of 1 MiB, CPU per byte : net/http", ratio(cpu, uploads1M, untracedHandler, netHTTP), atMost(1)},
	{"http.FileServer, a file of 1 MiB, CPU : net/http", ratio(cpu, staticFiles1M, untracedHandler, netHTTP), atMost(1)},
}

// quantity finds out of a report what a goal is about; false when that was not measured.
type quantity func(*report) (float64, bool)

func ratio(f figure, scenario, ours, theirs string) quantity {
	return both(scenario, ours, theirs, func(a, b *row) float64 { return ratioOf(f, a, b) })
}

func difference(f figure, scenario, with, without string) quantity {
	return both(scenario, with, without, func(a, b *row) float64 { return differenceOf(f, a, b) })
}

func both(scenario, ours, theirs string, compare func(a, b *row) float64) quantity {
	return func(p *report) (float64, bool) {
		a, b := p.row(scenario, ours), p.row(scenario, theirs)
		if a == nil || b == nil {
			return 0, false
		}
		return compare(a, b), true
	}
}

func alone(of func(*row) float64, scenario, server string) quantity {
	return func(p *report) (float64, bool) {
		r := p.row(scenario, server)
		if r == nil {
			return 0, false
		}
		return of(r), true
	}
}

func memory(r *row) float64  { return r.memory / kibibyte }
func missing(r *row) float64 { return float64(r.missing()) }

// bound is what a quantity must not pass.
type bound struct {
	least    bool // it bounds from below
	limit    float64
	decimals int // in which the quantity is printed, and compared
}

func atMost(limit float64) bound  { return bound{limit: limit, decimals: 2} }
func atLeast(limit float64) bound { return bound{least: true, limit: limit, decimals: 2} }

// none is no thing a request. A tenth of that is not in the request: the runtime, new connections, uploads of batches.
var none = bound{decimals: 1}

// nothing is no span, not even one.
var nothing = bound{}

// print rounds to the decimals of the bound.
func (b bound) print(f float64) string { return strconv.FormatFloat(f, 'f', b.decimals, 64) }

// met compares what is printed, so that the page does not call 0.65 more than 0.65.
func (b bound) met(measured float64) bool {
	printed, err := strconv.ParseFloat(b.print(measured), 64)
	if err != nil {
		return false
	}
	if b.least {
		return printed >= b.limit
	}
	return printed <= b.limit
}

func (b bound) String() string {
	if b.least {
		return "at least " + b.print(b.limit)
	}
	return "at most " + b.print(b.limit)
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}
