package main

import (
	"net"
	"testing"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
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

func TestReceiverRefusesWhatIsNoMessage(t *testing.T) {
	for _, request := range [][]byte{{0x0a, 9}, {0x80}, {0x0a, 2, 0x12, 9}, {0x0a, 5, 0x12, 3, 0x12, 1, 0x80}} {
		var n received
		if err := n.count(request); err == nil {
			t.Errorf("% x was taken", request)
		}
	}
}
