package otelmetrics_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelmetrics"
)

// hot is a request as a server emits it, over and over.
type hot struct {
	to    lifecycle.Collector
	start *lifecycle.RequestStarted
	end   *lifecycle.ResponseCompleted
}

func newHot(w *wire, route string) *hot {
	r := &lifecycle.Request{
		Index: 2, Method: "GET", HTTPVersion: "1.1", Scheme: "http",
		Trace: lifecycle.TraceContext{TraceID: [16]byte{1}, SpanID: [8]byte{2}, Flags: 1},
	}
	o := w.outcome(r, 200, 120*time.Microsecond)
	o.Route, o.BytesSent = route, 13
	return &hot{to: w.to, start: &lifecycle.RequestStarted{Stamp: w.stamp, Request: r}, end: &lifecycle.ResponseCompleted{Stamp: w.stamp, Outcome: o}}
}

func (h *hot) serve() {
	h.to.Record(h.start)
	h.to.Record(h.end)
}

func TestRequestDoesNotAllocate(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{MaxSeries: 1})
	w := open(c, 0)
	for _, route := range []string{"/users/{id}", "/beyond the limit"} {
		h := newHot(w, route)
		if n := testing.AllocsPerRun(1000, h.serve); n != 0 {
			t.Errorf("%s: %v allocations a request, want none", route, n)
		}
	}
}

// TestConnectionAllocatesItself: one allocation, which is what is kept of it.
func TestConnectionAllocatesItself(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{})
	opened := &lifecycle.ConnectionOpened{Peers: peers, Protocol: "h1"}
	completed := &lifecycle.ConnectionCompleted{Duration: time.Second, Reason: lifecycle.ReasonComplete}
	rejected := &lifecycle.ConnectionRejected{Peers: peers, Code: "server_draining"}
	if n := testing.AllocsPerRun(1000, func() {
		c.OpenConnection(opened).Record(completed)
		c.Record(rejected)
	}); n != 1 {
		t.Errorf("%v allocations a connection, want 1", n)
	}
}

// BenchmarkRequest measures what the collector adds to one request: its two events, recorded by one worker for each
// goroutine, of an application with so many routes. What it takes to make the events is not in it.
func BenchmarkRequest(b *testing.B) {
	for _, routes := range []int{1, 100} {
		b.Run(fmt.Sprintf("routes=%d", routes), func(b *testing.B) {
			c := otelmetrics.New(otelmetrics.Config{})
			var workers atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				w := open(c, int(workers.Add(1)))
				var all []*hot
				for i := range routes {
					all = append(all, newHot(w, fmt.Sprintf("/api/v1/resource%d/{id}", i)))
				}
				for i := 0; p.Next(); i++ {
					all[i%routes].serve()
				}
			})
		})
	}
}

// BenchmarkProduce measures a collection from four workers with 100 routes.
func BenchmarkProduce(b *testing.B) {
	c := otelmetrics.New(otelmetrics.Config{})
	for worker := range 4 {
		w := open(c, worker)
		for i := range 100 {
			newHot(w, fmt.Sprintf("/api/v1/resource%d/{id}", i)).serve()
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Produce(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
