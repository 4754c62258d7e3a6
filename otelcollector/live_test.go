package otelcollector_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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

// served has a handler work on the live span of a request, and returns the finished one.
func served(t *testing.T, status int, handler func(trace.Span)) *tracepb.Span {
	t.Helper()
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	x := dial(t, c).start("GET", "/users/42?q=1")
	handler(trace.SpanFromContext(x.context()))
	x.complete(status, route("/users/{id}"))
	return received(t, c, s)[0]
}

func TestLiveSpanIsTheRequestsSpan(t *testing.T) {
	c := newCollector(t, quiet(t, &sink{}))
	x := dial(t, c).start("GET", "/", [2]string{"traceparent", traceparent + "01"}, [2]string{"tracestate", "a=1"})
	ctx := x.context()
	sc := trace.SpanContextFromContext(ctx)
	id := x.request.Trace
	if sc.TraceID() != id.TraceID || sc.SpanID() != id.SpanID || !sc.IsSampled() || sc.IsRemote() || sc.TraceState().String() != "a=1" {
		t.Errorf("the live span is %v, want %+v", sc, id)
	}
	if span := trace.SpanFromContext(ctx); !span.IsRecording() {
		t.Error("the live span does not record")
	}
	if again := trace.SpanFromContext(x.context()); again != trace.SpanFromContext(ctx) {
		t.Error("asked twice, there are two spans")
	}
	x.complete(200)
}

func TestLiveSpanIsMerged(t *testing.T) {
	other := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true, TraceFlags: 1})
	at := time.Unix(1700000000, 5)
	span := served(t, 200, func(s trace.Span) {
		s.SetAttributes(attribute.String("user", "a"), attribute.Int("n", 1))
		s.SetAttributes(attribute.String("user", "b"))
		s.AddEvent("cache miss", trace.WithTimestamp(at), trace.WithAttributes(attribute.Bool("cold", true)))
		s.RecordError(errors.New("oops"), trace.WithStackTrace(true), trace.WithAttributes(attribute.Int("try", 2)))
		s.RecordError(nil)
		s.AddLink(trace.Link{SpanContext: other, Attributes: []attribute.KeyValue{attribute.String("why", "batch")}})
		s.AddLink(trace.Link{})
		s.SetStatus(codes.Error, "half done")
		s.SetName("load user")
		s.End()
		s.SetAttributes(attribute.Bool("after end", true))
	})
	if span.Name != "load user" || span.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || span.Status.GetMessage() != "half done" {
		t.Errorf("name %q, status %v", span.Name, span.Status)
	}
	checkAttrs(t, span.Attributes, map[string]any{"user": "b", "n": 1, "after end": true, "http.route": "/users/{id}", "error.type": nil})
	if len(span.Events) != 2 || span.Events[0].TimeUnixNano != uint64(at.UnixNano()) {
		t.Fatalf("events: %v", span.Events)
	}
	checkAttrs(t, span.Events[0].Attributes, map[string]any{"cold": true})
	exception := attrs(t, span.Events[1].Attributes)
	if exception["exception.type"] != "*errors.errorString" || exception["exception.message"] != "oops" || exception["try"] != 2 {
		t.Errorf("the exception is %v", exception)
	}
	if stack, _ := exception["exception.stacktrace"].(string); !strings.Contains(stack, "TestLiveSpanIsMerged") {
		t.Errorf("the stack does not show where the error was recorded: %s", stack)
	}
	if len(span.Links) != 2 { // that to the connection is the other one
		t.Fatalf("links: %v", span.Links)
	}
	if l := span.Links[1]; l.Flags != 0x301 || l.TraceId[0] != 1 || l.SpanId[0] != 2 {
		t.Errorf("the link is %v", l)
	}
}

