package main

import (
	"context"
	"net"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
)

func startNetHTTP(_ context.Context, h http.Handler, _ string) (*server, error) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		return nil, err
	}
	go http.Serve(l, h) //nolint:errcheck // it serves until the process ends
	return &server{addr: l.Addr().String()}, nil
}

// startOtelHTTP is set up as the documentation of otelhttp has it, with its defaults.
func startOtelHTTP(ctx context.Context, h http.Handler, dir string) (*server, error) {
	provider, err := newProvider(ctx)
	if err != nil {
		return nil, err
	}
	s, err := startNetHTTP(ctx, otelhttp.NewHandler(h, "hello",
		otelhttp.WithTracerProvider(provider),
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})),
	), dir)
	if err != nil {
		return nil, err
	}
	s.flush = provider.ForceFlush
	return s, nil
}
