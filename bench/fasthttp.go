package main

import (
	"context"
	"net"
	"net/http"

	"github.com/valyala/fasthttp"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

func startFastHTTP(context.Context, http.Handler, string) (*server, error) {
	return serveFastHTTP(helloFastHTTP)
}

// startTracedFastHTTP has what its users write when they want traces: a middleware that makes one span a request.
func startTracedFastHTTP(ctx context.Context, _ http.Handler, _ string) (*server, error) {
	provider, err := newProvider(ctx)
	if err != nil {
		return nil, err
	}
	s, err := serveFastHTTP(traceFastHTTP(provider.Tracer("bench"), helloFastHTTP))
	if err != nil {
		return nil, err
	}
	s.flush = provider.ForceFlush
	return s, nil
}

func helloFastHTTP(ctx *fasthttp.RequestCtx) {
	served.Add(1)
	ctx.SetContentType(plainText)
	ctx.SetBodyString(greeting)
}

// traceFastHTTP gives the span the attributes that the semantic conventions require, and no more.
func traceFastHTTP(tracer trace.Tracer, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		method := string(ctx.Method())
		_, span := tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			semconv.HTTPRequestMethodKey.String(method),
			semconv.URLPath(string(ctx.Path())),
			semconv.URLScheme(string(ctx.URI().Scheme())),
		))
		next(ctx)
		span.SetAttributes(semconv.HTTPResponseStatusCode(ctx.Response.StatusCode()))
		span.End()
	}
}

func serveFastHTTP(h fasthttp.RequestHandler) (*server, error) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		return nil, err
	}
	go fasthttp.Serve(l, h) //nolint:errcheck // it serves until the process ends
	return &server{addr: l.Addr().String()}, nil
}
