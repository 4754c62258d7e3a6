package main

import (
	"context"
	"net/http"
)

// candidate is a server that takes part.
type candidate struct {
	name   string
	title  string
	traced bool // sends its spans to the receiver that the environment names

	// start runs it with an application. Servers with a handler of their own kind have the greeting in it instead, and
	// take part only where that is what is asked for.
	start func(context.Context, http.Handler) (*server, error)
}

// server is a candidate that runs.
type server struct {
	addr  string                      // host:port
	flush func(context.Context) error // sends all spans; nil when there are none
}

// candidates in the order of the table. All answer the same request in the same words, in the usual way of writing a
// handler for them, and run as they come: no setting is touched that would make one slower or faster than its users know it.
var candidates = []candidate{
	{name: "nethttp", title: "net/http", start: startNetHTTP},
	{name: "nethttp-otelhttp", title: "net/http + otelhttp, SDK batch processor, 100 % traced", traced: true, start: startOtelHTTP},
	{name: "fasthttp", title: "fasthttp", start: startFastHTTP},
	{name: "fasthttp-sdk", title: "fasthttp + one SDK span a request, SDK batch processor, 100 % traced", traced: true, start: startTracedFastHTTP},
	{name: "hertz", title: "hertz", start: startHertz},
	{name: "wirespan-handler", title: "Wirespan, http.Handler", start: startWirespan(handlerOutlet, false)},
	{name: "wirespan-sync", title: "Wirespan, SyncHandler", start: startWirespan(syncOutlet, false)},
	{name: "wirespan-handler-traced", title: "Wirespan, http.Handler, 100 % traced", traced: true, start: startWirespan(handlerOutlet, true)},
	{name: "wirespan-sync-traced", title: "Wirespan, SyncHandler, 100 % traced", traced: true, start: startWirespan(syncOutlet, true)},
}

// The servers that the goals are about, and those that they are compared with.
const (
	netHTTP         = "nethttp"
	netHTTPTraced   = "nethttp-otelhttp"
	fastHTTP        = "fasthttp"
	hertzServer     = "hertz"
	untracedHandler = "wirespan-handler"
	tracedHandler   = "wirespan-handler-traced"
	tracedSync      = "wirespan-sync-traced"
)