func TestLiveSpanOverridesTheServer(t *testing.T) {
	span := served(t, 200, func(s trace.Span) {
		s.SetAttributes(attribute.String("url.path", "/users/…"), attribute.String("client.address", "hidden"), attribute.String("error.type", "quota"))
	})
	checkAttrs(t, span.Attributes, map[string]any{
		"url.path": "/users/…", "client.address": "hidden", "error.type": "quota", "url.query": "q=1", "network.peer.address": "203.0.113.5",
	})
	if len(span.Links) != 1 {
		t.Error("the link to the connection was lost")
	}
}

func TestLiveStatus(t *testing.T) {
	set := func(code codes.Code) func(trace.Span) { return func(s trace.Span) { s.SetStatus(code, "d") } }
	for _, c := range []struct {
		name      string
		status    int
		handler   func(trace.Span)
		want      tracepb.Status_StatusCode
		errorType any
	}{
		{"error on 200", 200, set(codes.Error), tracepb.Status_STATUS_CODE_ERROR, nil},
		{"ok on 500", 500, set(codes.Ok), tracepb.Status_STATUS_CODE_OK, nil},
		{"unset on 500", 500, set(codes.Unset), tracepb.Status_STATUS_CODE_ERROR, "500"},
		{"error after ok", 200, func(s trace.Span) { set(codes.Ok)(s); set(codes.Error)(s) }, tracepb.Status_STATUS_CODE_OK, nil},
		{"ok after error", 200, func(s trace.Span) { set(codes.Error)(s); set(codes.Ok)(s) }, tracepb.Status_STATUS_CODE_OK, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			span := served(t, c.status, c.handler)
			if got := span.Status.GetCode(); got != c.want {
				t.Errorf("status is %v, want %v", got, c.want)
			}
			checkAttrs(t, span.Attributes, map[string]any{"error.type": c.errorType})
		})
	}
}

func TestHandlerCannotKnowThatTheClientWent(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	x := dial(t, c).start("GET", "/")
	trace.SpanFromContext(x.context()).SetStatus(codes.Ok, "")
	x.disconnect(200, nil)
	if span := received(t, c, s)[0]; span.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("status is %v, want an error", span.Status)
	}
}

func TestLiveLimits(t *testing.T) {
	t.Setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2")
	t.Setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "2")
	t.Setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "1")
	t.Setenv("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "1")
	t.Setenv("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "0")
	t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
	span := served(t, 200, func(s trace.Span) {
		s.SetAttributes(attribute.String("a", "12345"), attribute.Int("b", 1), attribute.Int("c", 1), attribute.KeyValue{})
		s.SetAttributes(attribute.Int("b", 2))
		for i := range 5 {
			s.AddEvent(fmt.Sprint("e", i), trace.WithAttributes(attribute.Int("x", 1), attribute.Int("y", 1)))
			s.AddLink(trace.Link{
				SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{byte(i)}}),
				Attributes:  []attribute.KeyValue{attribute.Int("x", 1)},
			})
		}
	})
	checkAttrs(t, span.Attributes, map[string]any{"a": "123", "b": 2, "c": nil})
	if span.DroppedAttributesCount != 2 || span.DroppedEventsCount != 3 {
		t.Errorf("dropped %d attributes and %d events, want 2 and 3", span.DroppedAttributesCount, span.DroppedEventsCount)
	}
	if len(span.Events) != 2 || span.Events[1].Name != "e4" || span.Events[1].DroppedAttributesCount != 1 || len(span.Events[1].Attributes) != 1 {
		t.Errorf("events are %v, want the last two with one attribute each", span.Events)
	}
	if len(span.Links) != 2 || span.Links[1].SpanId[0] != 4 || span.Links[1].DroppedAttributesCount != 1 {
		t.Errorf("links are %v, want that to the connection and the last", span.Links)
	}
	if span.DroppedLinksCount == 0 {
		t.Error("dropped links are not counted")
	}
}

