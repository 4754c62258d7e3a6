package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// waits is how long clients have let the server wait, by route, and the page that tells it. The zero value is ready.
type waits struct {
	mu     sync.Mutex // hooks are called from many goroutines at once; what it guards takes no time
	routes []*route
}

type route struct {
	name       string
	send, read wait // what was waited for
}

type wait struct {
	now, times int
	longest    time.Duration
}

// of returns a handler that keeps the account of a route.
func (w *waits) of(name string, handler http.HandlerFunc) http.Handler {
	r := &route{name: name}
	w.routes = append(w.routes, r)
	hooks := &instrument.Hooks{
		RecvStart: func(instrument.IOStart) { w.begin(&r.send) },
		RecvReady: func(i instrument.IOReady) { w.end(&r.send, i) },
		SendStart: func(instrument.IOStart) { w.begin(&r.read) },
		SendReady: func(i instrument.IOReady) { w.end(&r.read, i) },
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		handler(rw, r.WithContext(instrument.With(r.Context(), hooks)))
	})
}

func (w *waits) begin(of *wait) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of.now++
}

func (w *waits) end(of *wait, i instrument.IOReady) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of.now--
	if !i.Immediate {
		of.times++
		of.longest = max(of.longest, i.Wait)
	}
}

// ServeHTTP writes a line for each route.
func (w *waits) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.routes {
		fmt.Fprintf(rw, "%s: clients were waited for to send %v, to read %v\n", r.name, r.send, r.read)
	}
}

// String implements [fmt.Stringer].
func (w wait) String() string {
	return fmt.Sprintf("%d times, %d now, %v at most", w.times, w.now, w.longest.Round(time.Microsecond))
}
