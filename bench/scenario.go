package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// scenario is something that servers are put through.
type scenario struct {
	name  string
	title string

	// application returns what the servers do, given the workspace's directory; nil is the greeting, which every server knows.
	application func(dir string) http.Handler
	// servers names those that take part, in the order in which they take turns.
	servers []string
	// distance is how long the receiver of the spans takes to answer; 0 is what the flag says.
	distance time.Duration
	// section is the one of the report that tells of it.
	section section
	// direct is measure where there is more to direct than one server and its receiver. It starts them itself.
	direct func(context.Context, *options, *result) (sample, error)
	// long says that it lasts so long that a few rounds have to do.
	long bool
	// small says that what it looks for is smaller than what one measurement differs from the next.
	small bool
	// measure is what is done to a server that has just been started.
	measure func(context.Context, *options, *process) (sample, error)
	// crowded says that it needs more descriptors than a process may have.
	crowded bool
}

// greeters are the servers of the main table.
var greeters = []string{
	netHTTP, netHTTPTraced, fastHTTP, fastHTTPTraced, hertzServer, untracedHandler, untracedSync, tracedHandler, tracedSync,
}

// handlers are the servers that are compared where the question is what becomes of an http.Handler.
var handlers = []string{netHTTP, untracedHandler}

// keepers are the servers that are compared by what they keep for a connection.
var keepers = []string{netHTTP, fastHTTP, hertzServer, untracedHandler, tracedHandler}

// samplers are the servers that are compared by what they do for requests whose spans nobody wants.
var samplers = []string{untracedHandler, tenthHandler, neverHandler, untracedSync, tenthSync, neverSync}

// collected are the servers that are compared by what they tell of their requests, and how.
var collected = []string{untracedHandler, tracedHandler, metricsHandler, accessLogHandler, statisticsHandler, statsdHandler, allHandler}

// senders are the servers that are compared by what becomes of their spans.
var senders = []string{netHTTPTraced, tracedHandler}

// spoolers are the servers that keep spans on disk.
var spoolers = []string{spoolingHandler}

// The scenarios by the names that the goals have for them.
const (
	hellos        = "hello"
	sampling      = "sampling"
	eachCollector = "collectors"
	far20ms       = "far-20ms"
	far50ms       = "far-50ms"
	receiverAway  = "outage"
	killedMidway  = "outage-kill"
	idleMemory    = "idle"
	allBlock      = "blocking"
	besideSlow    = "beside-slow"
	pipelined     = "pipelined"
	mostlyIdle    = "mostly-idle"
	responses64K  = "response-64k"
	responses1M   = "response-1m"
	uploads1M     = "upload-1m"
	staticFiles1M = "file-1m"
)

// scenarios in the order of the report.
var scenarios = []scenario{
	{name: hellos, title: "the greeting", servers: greeters, section: theGreeting, small: true, measure: withWrk(wrk{})},
	{name: sampling, title: "sampling", servers: samplers, section: sampledFew, small: true, measure: withWrk(wrk{})},
	{name: eachCollector, title: "collectors", servers: collected, section: collectorsAlone, small: true, measure: withWrk(wrk{})},
	{name: far20ms, title: "20 ms away", servers: senders, distance: 20 * time.Millisecond, section: farReceivers, measure: far},
	{name: far50ms, title: "50 ms away", servers: senders, distance: 50 * time.Millisecond, section: farReceivers, measure: far},
	{name: receiverAway, title: "away", servers: spoolers, long: true, section: outages, direct: playOutage(false)},
	{name: killedMidway, title: "away, and the server killed and started again meanwhile", servers: spoolers, long: true, section: outages, direct: playOutage(true)},
	{name: idleMemory, title: "idle connections", servers: keepers, section: idleConnections, measure: idle, crowded: true},
	{name: allBlock, title: "all handlers block 5 ms", servers: handlers, application: blocking, measure: withWrk(wrk{})},
	{name: besideSlow, title: "16 fast connections beside 32 that block 5 ms", servers: handlers, application: mixed, measure: beside},
	{name: pipelined, title: "pipelining, 16 deep", servers: handlers, measure: withWrk(wrk{script: pipelineScript})},
	{name: mostlyIdle, title: "many connections, 1 % active at a time", servers: handlers, measure: inCrowd, crowded: true},
	{name: responses64K, title: "responses of 64 KiB", servers: handlers, application: responses(64 * kibibyte), measure: withWrk(wrk{})},
	{name: responses1M, title: "responses of 1 MiB", servers: handlers, application: responses(mebibyte), measure: withWrk(wrk{})},
	{name: uploads1M, title: "uploads of 1 MiB", servers: handlers, application: uploads, measure: withWrk(wrk{script: uploadScript})},
	{name: staticFiles1M, title: "http.FileServer, a file of 1 MiB", servers: handlers, application: files, measure: withWrk(wrk{path: "/" + staticFile})},
}

// longRounds is how often a scenario is measured that lasts long.
const longRounds = 3

// way is how the servers are measured in a round, of which the first is 0.
func (s *scenario) way(round int) func(context.Context, *options, []result, func(*result, sample)) error {
	switch {
	case s.small:
		return inTurns
	case s.long && round >= longRounds:
		return notAgain
	}
	return oneByOne
}

// handler returns the application as an http.Handler.
func (s *scenario) handler(dir string) http.Handler {
	if s.application == nil {
		return http.HandlerFunc(hello)
	}
	return s.application(dir)
}

// plan returns what the flags choose, in order, without samples yet.
func plan(o *options) []result {
	var chosen []result
	for _, s := range scenarios {
		for _, name := range s.servers {
			if names(s.name, o.scenario) && names(name, o.only) {
				chosen = append(chosen, result{scenario: s, server: *candidateNamed(name)})
			}
		}
	}
	return chosen
}

// names says whether a name contains one of the parts between commas.
func names(name, parts string) bool {
	return slices.ContainsFunc(strings.Split(parts, ","), func(p string) bool { return strings.Contains(name, p) })
}
