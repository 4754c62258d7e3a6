package otelcollector

import (
	"context"
	"net/netip"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/lifecycle"
)

// connection is the collector of one connection's events. A server may have very many of them idle, so it is small: the
// attributes that do not change are encoded once, in one piece.
type connection struct {
	collector *Collector
	shard     *shard // nil when nothing is exported

	// Fixed when the connection is opened.
	constants        constants
	traceID          [16]byte
	spanID           [8]byte
	flags            byte // trace-flags of the connection's span by its own decision
	stray            bool // stands in for many connections: has no span, and its fields below do not change
	trusted          bool // the peer is a proxy whose headers are believed
	secure           bool
	sideBySide       bool // HTTP/2: outcomes come in any order, so ended says nothing of other requests
	acceptedNS       int64
	handshakeStartNS int64
	handshakeEndNS   int64

	// Only touched by the events, which come one after the other.
	sampled bool   // the connection's own span, or one of its requests'
	traced  bool   // one of its requests was not ignored
	http10  bool   // the last request was HTTP/1.0
	failure string // Code of the last request, if that failed

	mu    sync.Mutex // guards what follows: Context may be called from any goroutine
	ended int        // Index of the last request that has its outcome
	live  *liveSpan  // of requests without an outcome, the newest first
}

var (
	_ lifecycle.Collector       = (*connection)(nil)
	_ lifecycle.ContextProvider = (*connection)(nil)
)

// open starts the span of a connection. Whether it is exported is decided when the connection is closed: when it was
// sampled itself, or one of its requests was and links to it.
func (c *Collector) open(e *lifecycle.ConnectionOpened) *connection {
	t, _ := c.inForce.Load().root(nameConnection, trace.SpanKindInternal, peerAttributes(&e.Peers))
	n := &connection{}
	n.describe(c, e)
	n.traceID, n.spanID, n.flags, n.sampled = t.TraceID, t.SpanID, t.Flags, t.Sampled()
	if c.pipeline != nil {
		n.shard = c.pipeline.worker(e.WorkerID)
		n.constants = encodeConstants(n, e)
	}
	return n
}

// describe fills in what e says of the connection.
func (c *connection) describe(to *Collector, e *lifecycle.ConnectionOpened) {
	c.collector = to
	c.trusted = e.TrustedBy(to.trusted)
	c.secure = e.TLS != nil
	c.sideBySide = e.Protocol == "h2"
	c.acceptedNS, c.handshakeStartNS, c.handshakeEndNS = e.AcceptedNS, e.HandshakeStartNS, e.HandshakeEndNS
	if c.acceptedNS == 0 {
		c.acceptedNS = e.TimestampNS
	}
}

// Record implements [lifecycle.Collector].
func (c *connection) Record(e lifecycle.Event) {
	switch e := e.(type) {
	case *lifecycle.RequestStarted:
		c.requestStarted(e)
	case *lifecycle.ResponseCompleted:
		c.requestEnded(e.Stamp, &e.Outcome, ending{how: completed})
	case *lifecycle.RequestFailed:
		c.requestEnded(e.Stamp, &e.Outcome, ending{how: failed, code: e.Code, err: e.Err, unstarted: !e.Started})
	case *lifecycle.ClientDisconnected:
		c.requestEnded(e.Stamp, &e.Outcome, ending{how: disconnected, code: conventions.ErrorClientDisconnect, err: e.Err})
	case *lifecycle.ConnectionCompleted:
		if !c.stray {
			c.completed(e)
		}
	}
}

// Context implements [lifecycle.ContextProvider]: the context carries the span of the request, and the baggage that
// came with it. That of a request that is ignored carries the span of its caller.
func (c *connection) Context(parent context.Context, e *lifecycle.RequestStarted) context.Context {
	ctx := c.collector.propagator.context(parent, e.Request)
	if !e.Trace.IsValid() {
		return ctx
	}
	return trace.ContextWithSpan(ctx, c.liveSpan(e))
}

// liveSpan returns the span of a request for its handler. It records if the request is sampled, or may be kept although it
// is not, and has no outcome.
func (c *connection) liveSpan(e *lifecycle.RequestStarted) trace.Span {
	settings := c.collector.inForce.Load()
	s := newLiveSpan(c.collector, &e.Trace, c.state(settings, e.Request))
	if e.Ended || c.stray || !e.Trace.Sampled() && !settings.keeps() {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Index <= c.ended && !c.sideBySide {
		return s
	}
	if known := c.findLocked(e.Trace.SpanID); known != nil {
		return known
	}
	s.recording = true
	s.next, c.live = c.live, s
	return s
}

func (c *connection) findLocked(id [8]byte) *liveSpan {
	for s := c.live; s != nil; s = s.next {
		if s.context.SpanID() == id {
			return s
		}
	}
	return nil
}

// settle notes that a request has its outcome and returns what its handler put on the span; nil when that is nothing.
func (c *connection) settle(r *lifecycle.Request) *recorded {
	c.mu.Lock()
	c.ended = r.Index
	var s *liveSpan
	for at := &c.live; *at != nil; at = &(*at).next {
		if (*at).context.SpanID() == r.Trace.SpanID {
			s = *at
			*at, s.next = s.next, nil
			break
		}
	}
	c.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.finish()
}

// parseAddr returns the zero Addr for what is not an address.
func parseAddr(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
