package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
)

// candidate is a server that takes part: a row of the table.
type candidate struct {
	name   string
	title  string
	traced bool // sends its spans to the receiver that the environment names
	start  func(context.Context) (*server, error)
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
	{name: "wirespan-handler", title: "Wirespan, http.Handler", start: startWirespan(handlerOutlet, false)},
	{name: "wirespan-sync", title: "Wirespan, SyncHandler", start: startWirespan(syncOutlet, false)},
	{name: "wirespan-handler-traced", title: "Wirespan, http.Handler, 100 % traced", traced: true, start: startWirespan(handlerOutlet, true)},
	{name: "wirespan-sync-traced", title: "Wirespan, SyncHandler, 100 % traced", traced: true, start: startWirespan(syncOutlet, true)},
}

// The row that the others are compared with, and those that the goals are about.
const (
	baseline        = "nethttp"
	untracedHandler = "wirespan-handler"
	tracedHandler   = "wirespan-handler-traced"
)

const (
	greeting  = "Hello, World!"
	plainText = "text/plain; charset=utf-8"
)

// served counts the requests that reached the handler of this process. All candidates count, so that it costs all the same.
var served atomic.Uint64

// hello is the handler of every server that takes an http.Handler.
func hello(w http.ResponseWriter, _ *http.Request) {
	served.Add(1)
	w.Header().Set("Content-Type", plainText)
	fmt.Fprint(w, greeting)
}