func TestAttributesOfTheCallerMayChange(t *testing.T) {
	kvs := []attribute.KeyValue{attribute.String("k", "before")}
	span := served(t, 200, func(s trace.Span) {
		s.AddEvent("e", trace.WithAttributes(kvs...))
		s.AddLink(trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}), Attributes: kvs})
		kvs[0] = attribute.String("k", "after")
	})
	checkAttrs(t, span.Events[0].Attributes, map[string]any{"k": "before"})
	checkAttrs(t, span.Links[1].Attributes, map[string]any{"k": "before"})
}

func TestUnsampledLiveSpan(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	x := dial(t, c).start("GET", "/", [2]string{"traceparent", traceparent + "00"}, [2]string{"tracestate", "a=1"}, [2]string{"tracestate", "b=2"})
	span := trace.SpanFromContext(x.context())
	if sc := span.SpanContext(); span.IsRecording() || sc.IsSampled() || sc.SpanID() != x.request.Trace.SpanID || sc.TraceState().String() != "a=1,b=2" {
		t.Errorf("want a span that has an id and does not record: %v", span.SpanContext())
	}
	useAll(span)
	x.complete(200)
	if n := len(received(t, c, s)); n != 0 {
		t.Errorf("%d spans were sent", n)
	}
}

// useAll calls every method that records.
func useAll(s trace.Span) {
	s.SetName("n")
	s.SetStatus(codes.Error, "d")
	s.SetAttributes(attribute.Int("a", 1))
	s.AddEvent("e")
	s.RecordError(errors.New("r"), trace.WithStackTrace(true))
	s.AddLink(trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})})
	s.End()
}

func TestLiveSpanAfterTheOutcome(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c)
	x := w.start("GET", "/")
	span := trace.SpanFromContext(x.context())
	x.complete(200)
	if span.IsRecording() {
		t.Error("the span records after the outcome")
	}
	useAll(span)
	late := trace.SpanFromContext(x.context()) // asked for the first time with the head still there
	ended := w.to.(lifecycle.ContextProvider).Context(t.Context(), &lifecycle.RequestStarted{
		Request: &lifecycle.Request{Trace: x.request.Trace}, Ended: true,
	})
	for _, l := range []trace.Span{late, trace.SpanFromContext(ended)} {
		if l.IsRecording() || l.SpanContext().SpanID() != x.request.Trace.SpanID {
			t.Errorf("want the id of the request on a span that does not record: %v", l.SpanContext())
		}
		useAll(l)
	}
	if got := received(t, c, s); len(got) != 1 || len(got[0].Events) != 0 {
		t.Errorf("want the span as it was at the outcome: %v", got)
	}
}

// On a pipelined connection the next request may start before this one has its outcome.
func TestLiveSpansOfPipelinedRequests(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c)
	first := w.start("GET", "/1")
	trace.SpanFromContext(first.context()).SetAttributes(attribute.Int("mine", 1))
	second := w.start("GET", "/2")
	trace.SpanFromContext(second.context()).SetAttributes(attribute.Int("mine", 2))
	first.complete(200)
	if !trace.SpanFromContext(second.context()).IsRecording() {
		t.Error("the outcome of the first request ended the second")
	}
	second.complete(200)
	for _, span := range received(t, c, s) {
		a := attrs(t, span.Attributes)
		if a["url.path"] != fmt.Sprintf("/%d", a["mine"]) {
			t.Errorf("path %v has the attribute of request %v", a["url.path"], a["mine"])
		}
	}
}

// On an HTTP/2 connection a later request may have its outcome before the handler of this one asks for its span.
func TestLiveSpansOfRequestsSideBySide(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c, func(e *lifecycle.ConnectionOpened) { e.Protocol = "h2" })
	first, second := w.start("GET", "/1"), w.start("GET", "/2")
	second.complete(200)
	trace.SpanFromContext(first.context()).SetAttributes(attribute.Int("mine", 1))
	first.complete(200)
	w.close(lifecycle.ReasonComplete)
	spans := received(t, c, s)
	if len(spans) != 3 {
		t.Fatalf("want two requests and their connection: %v", spans)
	}
	if a := attrs(t, spans[1].Attributes); a["url.path"] != "/1" || fmt.Sprint(a["mine"]) != "1" {
		t.Errorf("the first request has %v", a)
	}
	checkAttrs(t, named(t, spans, "HTTP connection").Attributes, map[string]any{"network.protocol.version": "2"})
}

