package main

import (
	"context"
	"net/http"
	"slices"

	"github.com/wirespan/wirespan/otelcollector"
)

// candidate is a server that takes part.
type candidate struct {
	name   string
	title  string
	traced bool // sends its spans to the receiver that the environment names
	statsd bool // sends metrics to the StatsD server that the environment names

	environment []string // beside that of the receivers
	without     string   // the name of the same server without a collector, where that is what it is compared with

	// start runs it with an application, in a workspace. Servers with a handler of their own kind have the greeting in it instead, and
	// take part only where that is what is asked for.
	start func(_ context.Context, _ http.Handler, dir string) (*server, error)
}

// server is a candidate that runs.
type server struct {
	addr  string                      // host:port
	flush func(context.Context) error // sends all that waits; nil when nothing does
	books func() otelcollector.Stats  // what became of the spans; nil when nobody knows
}

// candidates in the order of the table. All answer the same request in the same words, in the usual way of writing a
// handler for them, and run as they come: no setting is touched that would make one slower or faster than its users know it.
var candidates = []candidate{
	{name: netHTTP, title: "net/http", start: startNetHTTP},
	{name: netHTTPTraced, title: "net/http + otelhttp, SDK batch processor, 100 % traced", traced: true, start: startOtelHTTP},
	{name: fastHTTP, title: "fasthttp", start: startFastHTTP},
	{name: fastHTTPTraced, title: "fasthttp + one SDK span a request, SDK batch processor, 100 % traced", traced: true, start: startTracedFastHTTP},
	{name: hertzServer, title: "hertz", start: startHertz},
	{name: untracedHandler, title: "Wirespan, http.Handler", start: startWirespan(handlerOutlet)},
	{name: untracedSync, title: "Wirespan, SyncHandler", start: startWirespan(syncOutlet)},
	{name: tracedHandler, title: "Wirespan, http.Handler, 100 % traced", traced: true, without: untracedHandler, start: startWirespan(handlerOutlet, spans(inMemory))},
	{name: tracedSync, title: "Wirespan, SyncHandler, 100 % traced", traced: true, start: startWirespan(syncOutlet, spans(inMemory))},
	{name: tenthHandler, title: "Wirespan, http.Handler, 10 % sampled", traced: true, environment: tenth, without: untracedHandler, start: startWirespan(handlerOutlet, spans(inMemory))},
	{name: neverHandler, title: "Wirespan, http.Handler, never sampled", traced: true, environment: never, without: untracedHandler, start: startWirespan(handlerOutlet, spans(inMemory))},
	{name: tenthSync, title: "Wirespan, SyncHandler, 10 % sampled", traced: true, environment: tenth, without: untracedSync, start: startWirespan(syncOutlet, spans(inMemory))},
	{name: neverSync, title: "Wirespan, SyncHandler, never sampled", traced: true, environment: never, without: untracedSync, start: startWirespan(syncOutlet, spans(inMemory))},
	{name: spoolingHandler, title: "Wirespan, http.Handler, 100 % traced, spool", traced: true, start: startWirespan(handlerOutlet, spans(withSpool))},
	{name: metricsHandler, title: "Wirespan, http.Handler, metrics", without: untracedHandler, start: startWirespan(handlerOutlet, metrics)},
	{name: accessLogHandler, title: "Wirespan, http.Handler, access log", without: untracedHandler, start: startWirespan(handlerOutlet, accessLog)},
	{name: statisticsHandler, title: "Wirespan, http.Handler, statistics", without: untracedHandler, start: startWirespan(handlerOutlet, counts)},
	{name: statsdHandler, title: "Wirespan, http.Handler, StatsD", statsd: true, without: untracedHandler, start: startWirespan(handlerOutlet, packets)},
	{name: allHandler, title: "Wirespan, http.Handler, all five at once", traced: true, statsd: true, without: untracedHandler, start: startWirespan(handlerOutlet, spans(inMemory), metrics, accessLog, counts, packets)},
}

// candidateNamed returns nil when there is none.
func candidateNamed(name string) *candidate {
	i := slices.IndexFunc(candidates, func(c candidate) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &candidates[i]
}

// The servers that the goals are about, and those that they are compared with.
const (
	netHTTP           = "nethttp"
	netHTTPTraced     = "nethttp-otelhttp"
	fastHTTP          = "fasthttp"
	fastHTTPTraced    = "fasthttp-sdk"
	hertzServer       = "hertz"
	untracedHandler   = "wirespan-handler"
	untracedSync      = "wirespan-sync"
	tracedHandler     = "wirespan-handler-traced"
	tracedSync        = "wirespan-sync-traced"
	tenthHandler      = "wirespan-handler-10pct"
	tenthSync         = "wirespan-sync-10pct"
	neverHandler      = "wirespan-handler-never"
	neverSync         = "wirespan-sync-never"
	spoolingHandler   = "wirespan-handler-spool"
	metricsHandler    = "wirespan-handler-metrics"
	accessLogHandler  = "wirespan-handler-accesslog"
	statisticsHandler = "wirespan-handler-statistics"
	statsdHandler     = "wirespan-handler-statsd"
	allHandler        = "wirespan-handler-all"
)
