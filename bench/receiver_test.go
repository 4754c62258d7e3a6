package main

import (
	"net"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func TestReceiverCountsWhatAnExporterSends(t *testing.T) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	var r receiver
	g := r.server()
	defer g.Stop()
	go g.Serve(l)
	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(l.Addr().String()), otlptracegrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	for _, scope := range []string{"one", "two"} {
		for _, kind := range []trace.SpanKind{trace.SpanKindServer, trace.SpanKindInternal, trace.SpanKindServer} {
			_, span := provider.Tracer(scope).Start(t.Context(), "span", trace.WithSpanKind(kind))
			span.End()
		}
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, servers := r.spans.Load(), r.serverSpans.Load(); all != 6 || servers != 4 {
		t.Errorf("got %d spans, of them %d of servers; want 6 and 4", all, servers)
	}
}

// TestReceiverGoesAndComesBack sends through it what an SDK does, whose spans have ids and ends.
func TestReceiverGoesAndComesBack(t *testing.T) {
	r := receiver{addr: loopback, arrivals: newArrivals()}
	if err := r.listen(); err != nil {
		t.Fatal(err)
	}
	defer func() { r.stop() }()
	spans := tracetest.SpanStubs{
		{SpanContext: spanContext(1), SpanKind: trace.SpanKindServer, EndTime: time.Now()},
		{SpanContext: spanContext(2), SpanKind: trace.SpanKindInternal, EndTime: time.Now()},
	}.Snapshots()
	export := func(spans []sdktrace.ReadOnlySpan) error {
		exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(r.addr), otlptracegrpc.WithInsecure(),
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}))
		if err != nil {
			t.Fatal(err)
		}
		defer exporter.Shutdown(t.Context())
		return exporter.ExportSpans(t.Context(), spans)
	}
	if err := export(spans[:1]); err != nil {
		t.Error(err)
	}
	before := r.addr
	if _, err := r.answer(askAway); err != nil {
		t.Error(err)
	}
	if err := export(spans); err == nil {
		t.Error("it takes spans although it is away")
	}
	if _, err := r.answer(askBack); err != nil || r.addr != before {
		t.Errorf("it is back at %s, was at %s: %v", r.addr, before, err)
	}
	if err := export(spans); err != nil {
		t.Error(err)
	}
	got, err := r.answer(askArrived)
	if a := got.(arrived); err != nil || a.Unique != 2 || a.UniqueServer != 1 || a.Duplicates != 1 || a.CaughtUp <= 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func spanContext(id byte) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{id}, TraceFlags: trace.FlagsSampled})
}

func TestReceiverThatOnlyCountsDoesNotKnowWhatArrived(t *testing.T) {
	var r receiver
	if got, err := r.answer(askArrived); err == nil {
		t.Errorf("got %v", got)
	}
}

func TestReceiverRefusesWhatIsNoMessage(t *testing.T) {
	for _, request := range [][]byte{{0x0a, 9}, {0x80}, {0x0a, 2, 0x12, 9}, {0x0a, 5, 0x12, 3, 0x12, 1, 0x80}} {
		var n received
		if err := n.count(request); err == nil {
			t.Errorf("% x was taken", request)
		}
	}
}
