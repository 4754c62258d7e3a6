// Command provider serves traced requests for an application that keeps its SDK: the server's spans go through it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/otelcollector"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "host:port or unix:/path to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

// serve returns when ctx has ended, all requests have been answered, and the SDK has exported all spans.
func serve(ctx context.Context, addr string) error {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return err
	}
	// The SDK as the application has it: a processor of its own sees every span, those of the server too.
	sdk := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(tenant{}), sdktrace.WithBatcher(exporter))
	collector, err := otelcollector.New(ctx, otelcollector.Config{TracerProvider: sdk})
	if err != nil {
		return err
	}
	server := &httpcore.Server{Addr: addr, Handler: routes(sdk.Tracer("shop")), Collector: collector}

	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	log.Printf("listening on %s", addr)
	select {
	case err = <-failed:
	case <-ctx.Done():
	}

	// Who emits spans goes before who sends them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(ctx), collector.Shutdown(ctx), sdk.Shutdown(ctx))
}

// tenant is a processor that says of each span whose it is.
type tenant struct{}

// OnStart implements [sdktrace.SpanProcessor].
func (tenant) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	s.SetAttributes(attribute.String("tenant", "acme"))
}

// OnEnd implements [sdktrace.SpanProcessor].
func (tenant) OnEnd(sdktrace.ReadOnlySpan) {}

// ForceFlush implements [sdktrace.SpanProcessor].
func (tenant) ForceFlush(context.Context) error { return nil }

// Shutdown implements [sdktrace.SpanProcessor].
func (tenant) Shutdown(context.Context) error { return nil }

func routes(tracer trace.Tracer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("order.id", id)) // the request's own span
		_, span := tracer.Start(r.Context(), "load order")
		defer span.End()
		fmt.Fprintln(w, "order "+id)
	})
	return mux
}
