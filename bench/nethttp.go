package main

import (
	"context"
	"net"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func startNetHTTP(context.Context) (*server, error) {
	return serveNetHTTP(http.HandlerFunc(hello))
}

// startOtelHTTP is set up as the documentation of otelhttp and of the SDK has it, with the defaults of both.
func startOtelHTTP(ctx context.Context) (*server, error) {
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	s, err := serveNetHTTP(otelhttp.NewHandler(http.HandlerFunc(hello), "hello",
		otelhttp.WithTracerProvider(provider),
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})),
	))
	if err != nil {
		return nil, err
	}
	s.flush = provider.ForceFlush
	return s, nil
}

func serveNetHTTP(h http.Handler) (*server, error) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		return nil, err
	}
	go http.Serve(l, h) //nolint:errcheck // it serves until the process ends
	return &server{addr: l.Addr().String()}, nil
}
