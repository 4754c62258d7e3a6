package otelcollector

import (
	"context"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// how a request ended.
type how byte

const (
	completed how = iota
	failed
	disconnected
)

// ending is what an outcome has beside its Outcome.
type ending struct {
	how       how
	code      string
	err       error
	unstarted bool // the head could not be parsed
}

// requestStarted gives the request its identity: in the trace of its caller, or in a new one.
func (c *connection) requestStarted(e *lifecycle.RequestStarted) {
	s := c.collector.inForce.Load()
	t := &e.Trace
	var extra []attribute.KeyValue
	switch {
	case s.ignored.matches(e.Request):
		*t = lifecycle.TraceContext{}
	case s.sampler.custom != nil:
		extra = c.askSampler(s, e.Request)
	default:
		parent := c.collector.propagator.parent(e.Request)
		identify(t, &parent)
		t.State = parent.state
		if s.sampler.rules.decide(&t.TraceID, &parent) {
			t.Flags |= flagSampled
			t.State = c.collector.propagator.state(e.Request, &parent)
		}
	}
	if c.stray {
		return
	}
	c.traced = c.traced || t.IsValid()
	c.sampled = c.sampled || t.Sampled()
	c.http10 = e.HTTPVersion == "1.0"
	c.failure = ""
	if len(extra) > 0 && (t.Sampled() || s.keeps()) {
		c.liveSpan(e).SetAttributes(extra...)
	}
}

// identify makes the ids of a span with this parent, not yet sampled.
func identify(t *lifecycle.TraceContext, parent *remote) {
	if parent.valid {
		t.TraceID, t.ParentSpanID, t.Flags = parent.traceID, parent.spanID, parent.flags&^flagSampled
	} else {
		t.TraceID, t.ParentSpanID, t.Flags = newTraceID(), [8]byte{}, flagRandom
	}
	t.SpanID = newSpanID()
}

// askSampler has a sampler decide that is not one of the SDK's. It may add attributes.
func (c *connection) askSampler(s *settings, r *lifecycle.Request) (extra []attribute.KeyValue) {
	ctx := c.collector.propagator.context(context.Background(), r)
	parent := remoteOf(ctx)
	t := &r.Trace
	identify(t, &parent)
	name, attributes := c.samplingAttributes(s, r)
	var result sdktrace.SamplingResult
	var sampled bool
	sampled, result = s.sampler.ask(ctx, t.TraceID, name, trace.SpanKindServer, attributes)
	t.State = result.Tracestate.String()
	if sampled {
		t.Flags |= flagSampled
	}
	return result.Attributes
}

// requestEnded ends the span of a request: it is appended whole to the batch of its worker.
func (c *connection) requestEnded(s lifecycle.Stamp, o *lifecycle.Outcome, end ending) {
	if o.Request == nil {
		return
	}
	span := requestSpan{c: c, settings: c.collector.inForce.Load(), stamp: s, o: o, ending: end, trace: &o.Trace}
	switch {
	case end.unstarted:
		span.trace = c.unstarted(span.settings, o.Request)
	case !o.Trace.IsValid():
		return // ignored
	case !c.stray:
		span.live = c.settle(o.Request)
	}
	if !c.stray && end.how != completed {
		c.failure = end.code
	}
	sampled := span.trace.Sampled()
	if c.shard == nil || !sampled && !span.settings.keeps() {
		return
	}
	span.prepare()
	span.state = span.trace.State
	if !sampled {
		if span.kept = span.settings.reasonToKeep(&span); span.kept == "" {
			return
		}
		span.state = c.state(span.settings, o.Request)
	}
	if !c.stray {
		c.sampled, c.traced = true, true
	}
	c.shard.encode(&span)
}

// state returns the tracestate of a request's span. One that is not sampled has been spared to read it.
func (c *connection) state(s *settings, r *lifecycle.Request) string {
	t := &r.Trace
	if t.State != "" || t.Sampled() || t.ParentSpanID == [8]byte{} || s.sampler.custom != nil {
		return t.State
	}
	return c.collector.propagator.state(r, &remote{valid: true})
}

// unstarted makes the identity of a span that no RequestStarted has given one.
func (c *connection) unstarted(s *settings, r *lifecycle.Request) *lifecycle.TraceContext {
	t, _ := s.root(nameOther, trace.SpanKindServer, func() []attribute.KeyValue {
		_, attributes := c.samplingAttributes(s, r)
		return attributes
	})
	return &t
}

// requestSpan is the span of one request at its end.
type requestSpan struct {
	ending
	c        *connection
	settings *settings
	stamp    lifecycle.Stamp
	o        *lifecycle.Outcome
	trace    *lifecycle.TraceContext
	live     *recorded // what the handler put on the span; nil when nothing
	kept     string    // why it is exported although it was not sampled; "" when it was
	state    string    // tracestate

	startNS, endNS int64 // wall time
	method         *knownMethod
	route          string
	status         otlp.StatusCode
	message        string // of the status
	errorType      string
	panicked       *lifecycle.PanicError
	panicMessage   string
}

// prepare derives everything that is not just encoded. What is not ours is called here, such as the Error method of what
// a handler panicked with: append runs under the lock of a shard.
func (r *requestSpan) prepare() {
	r.times()
	r.method = r.c.collector.method(r.o.Method)
	r.route = r.o.Route
	if r.live != nil {
		if route := r.live.takeRoute(); route != "" {
			r.route = route
		}
	}
	r.judge()
}

// times sets the ends of the span: the first byte of the head and the last byte of the response. The end is turned
// into wall time and the duration subtracted, so that the anchor may be renewed in between.
func (r *requestSpan) times() {
	end := conventions.RequestEnd(r.stamp, r.o, r.how == disconnected)
	start := r.o.Phases.FirstByte
	if start == 0 {
		start = end - max(int64(r.o.Duration), 0)
	}
	r.endNS = lifecycle.UnixNano(end)
	r.startNS = r.endNS - max(end-start, 0)
}

// judge sets the status and error.type by the conventions for HTTP servers: a 5xx is an error and a 4xx is none, unless
// the exchange itself failed. Then it is an error whatever the status.
func (r *requestSpan) judge() {
	switch {
	case r.how == completed:
		if r.o.Status >= 500 {
			r.status, r.errorType = otlp.StatusError, errorTypeOf(r.o.Status)
		}
		if r.live != nil && r.live.status != otlp.StatusUnset {
			r.status, r.message = r.live.status, r.live.message
			if r.status == otlp.StatusOK {
				r.errorType = ""
			}
		}
		return
	case r.how == failed && r.o.Status >= 400 && r.o.Status < 500 && (r.unstarted || r.o.Phases.LastByte != 0):
		r.errorType = r.code // the server refused the request, and could say so: the client's error
	default:
		r.status, r.errorType = otlp.StatusError, r.code
		r.message = messageOf(r.err)
	}
	if r.panicked = panicIn(r.err); r.panicked != nil {
		r.panicMessage = strings.TrimPrefix(r.panicked.Error(), "panic: ")
	}
}

// panicIn returns the panic in the error of a handler that panicked.
func panicIn(err error) *lifecycle.PanicError {
	var p *lifecycle.PanicError
	if err != nil {
		errors.As(err, &p)
	}
	return p
}

// append appends the span as a field of ScopeSpans.
func (r *requestSpan) append(dst []byte) []byte {
	dst, mark := otlp.Open(dst, otlp.ScopeSpansSpan)
	head := otlp.Head{
		TraceID: r.trace.TraceID, SpanID: r.trace.SpanID,
		ParentSpanID: r.trace.ParentSpanID, ParentIsRemote: r.trace.ParentSpanID != [8]byte{},
		TraceFlags: r.trace.Flags, TraceState: r.state,
		Kind: otlp.KindServer, StartNS: r.startNS, EndNS: r.endNS,
	}
	head.Name, head.Target = r.name()
	dst = otlp.AppendHead(dst, &head)
	from := len(dst)
	dst = r.appendAttributes(dst)
	if r.live != nil {
		dst = r.live.append(dst, from, r.c.collector.limits.AttributeValueLengthLimit)
	}
	if r.panicked != nil {
		dst = otlp.AppendEvent(dst, r.panicEvent(), r.c.collector.limits.AttributeValueLengthLimit)
	}
	dst = otlp.AppendStatus(dst, r.status, r.message)
	return otlp.Close(dst, mark)
}

// name returns the name of the span, in the two parts that it may consist of.
func (r *requestSpan) name() (name, target string) {
	switch {
	case r.live != nil && r.live.name != "":
		return r.live.name, ""
	case r.method != nil:
		return r.method.name, r.route
	}
	return nameOther, r.route
}

// panicEvent is the event of a handler that panicked.
func (r *requestSpan) panicEvent() *otlp.Event {
	at := r.endNS
	if end := r.o.Phases.HandlerEnd; end != 0 && end <= r.stamp.TimestampNS {
		at = lifecycle.UnixNano(end)
	}
	return &otlp.Event{Name: nameException, TimeNS: at, Attributes: []attribute.KeyValue{
		attribute.String(exceptionType, typeName(r.panicked.Value)),
		attribute.String(exceptionMessage, r.panicMessage),
		attribute.String(exceptionStacktrace, string(r.panicked.Stack)),
	}}
}
