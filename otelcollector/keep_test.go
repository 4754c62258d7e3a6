package otelcollector_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

// unsampled is a collector that samples nothing, with these settings.
func unsampled(t *testing.T, s *sink, settings otelcollector.Settings) *otelcollector.Collector {
	t.Helper()
	cfg := quiet(t, s)
	cfg.Settings = settings
	cfg.Sampler = sdktrace.ParentBased(sdktrace.NeverSample())
	return newCollector(t, cfg)
}

func streamed(o *lifecycle.Outcome) { o.Streaming = true }

func TestKeep(t *testing.T) {
	keepErrors := otelcollector.Settings{KeepErrors: true}
	slower := func(d time.Duration) otelcollector.Settings { return otelcollector.Settings{KeepSlowerThan: d} }
	live := func(f func(trace.Span)) func(*exchange) {
		return func(x *exchange) {
			f(trace.SpanFromContext(x.context()))
			x.complete(200)
		}
	}
	// An exchange takes 15 ms, the first byte of its response comes after 7.
	for _, c := range []struct {
		name     string
		settings otelcollector.Settings
		do       func(*exchange)
		reason   string // "": not exported
	}{
		{"200", keepErrors, func(x *exchange) { x.complete(200) }, ""},
		{"404", keepErrors, func(x *exchange) { x.complete(404) }, ""},
		{"500", keepErrors, func(x *exchange) { x.complete(500) }, "error"},
		{"500, not asked for", otelcollector.Settings{}, func(x *exchange) { x.complete(500) }, ""},
		{"500, asked for slow ones", slower(time.Second), func(x *exchange) { x.complete(500) }, ""},
		{"a failed exchange", keepErrors, func(x *exchange) { x.fail(0, "write_canceled", nil) }, "error"},
		{"a refused body", keepErrors, func(x *exchange) { x.fail(413, "max_request_body_size_exceeded", nil) }, "error"},
		{"a panic", keepErrors, func(x *exchange) { x.fail(500, "panic", &lifecycle.PanicError{Value: "no"}) }, "error"},
		{"the client left", keepErrors, func(x *exchange) { x.disconnect(200, nil) }, "error"},
		{"an error of the handler's", keepErrors, live(func(s trace.Span) { s.SetStatus(codes.Error, "") }), "error"},
		{"longer", slower(15*time.Millisecond - 1), func(x *exchange) { x.complete(200) }, "slow"},
		{"as long", slower(15 * time.Millisecond), func(x *exchange) { x.complete(200) }, ""},
		{"slow and an error", otelcollector.Settings{KeepErrors: true, KeepSlowerThan: 1}, func(x *exchange) { x.complete(500) }, "error"},
		{"a stream that lasts", slower(7 * time.Millisecond), func(x *exchange) { x.complete(200, streamed) }, ""},
		{"a stream that begins late", slower(7*time.Millisecond - 1), func(x *exchange) { x.complete(200, streamed) }, "slow"},
		{"a stream that never begins", slower(7 * time.Millisecond), func(x *exchange) {
			x.disconnect(0, nil, streamed)
		}, "slow"},
		{"OK by the handler", keepErrors, func(x *exchange) {
			trace.SpanFromContext(x.context()).SetStatus(codes.Ok, "")
			x.complete(500)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{}
			col := unsampled(t, s, c.settings)
			w := dial(t, col)
			w.start("GET", "/before").complete(200, func(o *lifecycle.Outcome) {
				at := o.Phases.FirstByte
				o.Phases = lifecycle.Phases{FirstByte: at, HandlerEnd: at, LastByte: at}
			})
			x := w.start("GET", "/")
			c.do(x)
			w.close(lifecycle.ReasonComplete)
			spans := received(t, col, s)
			if c.reason == "" {
				if len(spans) != 0 {
					t.Errorf("%d spans were exported: %v", len(spans), spans)
				}
				return
			}
			request := theSpan(t, spans, tracepb.Span_SPAN_KIND_SERVER)
			checkAttrs(t, request.Attributes, map[string]any{"wirespan.sampling.reason": c.reason, "url.path": "/"})
			if request.Flags != 0x102 || !bytes.Equal(request.SpanId, x.request.Trace.SpanID[:]) {
				t.Errorf("flags %#x, span id %x: want what the handler saw, which was not sampled", request.Flags, request.SpanId)
			}
			connection := theSpan(t, spans, tracepb.Span_SPAN_KIND_INTERNAL)
			if l := request.Links[0]; !bytes.Equal(l.SpanId, connection.SpanId) || !bytes.Equal(l.TraceId, connection.TraceId) {
				t.Error("the link does not lead to the span of the connection")
			}
		})
	}
}