// The handler's goroutines may ask and record while the connection records the outcome: what they record is on the
// span or is not, but nothing is recorded on a span that was sent.
func TestLiveSpanRacesWithTheOutcome(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c)
	p := w.to.(lifecycle.ContextProvider)
	for range 200 {
		x := w.start("GET", "/")
		stamp := w.stamp
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				useAll(trace.SpanFromContext(p.Context(context.Background(), &lifecycle.RequestStarted{Stamp: stamp, Request: &x.request})))
			})
		}
		x.complete(200)
		wg.Wait()
		if trace.SpanFromContext(x.context()).IsRecording() {
			t.Fatal("a span records after its outcome")
		}
	}
	if n := len(received(t, c, s)); n != 200 {
		t.Errorf("%d spans were sent, want 200", n)
	}
}

func TestChildrenOfTheLiveSpan(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c)
	x := w.start("GET", "/")
	span := trace.SpanFromContext(x.context())
	_, child := span.TracerProvider().Tracer("shop", trace.WithInstrumentationVersion("1.2")).Start(x.context(), "load user")
	child.End()
	// An application's own SDK sees the same parent.
	own := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(c.SpanProcessor()))
	_, other := own.Tracer("own").Start(x.context(), "load cart")
	other.End()
	x.complete(200)
	spans := received(t, c, s)
	request := named(t, spans, "GET")
	for _, name := range []string{"load user", "load cart"} {
		got := named(t, spans, name)
		if string(got.TraceId) != string(request.TraceId) || string(got.ParentSpanId) != string(request.SpanId) || got.Flags&0x200 != 0 {
			t.Errorf("%v is no local child of %v", got, request)
		}
	}
	w.close(lifecycle.ReasonComplete)
}

func TestNoExport(t *testing.T) {
	for name, cfg := range map[string]func(t *testing.T) otelcollector.Config{
		"by configuration": func(*testing.T) otelcollector.Config { return otelcollector.Config{NoExport: true} },
		"by OTEL_TRACES_EXPORTER": func(t *testing.T) otelcollector.Config {
			t.Setenv("OTEL_TRACES_EXPORTER", "none")
			return otelcollector.Config{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t, cfg(t))
			w := dial(t, c)
			x := w.start("GET", "/", [2]string{"traceparent", traceparent + "01"})
			span := trace.SpanFromContext(x.context())
			if !span.IsRecording() || span.SpanContext().TraceID().String() != parentTrace {
				t.Error("want a live span in the caller's trace")
			}
			useAll(span)
			x.complete(200)
			if span.IsRecording() {
				t.Error("the span records after the outcome")
			}
			w.close(lifecycle.ReasonComplete)
			if err := c.ForceFlush(t.Context()); err != nil {
				t.Error(err)
			}
			if s := c.Stats(); s.Made != 0 {
				t.Errorf("spans were made: %+v", s)
			}
		})
	}
}

func TestDisabled(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "TRUE")
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c)
	x := w.start("GET", "/", [2]string{"traceparent", traceparent + "01"}, [2]string{"baggage", "k=v"})
	if x.request.Trace.IsValid() {
		t.Error("a disabled collector starts spans")
	}
	sc := trace.SpanContextFromContext(x.context())
	if sc.TraceID().String() != parentTrace || !sc.IsRemote() {
		t.Errorf("the caller's span is not passed on: %v", sc)
	}
	x.complete(200)
	w.close(lifecycle.ReasonComplete)
	if n := len(received(t, c, s)); n != 0 || s.tried() != 0 {
		t.Errorf("%d spans were sent", n)
	}
}
