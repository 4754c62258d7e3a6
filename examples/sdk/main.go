// Command sdk serves traced requests, and puts spans of the application's own SDK under them.
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

// serve returns when ctx has ended, all requests have been answered, and all spans have been sent.
func serve(ctx context.Context, addr string) error {
	collector, err := otelcollector.New(ctx, otelcollector.Config{ServiceName: "shop"})
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(collector.SpanProcessor()))
	shop := &shop{tracer: provider.Tracer("shop")}
	server := &httpcore.Server{Addr: addr, Handler: shop.routes(), Collector: collector}

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
	return errors.Join(err, server.Shutdown(ctx), provider.Shutdown(ctx), collector.Shutdown(ctx))
}

type shop struct{ tracer trace.Tracer }

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", s.order)
	return mux
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("order.id", id)) // the request's own span
	fmt.Fprintln(w, s.loadOrder(r.Context(), id))
}

func (s *shop) loadOrder(ctx context.Context, id string) string {
	_, span := s.tracer.Start(ctx, "load order")
	defer span.End()
	return "order " + id
}
