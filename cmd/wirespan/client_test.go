package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// traced returns a client whose spans can be looked at.
func traced(t *testing.T, env map[string]string) (*http.Client, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	t.Cleanup(func() { provider.Shutdown(context.Background()) })
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	return &http.Client{Transport: newTracedTransport(base, &telemetry{
		provider:    provider,
		propagator:  propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
		redactQuery: func(query string) string { return strings.ReplaceAll(query, "secret", redacted) },
	}, variables(env))}, spans
}

// theSpan returns the one span, ended, and its attributes by name.
func theSpan(t *testing.T, spans *tracetest.SpanRecorder) (sdktrace.ReadOnlySpan, map[attribute.Key]attribute.Value) {
	t.Helper()
	if n := len(spans.Ended()); n != 1 {
		t.Fatalf("%d spans have ended, want 1", n)
	}
	span := spans.Ended()[0]
	attributes := map[attribute.Key]attribute.Value{}
	for _, a := range span.Attributes() {
		attributes[a.Key] = a.Value
	}
	return span, attributes
}

func wantAttributes(t *testing.T, got map[attribute.Key]attribute.Value, want map[attribute.Key]any) {
	t.Helper()
	for k, v := range want {
		if have, ok := got[k]; !ok && v != nil || ok && have.AsInterface() != v {
			t.Errorf("%s is %v, want %v", k, have.AsInterface(), v)
		}
	}
}

func TestClientSpan(t *testing.T) {
	var header http.Header
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		io.WriteString(w, greeting)
	})
	client, spans := traced(t, nil)
	u, _ := url.Parse(app.URL)
	u.User = url.UserPassword("me", "secret")
	u.Path, u.RawQuery = "/a", "q=x&sig=secret"
	member, _ := baggage.NewMember("who", "me")
	bag, _ := baggage.New(member)
	r := request(t, http.MethodGet, u.String(), nil)
	r.Header.Set("Tracestate", "stale=1")
	resp, err := client.Do(r.WithContext(baggage.ContextWithBaggage(t.Context(), bag)))
	if err != nil {
		t.Fatal(err)
	}
	if len(spans.Ended()) != 0 {
		t.Error("the span ended before the body was read")
	}
	io.Copy(io.Discard, resp.Body)
	span, attributes := theSpan(t, spans)
	resp.Body.Close()

	if span.Name() != "GET" || span.SpanKind() != trace.SpanKindClient || span.Status().Code != codes.Unset {
		t.Errorf("%s, %v, %v", span.Name(), span.SpanKind(), span.Status())
	}
	port := int64(portOf(u))
	wantAttributes(t, attributes, map[attribute.Key]any{
		"http.request.method":       "GET",
		"server.address":            "127.0.0.1",
		"server.port":               port,
		"url.full":                  "http://REDACTED:REDACTED@" + u.Host + "/a?q=x&sig=REDACTED",
		"http.response.status_code": int64(200),
		"network.protocol.version":  "1.1",
		"network.peer.address":      "127.0.0.1",
		"network.peer.port":         port,
		"error.type":                nil,
	})
	for _, k := range []attribute.Key{"wirespan.client.connect.duration", "wirespan.client.first_byte.duration"} {
		if attributes[k].AsFloat64() <= 0 {
			t.Errorf("%s is %v", k, attributes[k].AsInterface())
		}
	}
	want := "00-" + span.SpanContext().TraceID().String() + "-" + span.SpanContext().SpanID().String() + "-01"
	if got := header.Get("Traceparent"); got != want {
		t.Errorf("traceparent is %q, want %q", got, want)
	}
	if header.Get("Tracestate") != "" || header.Get("Baggage") != "who=me" {
		t.Errorf("tracestate is %q, baggage %q", header.Get("Tracestate"), header.Get("Baggage"))
	}
	if r.Header.Get("Traceparent") != "" {
		t.Error("the caller's request was changed")
	}
}

