package otelcollector_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// everySpan are spans of the SDK with something in every place.
func everySpan() []sdktrace.ReadOnlySpan {
	ts, _ := trace.ParseTraceState("a=1")
	sc := func(n byte, remote bool) trace.SpanContext {
		return trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{n}, SpanID: trace.SpanID{n}, TraceFlags: trace.FlagsSampled, TraceState: ts, Remote: remote,
		})
	}
	at := time.Unix(1700000000, 42)
	var stubs tracetest.SpanStubs
	for i, kind := range []trace.SpanKind{
		trace.SpanKindInternal, trace.SpanKindServer, trace.SpanKindClient, trace.SpanKindProducer, trace.SpanKindConsumer,
	} {
		stubs = append(stubs, tracetest.SpanStub{
			Name: kind.String(), SpanContext: sc(byte(i+1), false), Parent: sc(9, i%2 == 0), SpanKind: kind,
			StartTime: at, EndTime: at.Add(time.Second),
			Attributes: []attribute.KeyValue{attribute.StringSlice("s", []string{"a", "b"}), attribute.Float64("f", 1.5)},
			Events: []sdktrace.Event{{
				Name: "e", Attributes: []attribute.KeyValue{attribute.Bool("b", true)}, DroppedAttributeCount: 1, Time: at,
			}},
			Links:                []sdktrace.Link{{SpanContext: sc(8, true), Attributes: []attribute.KeyValue{attribute.Int("i", 7)}, DroppedAttributeCount: 2}},
			Status:               sdktrace.Status{Code: codes.Code(i % 3), Description: "d"},
			DroppedAttributes:    3,
			DroppedEvents:        4,
			DroppedLinks:         5,
			Resource:             resource.NewSchemaless(attribute.String("service.name", "app")),
			InstrumentationScope: instrumentation.Scope{Name: "lib", Version: "1", SchemaURL: "https://schema", Attributes: attribute.NewSet(attribute.Int("n", 1))},
		})
	}
	stubs[4].InstrumentationScope = instrumentation.Scope{Name: "other"}
	return stubs.Snapshots()
}

// The spans of an SDK arrive as its own exporter would send them, but for the resource.
func TestSpanProcessor(t *testing.T) {
	direct, through := &sink{}, &sink{}
	exporter, err := otlptrace.New(t.Context(), direct)
	if err != nil {
		t.Fatal(err)
	}
	if err := exporter.ExportSpans(t.Context(), everySpan()); err != nil {
		t.Fatal(err)
	}
	c := newCollector(t, quiet(t, through))
	p := c.SpanProcessor()
	for _, s := range everySpan() {
		p.OnEnd(s)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	want, got := byName(direct.scopes()), byName(through.scopes())
	if len(got) != len(want) || len(got) != 5 {
		t.Fatalf("%d spans arrived, want %d", len(got), len(want))
	}
	for name, w := range want {
		g := got[name]
		if g == nil {
			t.Errorf("span %s did not arrive", name)
			continue
		}
		if !proto.Equal(g.scope.Scope, w.scope.Scope) || g.scope.SchemaUrl != w.scope.SchemaUrl {
			t.Errorf("scope of %s\n%v, want\n%v", name, g.scope.Scope, w.scope.Scope)
		}
		// What the exporter leaves out: the tracestate of a link. What it adds: an empty status, and a text with no error.
		w.span.Links[0].TraceState = "a=1"
		if w.span.Status.Code == tracepb.Status_STATUS_CODE_UNSET {
			w.span.Status = nil
		} else if w.span.Status.Code == tracepb.Status_STATUS_CODE_OK {
			w.span.Status.Message = ""
		}
		if !proto.Equal(g.span, w.span) {
			t.Errorf("span %s\n%v, want\n%v", name, g.span, w.span)
		}
	}
	if name := through.requests[0].ResourceSpans[0].Resource.Attributes; attrs(t, name)["service.name"] != "test" {
		t.Errorf("resource is %v, want that of the collector", name)
	}
	if n := c.Stats().Exported; n != 5 {
		t.Errorf("%d spans in the accounts, want 5", n)
	}

	// The collector goes on after the processor was shut down.
	dial(t, c).start("GET", "/").complete(200)
	if n := len(received(t, c, through)); n != 6 {
		t.Errorf("%d spans, want 6", n)
	}
}

type scopedSpan struct {
	scope *tracepb.ScopeSpans
	span  *tracepb.Span
}

func byName(scopes []*tracepb.ScopeSpans) map[string]*scopedSpan {
	m := map[string]*scopedSpan{}
	for _, sc := range scopes {
		for _, s := range sc.Spans {
			m[s.Name] = &scopedSpan{sc, s}
		}
	}
	return m
}

func TestSpanProcessorLeavesOutWhatIsNotSampled(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(c.SpanProcessor()), sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.NeverSample())))
	_, span := tp.Tracer("t").Start(t.Context(), "recorded only")
	span.RecordError(errors.New("x"))
	span.End()
	if n := len(received(t, c, s)); n != 0 {
		t.Errorf("%d spans were sent", n)
	}
}

func TestSpanProcessorAfterShutdown(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(c.SpanProcessor()))
	end := func(scope string) {
		_, span := tp.Tracer(scope).Start(context.Background(), "s")
		span.End()
	}
	end("known")
	if err := c.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	end("known")
	end("new")
	if st := c.Stats(); st.Exported != 1 || st.Dropped["already_shutdown"] != 2 {
		t.Errorf("accounts: %+v", st)
	}
}

func TestScopeOfTheServersSpans(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	dial(t, c).start("GET", "/").complete(200)
	received(t, c, s)
	sc := s.scopes()[0]
	if sc.Scope.Name != "github.com/wirespan/wirespan/otelcollector" || sc.SchemaUrl != "https://opentelemetry.io/schemas/1.43.0" {
		t.Errorf("scope %q, schema %q", sc.Scope.Name, sc.SchemaUrl)
	}
}
