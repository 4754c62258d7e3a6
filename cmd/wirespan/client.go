package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// tracedTransport makes a CLIENT span of each call by the HTTP semantic conventions, and passes its identity on.
//
// The span begins with the call and ends with the body of the response: at its end, at an error, or when it is
// closed, so the caller must do one of these, as [http.RoundTripper] demands anyway. Any goroutine may use it.
type tracedTransport struct {
	base       http.RoundTripper
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	redact     func(query string) string
	methods    []string // those that a span names as they are
	within     bool     // only calls within a traced request have a span
	calls      tally    // those whose span has not ended
}

// newTracedTransport reads the known methods from the environment, as the collector does for the server's spans.
func newTracedTransport(base http.RoundTripper, t *telemetry, env environment) *tracedTransport {
	methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
	if list := env.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"); list != "" {
		methods = strings.Split(list, ",")
		for i := range methods {
			methods[i] = strings.TrimSpace(methods[i])
		}
	}
	return &tracedTransport{
		base: base, tracer: t.tracer(), propagator: t.propagator, redact: t.redactQuery, methods: methods, within: t.spans != nil,
	}
}

// RoundTrip implements [http.RoundTripper].
func (t *tracedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = withHandshake(r)
	if t.within && !isWithinRequest(r.Context()) {
		return t.base.RoundTrip(r) // the request is ignored, and what its caller sent passes as it is
	}
	name, attributes := t.describe(r)
	ctx, span := t.tracer.Start(r.Context(), name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	t.calls.add()
	call := newClientCall(ctx, span, t.calls.done)
	r = r.Clone(httptrace.WithClientTrace(ctx, call.hooks()))
	t.inject(ctx, r)
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		call.fail(err)
		call.end()
		return nil, err
	}
	call.response(resp)
	resp.Body = call.body(resp)
	return resp, nil
}

// close closes what is idle, when the spans of all calls have ended; for those it has some patience.
func (t *tracedTransport) close() {
	t.calls.wait(cutGrace)
	if base, ok := t.base.(*http.Transport); ok {
		base.CloseIdleConnections()
	}
}

// inject replaces the identity of the caller by that of the span. Without a span, what the caller sent stays.
func (t *tracedTransport) inject(ctx context.Context, r *http.Request) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return
	}
	// Inject leaves out what is empty, and a tracestate without its traceparent belongs to no trace.
	r.Header.Del("Tracestate")
	t.propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
}

// describe returns the span's name, and the attributes that a sampler may want to see.
func (t *tracedTransport) describe(r *http.Request) (name string, attributes []attribute.KeyValue) {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	name = method
	if !slices.Contains(t.methods, method) {
		attributes = append(attributes, attribute.String("http.request.method_original", method))
		name, method = "HTTP", "_OTHER"
	}
	return name, append(attributes,
		attribute.String("http.request.method", method),
		attribute.String("server.address", r.URL.Hostname()),
		attribute.Int("server.port", portOf(r.URL)),
		attribute.String("url.full", redactURL(r.URL, t.redact)),
	)
}

func portOf(u *url.URL) int {
	if n, err := strconv.Atoi(u.Port()); err == nil {
		return n
	}
	if u.Scheme == "https" {
		return 443
	}
	return 80
}

// errorType returns a name from a short list for what can go wrong with a call.
func errorType(err error) string {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		timeout     interface{ Timeout() bool }
		op          *net.OpError
		body        *clientBodyError
	)
	switch {
	case errors.Is(err, context.Canceled), errors.As(err, &body): // given up by whoever has called
		return "canceled"
	case errors.As(err, &dns):
		return "name_resolution_error"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused"
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert):
		return "secure_connection_error"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection_reset"
	case isEOF(err), errors.Is(err, net.ErrClosed): // closed by the transport, which had seen the end first
		return "response_ended"
	case errors.As(err, &op):
		return "connection_error"
	}
	return "_OTHER"
}

// setFailure marks span as failed. The text stays out of the status where the type or the status code says it all.
func setFailure(span trace.Span, kind, description string) {
	span.SetAttributes(attribute.String("error.type", kind))
	span.SetStatus(codes.Error, description)
}