// The second call takes the connection of the first.
func TestClientSpanOfReusedConnection(t *testing.T) {
	app := application(t, hello)
	client, spans := traced(t, nil)
	for range 2 {
		resp, err := client.Get(app.URL)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if len(spans.Ended()) != 2 {
		t.Fatalf("%d spans", len(spans.Ended()))
	}
	for _, a := range spans.Ended()[1].Attributes() {
		if a.Key == "wirespan.client.connect.duration" {
			t.Error("a call that did not connect has a connect time")
		}
	}
}

func TestClientSpanOfErrorStatus(t *testing.T) {
	for status, want := range map[int]string{200: "", 302: "", 404: "404", 503: "503"} {
		app := application(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		client, spans := traced(t, nil)
		resp, err := client.Transport.RoundTrip(request(t, http.MethodHead, app.URL, nil))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		span, attributes := theSpan(t, spans)
		if got := attributes["error.type"].AsString(); got != want || (span.Status().Code == codes.Error) != (want != "") {
			t.Errorf("%d: error.type %q, status %v", status, got, span.Status())
		}
		if span.Status().Description != "" {
			t.Errorf("%d: the status says %q, which its code says already", status, span.Status().Description)
		}
	}
}

func TestClientSpanOfUnknownMethod(t *testing.T) {
	app := application(t, hello)
	for known, want := range map[string][3]string{"": {"HTTP", "_OTHER", "BREW"}, "GET, BREW": {"BREW", "BREW", ""}} {
		client, spans := traced(t, map[string]string{"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": known})
		resp, err := client.Do(request(t, "BREW", app.URL, nil))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		span, attributes := theSpan(t, spans)
		got := [3]string{span.Name(), attributes["http.request.method"].AsString(), attributes["http.request.method_original"].AsString()}
		if got != want {
			t.Errorf("known %q: %q, want %q", known, got, want)
		}
	}
}

func TestClientSpanOfFailure(t *testing.T) {
	client, spans := traced(t, nil)
	if _, err := client.Get("http://127.0.0.1:" + freePort(t) + "/?token=secret"); err == nil {
		t.Fatal("a call to nobody went well")
	}
	span, attributes := theSpan(t, spans)
	wantAttributes(t, attributes, map[attribute.Key]any{"error.type": "connection_refused", "http.response.status_code": nil})
	if span.Status().Code != codes.Error || strings.Contains(span.Status().Description, "secret") {
		t.Errorf("status %v", span.Status())
	}
}

func TestClientSpanOfBodyThatIsCutShort(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "half")
	})
	client, spans := traced(t, nil)
	resp, err := client.Get(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	span, attributes := theSpan(t, spans)
	wantAttributes(t, attributes, map[attribute.Key]any{"error.type": "response_ended", "http.response.status_code": int64(200)})
	if span.Status().Code != codes.Error {
		t.Errorf("status %v", span.Status())
	}
}

func TestClientSpanOfCallerThatLeaves(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	client, spans := traced(t, nil)
	ctx, leave := context.WithCancel(t.Context())
	resp, err := client.Do(request(t, http.MethodGet, app.URL, nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	leave()
	resp.Body.Close()
	_, attributes := theSpan(t, spans)
	wantAttributes(t, attributes, map[attribute.Key]any{"error.type": "canceled"})
}

func TestClientSpanOfCallerWhoseBodyIsCutShort(t *testing.T) {
	app := application(t, func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	client, spans := traced(t, nil)
	half := &clientBody{ReadCloser: io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))}
	if resp, err := client.Do(request(t, http.MethodPost, app.URL, half)); err == nil {
		resp.Body.Close()
		t.Fatal("a call without its body went well")
	}
	_, attributes := theSpan(t, spans)
	wantAttributes(t, attributes, map[attribute.Key]any{"error.type": "canceled"})
}

func TestErrorType(t *testing.T) {
	certificate := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	certificate.Config.ErrorLog = log.New(io.Discard, "", 0) // it will be told that it is not trusted
	certificate.StartTLS()
	defer certificate.Close()
	client, _ := traced(t, nil)
	_, untrusted := client.Get(certificate.URL)
	for want, err := range map[string]error{
		"canceled":                context.Canceled,
		"timeout":                 os.ErrDeadlineExceeded,
		"name_resolution_error":   &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}},
		"connection_refused":      &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"connection_reset":        &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		"connection_error":        &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)},
		"response_ended":          &net.OpError{Op: "write", Err: net.ErrClosed},
		"secure_connection_error": untrusted,
		"_OTHER":                  errors.New("something else"),
	} {
		if got := errorType(err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
}

func TestRedactURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://h/p?a=b":         "http://h/p?a=b",
		"http://u@h/":            "http://REDACTED:REDACTED@h/",
		"http://u:p@h/?a=secret": "http://REDACTED:REDACTED@h/?a=REDACTED",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := redactURL(u, func(q string) string { return strings.ReplaceAll(q, "secret", redacted) }); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}
