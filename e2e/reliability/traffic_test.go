package reliability_test

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/otelcollector"
)

// traffic is a connection on which requests are served, as their server tells of it: each makes a span with a number.
type traffic struct {
	mu    sync.Mutex
	to    lifecycle.Collector
	stamp lifecycle.Stamp
	made  []time.Time // when each span ended, by its number
	open  bool
}

// batchBytes is the size of a span of which no two go into one batch.
const batchBytes = 300 << 10

func newTraffic(c *otelcollector.Collector) *traffic {
	now := lifecycle.MonotonicNS()
	e := lifecycle.ConnectionOpened{
		Stamp:    lifecycle.Stamp{ConnectionID: lifecycle.NextConnectionID(), TimestampNS: now},
		Peers:    lifecycle.Peers{ClientAddr: "203.0.113.5", ClientPort: 50123, ServerAddr: "192.0.2.1", ServerPort: 8080, Network: "tcp"},
		Protocol: "h1", AcceptedNS: now,
	}
	return &traffic{to: c.OpenConnection(&e), stamp: e.Stamp, open: true}
}

// serve makes the spans of n requests, and returns the number of the first.
func (w *traffic) serve(n int) int { return w.serveSized(n, 0) }

// serveBatches makes n spans that go into a batch each.
func (w *traffic) serveBatches(n int) int { return w.serveSized(n, batchBytes) }

// serveSized makes the spans of n requests, each with so many bytes more.
func (w *traffic) serveSized(n, bytes int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := len(w.made)
	agent := strings.Repeat("x", bytes)
	for range n {
		w.serveLocked(agent)
	}
	return first
}

func (w *traffic) serveLocked(agent string) {
	now := lifecycle.MonotonicNS()
	w.stamp.TimestampNS = now
	request := lifecycle.Request{
		Index: len(w.made) + 1, Method: "GET", Target: fmt.Sprint(faults.Serial, len(w.made)), HTTPVersion: "1.1", Host: "shop.example", Scheme: "http",
		Fields: lifecycletest.Fields{{"User-Agent", agent}},
	}
	phases := lifecycle.Phases{
		IdleSince: now, FirstByte: now, HeadParsed: now, HandlerStart: now, FirstResponseByte: now, HandlerEnd: now, LastByte: now,
	}
	w.to.Record(&lifecycle.RequestStarted{Stamp: w.stamp, Request: &request, Phases: phases})
	w.to.Record(&lifecycle.ResponseCompleted{Stamp: w.stamp, Outcome: lifecycle.Outcome{Request: &request, Status: 200, Phases: phases}})
	w.made = append(w.made, time.Now())
}

// keepServing makes spans, some at each interval, until the function that it returns is called, which waits for the end.
func (w *traffic) keepServing(n int, every time.Duration) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				w.serve(n)
			case <-done:
				return
			}
		}
	})
	return func() { close(done); running.Wait() }
}

// ended returns when the span with a number ended.
func (w *traffic) ended(serial int) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.made[serial]
}

// hangUp ends the connection, which makes one more span.
func (w *traffic) hangUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open {
		w.open = false
		w.stamp.TimestampNS = lifecycle.MonotonicNS()
		w.to.Record(&lifecycle.ConnectionCompleted{Stamp: w.stamp, RequestsServed: len(w.made), Reason: lifecycle.ReasonComplete})
	}
}
