package otelcollector_test

import (
	"context"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/otelcollector"
)

// wire emits the events of one connection.
type wire struct {
	t         testing.TB
	to        lifecycle.Collector
	stamp     lifecycle.Stamp
	index     int
	idleSince int64
	sent      int64
	clock     int64 // 0 is the real one; else the time, which each reading moves on
}

func (w *wire) now() int64 {
	if w.clock == 0 {
		return lifecycle.MonotonicNS()
	}
	w.clock = max(w.clock, w.idleSince) + int64(time.Millisecond)
	return w.clock
}

// exchange is one request on a wire.
type exchange struct {
	w       *wire
	request lifecycle.Request
	phases  lifecycle.Phases
}

var testPeers = lifecycle.Peers{ClientAddr: "203.0.113.5", ClientPort: 50123, ServerAddr: "192.0.2.1", ServerPort: 8080, Network: "tcp"}

func dial(t testing.TB, c *otelcollector.Collector, change ...func(*lifecycle.ConnectionOpened)) *wire {
	now := lifecycle.MonotonicNS()
	e := lifecycle.ConnectionOpened{
		Stamp:      lifecycle.Stamp{ConnectionID: lifecycle.NextConnectionID(), TimestampNS: now},
		Peers:      testPeers,
		Protocol:   "h1",
		AcceptedNS: now,
	}
	for _, f := range change {
		f(&e)
	}
	return &wire{t: t, to: c.OpenConnection(&e), stamp: e.Stamp, idleSince: now}
}

func (w *wire) at(ns int64) lifecycle.Stamp {
	w.stamp.TimestampNS = ns
	return w.stamp
}

// start sends the head of a request.
func (w *wire) start(method, target string, fields ...[2]string) *exchange {
	w.index++
	now := w.now()
	x := &exchange{w: w, request: lifecycle.Request{
		Index: w.index, Method: method, Target: target, HTTPVersion: "1.1", Host: "shop.example:8443", Scheme: "http",
		Fields: lifecycletest.Fields(fields),
	}}
	x.phases = lifecycle.Phases{IdleSince: w.idleSince, FirstByte: now, HeadParsed: now + int64(time.Millisecond)}
	w.to.Record(&lifecycle.RequestStarted{Stamp: w.at(x.phases.HeadParsed), Request: &x.request, Phases: x.phases})
	x.phases.HandlerStart = x.phases.HeadParsed + int64(2*time.Millisecond)
	return x
}

// context returns what the handler sees.
func (x *exchange) context() context.Context {
	x.w.t.Helper()
	p, ok := x.w.to.(lifecycle.ContextProvider)
	if !ok {
		x.w.t.Fatal("the connection provides no context")
	}
	return p.Context(x.w.t.Context(), &lifecycle.RequestStarted{Stamp: x.w.stamp, Request: &x.request})
}

func (x *exchange) outcome(status int, change []func(*lifecycle.Outcome)) lifecycle.Outcome {
	p := &x.phases
	p.HandlerEnd = p.HandlerStart + int64(4*time.Millisecond)
	if status != 0 {
		p.FirstResponseByte = p.HandlerEnd
		p.LastByte = p.HandlerEnd + int64(8*time.Millisecond)
	}
	o := lifecycle.Outcome{Request: &x.request, Status: status, BytesSent: 512, Phases: *p}
	for _, f := range change {
		f(&o)
	}
	o.Duration = time.Duration(p.HandlerEnd + int64(9*time.Millisecond) - p.FirstByte)
	x.w.sent += o.BytesSent
	x.w.idleSince = p.HandlerEnd + int64(9*time.Millisecond)
	return o
}

func (x *exchange) complete(status int, change ...func(*lifecycle.Outcome)) {
	o := x.outcome(status, change)
	x.w.to.Record(&lifecycle.ResponseCompleted{Stamp: x.w.at(x.w.idleSince), Outcome: o})
}

func (x *exchange) fail(status int, code string, err error, change ...func(*lifecycle.Outcome)) {
	o := x.outcome(status, change)
	x.w.to.Record(&lifecycle.RequestFailed{Stamp: x.w.at(x.w.idleSince), Outcome: o, Code: code, Err: err, Started: true})
}

func (x *exchange) disconnect(status int, err error, change ...func(*lifecycle.Outcome)) {
	o := x.outcome(status, change)
	x.w.to.Record(&lifecycle.ClientDisconnected{Stamp: x.w.at(x.w.idleSince), Outcome: o, DuringStreaming: o.BytesSent > 0, Err: err})
}

func (w *wire) close(why lifecycle.Reason) {
	w.to.Record(&lifecycle.ConnectionCompleted{
		Stamp: w.at(max(w.stamp.TimestampNS, w.now())), RequestsServed: w.index, TotalBytesSent: w.sent, Reason: why,
	})
}

func route(r string) func(*lifecycle.Outcome) { return func(o *lifecycle.Outcome) { o.Route = r } }