func TestKeepHeadThatCouldNotBeParsed(t *testing.T) {
	s := &sink{}
	c := unsampled(t, s, otelcollector.Settings{KeepErrors: true})
	w := dial(t, c)
	w.to.Record(&lifecycle.RequestFailed{Stamp: w.stamp, Outcome: lifecycle.Outcome{Request: &lifecycle.Request{}, Status: 400}, Code: "invalid_request_line"})
	w.close(lifecycle.ReasonError)
	spans := received(t, c, s)
	if len(spans) != 2 {
		t.Fatalf("want the request and its connection: %v", spans)
	}
	span := theSpan(t, spans, tracepb.Span_SPAN_KIND_SERVER)
	checkAttrs(t, span.Attributes, map[string]any{"wirespan.sampling.reason": "error", "error.type": "invalid_request_line"})
}

// What its caller did not sample is kept in the caller's trace.
func TestKeepInTheTraceOfTheCaller(t *testing.T) {
	s := &sink{}
	c := unsampled(t, s, otelcollector.Settings{KeepErrors: true})
	dial(t, c).start("GET", "/", [2]string{"traceparent", traceparent + "00"}, [2]string{"tracestate", "a=1"}).complete(500)
	span := received(t, c, s)[0]
	if !bytes.Equal(span.TraceId, unhex(t, parentTrace)) || !bytes.Equal(span.ParentSpanId, unhex(t, parentSpan)) || span.Flags != 0x300 || span.TraceState != "a=1" {
		t.Errorf("want a child of the caller's span, not sampled: %v", span)
	}
}

func TestSampledNeedsNoReason(t *testing.T) {
	s := &sink{}
	c := unsampled(t, s, otelcollector.Settings{KeepErrors: true, KeepSlowerThan: 1})
	dial(t, c).start("GET", "/", [2]string{"traceparent", traceparent + "01"}).complete(500)
	span := received(t, c, s)[0]
	checkAttrs(t, span.Attributes, map[string]any{"wirespan.sampling.reason": nil})
	if span.Flags != 0x301 {
		t.Errorf("flags %#x, want sampled", span.Flags)
	}
}

// The live span of a request that may be kept is that of a RecordOnly decision: it records, and is not sampled.
func TestLiveSpanOfAKeptRequest(t *testing.T) {
	s := &sink{}
	c := unsampled(t, s, otelcollector.Settings{KeepErrors: true})
	w := dial(t, c)
	handle := func(x *exchange, status int) {
		ctx := x.context()
		span := trace.SpanFromContext(ctx)
		if !span.IsRecording() || span.SpanContext().IsSampled() {
			t.Errorf("records: %t, sampled: %t; want a span that records only", span.IsRecording(), span.SpanContext().IsSampled())
		}
		span.SetAttributes(attribute.String("user", "a"))
		span.RecordError(errors.New("oops"))
		own := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(c.SpanProcessor()))
		for _, p := range []trace.TracerProvider{own, span.TracerProvider()} {
			_, child := p.Tracer("shop").Start(ctx, "child")
			child.End()
		}
		x.complete(status, route("/{id}"))
	}
	handle(w.start("GET", "/1"), 200)
	handle(w.start("GET", "/2"), 500)
	spans := received(t, c, s)
	if len(spans) != 1 || len(spans[0].Events) != 1 || spans[0].Name != "GET /{id}" {
		t.Fatalf("want the failed request with its event: %v", spans)
	}
	checkAttrs(t, spans[0].Attributes, map[string]any{"user": "a", "url.path": "/2"})
}

// recordOnly is a sampler that only says that a span be recorded, and adds to it.
type recordOnly struct{}

func (recordOnly) Description() string { return "record only" }

func (recordOnly) ShouldSample(sdktrace.SamplingParameters) sdktrace.SamplingResult {
	return sdktrace.SamplingResult{Decision: sdktrace.RecordOnly, Attributes: []attribute.KeyValue{attribute.Bool("seen", true)}}
}

func TestKeepWithAttributesOfTheSampler(t *testing.T) {
	s := &sink{}
	cfg := quiet(t, s)
	cfg.Sampler, cfg.KeepErrors = recordOnly{}, true
	c := newCollector(t, cfg)
	w := dial(t, c)
	w.start("GET", "/").complete(200)
	w.start("GET", "/").complete(500)
	spans := received(t, c, s)
	if len(spans) != 1 {
		t.Fatalf("%d spans, want that of the failed request", len(spans))
	}
	checkAttrs(t, spans[0].Attributes, map[string]any{"seen": true, "http.response.status_code": 500})
}

func TestKeepOnAConnectionThatWasNotOpened(t *testing.T) {
	s := &sink{}
	c := unsampled(t, s, otelcollector.Settings{KeepErrors: true})
	w := &wire{t: t, to: lifecycle.CollectorFunc(c.Record), stamp: lifecycle.Stamp{ConnectionID: 7}}
	w.start("GET", "/").complete(200)
	w.start("GET", "/").complete(500)
	if n := len(received(t, c, s)); n != 1 {
		t.Errorf("%d spans, want 1", n)
	}
}
