// Command nethttp serves traced requests with a plain net/http server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/lifecycle/nethttp"
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
	collector, err := otelcollector.New(ctx, otelcollector.Config{ServiceName: "library"})
	if err != nil {
		return err
	}
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	server := nethttp.Attach(&http.Server{Handler: routes(), ReadHeaderTimeout: 10 * time.Second}, collector)

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.Printf("listening on %s", addr)
	select {
	case err = <-failed:
	case <-ctx.Done():
	}

	// Who emits spans goes before who sends them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(ctx), collector.Shutdown(ctx))
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	return new(net.ListenConfig).Listen(ctx, network, addr)
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{title}", book)
	return shelved(nethttp.Routes(mux)) // shelved gives the mux a request of its own
}

type shelf struct{}

// shelved is a middleware that puts something into the context of the request.
func shelved(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), shelf{}, "fiction")))
	})
}

func book(w http.ResponseWriter, r *http.Request) {
	place, _ := r.Context().Value(shelf{}).(string)
	trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("book.shelf", place)) // the request's own span
	fmt.Fprintf(w, "%s, on the shelf of %s\n", r.PathValue("title"), place)
}
