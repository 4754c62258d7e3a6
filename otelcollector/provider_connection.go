package otelcollector

import (
	"bytes"
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// providedConnection is the collector of one connection's events whose spans a provider makes.
type providedConnection struct {
	*connection // of which the spans that are encoded here have only the attributes

	span    trace.Span   // of the connection; nil before it is started, and when it stands in for many
	startNS int64        // of that span, in wall time
	links   []trace.Link // of requests: to that span, when there is something to link to

	handed *handedSpan // of requests without an outcome, the newest first; guarded by the lock of connection
}

var (
	_ lifecycle.Collector       = (*providedConnection)(nil)
	_ lifecycle.ContextProvider = (*providedConnection)(nil)
)

// openProvided notes what there is to say of a connection.
func (c *Collector) openProvided(e *lifecycle.ConnectionOpened) lifecycle.Collector {
	n := &connection{}
	n.describe(c, e)
	n.constants = encodeConstants(n, e)
	return &providedConnection{connection: n}
}

// begin starts the span of the connection, and ends that of its handshake, unless that was done. It is late, at the first
// request that is not ignored: a connection with nothing but health checks has no span. The provider decides then whether
// it is sampled, and cannot be asked again when one of its requests is.
func (p *providedConnection) begin() {
	if p.span != nil || p.stray {
		return
	}
	provided := p.collector.provided
	p.startNS = lifecycle.UnixNano(p.acceptedNS)
	p.span = provided.start(context.Background(), &start{
		name: nameConnection, kind: trace.SpanKindInternal, atNS: p.startNS,
		attributes: attributesOf(func(dst []byte) []byte { return append(dst, p.constants.connection()...) }, all),
	})
	sc := p.span.SpanContext()
	if sc.IsSampled() {
		p.links = []trace.Link{{SpanContext: sc, Attributes: connectionLink}}
	}
	if !p.shookHands() || !p.span.IsRecording() {
		return
	}
	handshake := provided.start(trace.ContextWithSpan(context.Background(), p.span), &start{
		name: nameHandshake, kind: trace.SpanKindInternal, atNS: p.startNS + p.handshakeStartNS - p.acceptedNS,
		attributes: attributesOf(func(dst []byte) []byte { return append(dst, p.constants.handshake()...) }, all),
	})
	end(handshake, p.startNS+p.handshakeEndNS-p.acceptedNS, otlp.StatusUnset, "")
}

// Record implements [lifecycle.Collector].
func (p *providedConnection) Record(e lifecycle.Event) {
	switch e := e.(type) {
	case *lifecycle.RequestStarted:
		p.requestStarted(e)
	case *lifecycle.ResponseCompleted:
		p.requestEnded(e.Stamp, &e.Outcome, ending{how: completed})
	case *lifecycle.RequestFailed:
		p.requestEnded(e.Stamp, &e.Outcome, ending{how: failed, code: e.Code, err: e.Err, unstarted: !e.Started})
	case *lifecycle.ClientDisconnected:
		p.requestEnded(e.Stamp, &e.Outcome, ending{how: disconnected, code: conventions.ErrorClientDisconnect, err: e.Err})
	case *lifecycle.ConnectionCompleted:
		p.completed(e)
	}
}

// requestStarted starts the span of a request and gives the request its identity. What stands in for many connections has
// nowhere to keep a span: there it is started when it ends.
func (p *providedConnection) requestStarted(e *lifecycle.RequestStarted) {
	if p.stray {
		return
	}
	p.http10 = e.HTTPVersion == "1.0"
	p.failure = ""
	settings := p.collector.inForce.Load()
	e.Trace = lifecycle.TraceContext{}
	if settings.ignored.matches(e.Request) {
		return
	}
	p.begin()
	ctx := p.collector.propagator.context(context.Background(), e.Request)
	at := e.TimestampNS
	if e.Phases.FirstByte != 0 {
		at = e.Phases.FirstByte
	}
	r := requestSpan{
		c: p.connection, settings: settings, stamp: e.Stamp, o: &lifecycle.Outcome{Request: e.Request, Phases: e.Phases},
		method: p.collector.method(e.Method), startNS: lifecycle.UnixNano(at),
	}
	span := p.startRequest(ctx, &r, isForSampler)
	if !identifyAs(&e.Trace, span.SpanContext(), trace.SpanContextFromContext(ctx)) || !span.IsRecording() {
		return
	}
	name, _ := r.name()
	h := &handedSpan{Span: span, startNS: r.startNS, given: name}
	p.mu.Lock()
	defer p.mu.Unlock()
	h.next, p.handed = p.handed, h
}

// startRequest starts a span with those of the attributes known that want asks for.
func (p *providedConnection) startRequest(ctx context.Context, r *requestSpan, want func(key []byte) bool) trace.Span {
	return p.collector.provided.start(ctx, &start{
		name: r.wholeName(), kind: trace.SpanKindServer, atNS: r.startNS,
		attributes: attributesOf(r.appendAttributes, want), links: p.links,
	})
}

// identifyAs writes the identity of a span. It returns false if there is no span: a provider that makes none hands on the
// one of the caller.
func identifyAs(t *lifecycle.TraceContext, sc, parent trace.SpanContext) bool {
	if !sc.IsValid() || sc.SpanID() == parent.SpanID() {
		return false
	}
	*t = lifecycle.TraceContext{
		TraceID: sc.TraceID(), SpanID: sc.SpanID(), Flags: byte(sc.TraceFlags()), State: sc.TraceState().String(),
	}
	if sc.TraceID() == parent.TraceID() {
		t.ParentSpanID = parent.SpanID()
	}
	return true
}

// requestEnded ends the span of a request.
func (p *providedConnection) requestEnded(s lifecycle.Stamp, o *lifecycle.Outcome, ends ending) {
	if o.Request == nil {
		return
	}
	r := requestSpan{c: p.connection, settings: p.collector.inForce.Load(), stamp: s, o: o, ending: ends}
	if p.stray {
		if ends.unstarted || !r.settings.ignored.matches(o.Request) {
			p.requestAtOnce(&r)
		}
		return
	}
	if !ends.unstarted && !o.Trace.IsValid() {
		return // ignored
	}
	if ends.how != completed {
		p.failure = ends.code
	}
	if ends.unstarted {
		p.begin()
		p.requestAtOnce(&r)
		return
	}
	h := p.take(o.Trace.SpanID)
	if h == nil {
		return
	}
	r.live = h.finish()
	r.prepare()
	h.Span.SetAttributes(attributesOf(r.appendAttributes, func(key []byte) bool { return !isForSampler(key) && !r.live.has(key) })...)
	if name := r.wholeName(); name != h.given {
		h.Span.SetName(otlp.Valid(name))
	}
	r.endOn(h.Span, h.startNS-r.startNS)
}

// requestAtOnce starts and ends the span of a request: of a head that could not be parsed, it is a root.
func (p *providedConnection) requestAtOnce(r *requestSpan) {
	ctx := context.Background()
	if !r.unstarted {
		ctx = p.collector.propagator.context(ctx, r.o.Request)
	}
	r.prepare()
	if span := p.startRequest(ctx, r, all); span.IsRecording() {
		r.endOn(span, 0)
	}
}

// wholeName is the name of the span in one piece.
func (r *requestSpan) wholeName() string {
	name, target := r.name()
	if target != "" {
		name += " " + target
	}
	return name
}

// endOn ends span as r. The anchor of the wall clock may have been renewed since the start: shiftNS keeps the duration.
func (r *requestSpan) endOn(span trace.Span, shiftNS int64) {
	if r.panicked != nil {
		e := r.panicEvent()
		for i, kv := range e.Attributes {
			e.Attributes[i] = attribute.String(string(kv.Key), otlp.Valid(kv.Value.AsString()))
		}
		span.AddEvent(e.Name, trace.WithTimestamp(time.Unix(0, e.TimeNS+shiftNS)), trace.WithAttributes(e.Attributes...))
	}
	end(span, r.endNS+shiftNS, r.status, r.message)
}

// completed ends the span of a connection.
func (p *providedConnection) completed(e *lifecycle.ConnectionCompleted) {
	if e.RequestsServed == 0 {
		p.begin()
	}
	if p.span == nil || !p.span.IsRecording() {
		return
	}
	status, code := otlp.StatusUnset, conventions.ConnectionError(e.Reason, p.failure)
	if code != "" {
		status = otlp.StatusError
	}
	p.span.SetAttributes(attributesOf(func(dst []byte) []byte { return p.appendCompleted(dst, e, code) }, all)...)
	end(p.span, p.startNS+max(e.TimestampNS-p.acceptedNS, 0), status, "")
}

// Context implements [lifecycle.ContextProvider]: the context carries the span of the request, and the baggage that
// came with it.
func (p *providedConnection) Context(parent context.Context, e *lifecycle.RequestStarted) context.Context {
	ctx := p.collector.propagator.context(parent, e.Request)
	if !e.Trace.IsValid() {
		return ctx
	}
	return trace.ContextWithSpan(ctx, p.spanFor(&e.Trace))
}

// spanFor returns the span of a request for its handler: one that only has its identity if it does not record.
func (p *providedConnection) spanFor(t *lifecycle.TraceContext) trace.Span {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := *p.findHandedLocked(t.SpanID); h != nil {
		return h.forHandler()
	}
	return newLiveSpan(p.collector, t, t.State)
}

// take removes the span of a request that has its outcome; nil when there is none.
func (p *providedConnection) take(id trace.SpanID) *handedSpan {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.findHandedLocked(id)
	h := *at
	if h != nil {
		*at, h.next = h.next, nil
	}
	return h
}

// findHandedLocked returns the place of a span in the list, or the end of it.
func (p *providedConnection) findHandedLocked(id trace.SpanID) **handedSpan {
	at := &p.handed
	for *at != nil && (*at).SpanContext().SpanID() != id {
		at = &(*at).next
	}
	return at
}

// keysForSampler are the attributes that the conventions want when a span is started, for samplers. They do not change
// until its end.
var keysForSampler = keySet(keyClientAddress, keyMethod, keyServerAddress, keyServerPort, keyPath, keyQuery, keyScheme, keyUserAgent)

func isForSampler(key []byte) bool {
	return keysForSampler[string(key)] || bytes.HasPrefix(key, []byte(prefixRequestHeader))
}
