package otelcollector_test

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

// rows are the situations that a middleware above net/http gets wrong: it cannot see them, or ends its span too early.
var rows = []struct {
	name    string
	trusted []netip.Prefix
	do      func(w *wire)
	span    string // its name
	status  tracepb.Status_StatusCode
	attrs   map[string]any
	check   func(t *testing.T, s *tracepb.Span)
}{
	{
		name: "a route that is known late is the attribute http.route too",
		do:   func(w *wire) { w.start("GET", "/users/42").complete(200, route("/users/{id}")) },
		span: "GET /users/{id}", attrs: map[string]any{"http.route": "/users/{id}", "http.response.status_code": 200, "error.type": nil},
	},
	{
		name: "a framework's route set on the live span",
		do: func(w *wire) {
			x := w.start("GET", "/users/42")
			trace.SpanFromContext(x.context()).SetAttributes(attribute.String("http.route", "/users/:id"))
			x.complete(200, route("/"))
		},
		span: "GET /users/:id", attrs: map[string]any{"http.route": "/users/:id"},
	},
	{
		name: "no route: the path is not in the name",
		do:   func(w *wire) { w.start("GET", "/users/42").complete(404) },
		span: "GET", attrs: map[string]any{"http.route": nil, "url.path": "/users/42", "http.response.status_code": 404, "error.type": nil},
	},
	{
		name: "secrets in the query are redacted",
		do:   func(w *wire) { w.start("GET", "/o?q=x&sig=secret&X-Amz-Signature=abc&SIG=kept&sig").complete(200) },
		span: "GET", attrs: map[string]any{"url.query": "q=x&sig=REDACTED&X-Amz-Signature=REDACTED&SIG=kept&sig"},
	},
	{
		name: "500 has an error.type",
		do:   func(w *wire) { w.start("POST", "/").complete(500) },
		span: "POST", status: tracepb.Status_STATUS_CODE_ERROR, attrs: map[string]any{"error.type": "500", "http.response.status_code": 500},
	},
	{
		name: "a panic is an error with an exception event and a status code",
		do: func(w *wire) {
			w.start("GET", "/panic").fail(500, "handler_panic", &lifecycle.PanicError{Value: errors.New("oops"), Stack: []byte("goroutine 1")}, route("/panic"))
		},
		span: "GET /panic", status: tracepb.Status_STATUS_CODE_ERROR,
		attrs: map[string]any{"error.type": "handler_panic", "http.response.status_code": 500},
		check: func(t *testing.T, s *tracepb.Span) {
			if len(s.Events) != 1 || s.Events[0].Name != "exception" {
				t.Fatalf("events are %v, want one exception", s.Events)
			}
			checkAttrs(t, s.Events[0].Attributes, map[string]any{
				"exception.type": "*errors.errorString", "exception.message": "oops", "exception.stacktrace": "goroutine 1",
			})
			if at := s.Events[0].TimeUnixNano; at < s.StartTimeUnixNano || at > s.EndTimeUnixNano {
				t.Errorf("the event is at %d, outside its span", at)
			}
		},
	},
	{
		name: "ErrAbortHandler",
		do:   func(w *wire) { w.start("GET", "/").fail(0, "aborted_by_app", nil) },
		span: "GET", status: tracepb.Status_STATUS_CODE_ERROR,
		attrs: map[string]any{"error.type": "aborted_by_app", "http.response.status_code": nil, "http.response.body.size": nil},
	},
	{
		name: "a hijacked connection: status 101, and the span lasts to the end of the tunnel",
		do: func(w *wire) {
			x := w.start("GET", "/ws")
			o := x.outcome(101, nil)
			o.Streaming = true
			w.to.Record(&lifecycle.ResponseCompleted{Stamp: w.at(o.Phases.LastByte + int64(time.Hour)), Outcome: o})
		},
		span: "GET", attrs: map[string]any{"http.response.status_code": 101, "error.type": nil, "wirespan.request.streaming": true},
		check: func(t *testing.T, s *tracepb.Span) {
			if d := duration(s); d < time.Hour {
				t.Errorf("the span lasts %v, want the hour of the tunnel and more", d)
			}
		},
	},
	{
		name: "the client goes while the response is written",
		do: func(w *wire) {
			w.start("GET", "/").disconnect(200, syscall.EPIPE, func(o *lifecycle.Outcome) { o.BytesSent = 100 })
		},
		span: "GET", status: tracepb.Status_STATUS_CODE_ERROR,
		attrs: map[string]any{"error.type": "client_disconnect", "http.response.status_code": 200, "http.response.body.size": 100},
		check: func(t *testing.T, s *tracepb.Span) {
			if s.Status.Message != "broken pipe" {
				t.Errorf("status message is %q, want that of the socket", s.Status.Message)
			}
		},
	},
	{
		name: "the client resets before anything is sent",
		do:   func(w *wire) { w.start("GET", "/").disconnect(0, syscall.ECONNRESET) },
		span: "GET", status: tracepb.Status_STATUS_CODE_ERROR,
		attrs: map[string]any{"error.type": "client_disconnect", "http.response.status_code": nil},
	},
	{
		name: "a head that is dribbled is part of the span",
		do: func(w *wire) {
			x := w.start("GET", "/")
			x.phases.FirstByte -= int64(200 * time.Millisecond)
			x.complete(200)
		},
		span: "GET",
		check: func(t *testing.T, s *tracepb.Span) {
			if d := duration(s); d < 200*time.Millisecond {
				t.Errorf("the span lasts %v, want the 200 ms of the head and more", d)
			}
			if head, _ := attrs(t, s.Attributes)["wirespan.request.head.duration"].(float64); head != 0.201 {
				t.Errorf("head took %v s, want 0.201", head)
			}
		},
	},
	{
		name: "a malformed request that was answered with 400",
		do: func(w *wire) {
			now := lifecycle.MonotonicNS()
			r := lifecycle.Request{Method: "\x00\xff\x01", Scheme: "http"}
			w.to.Record(&lifecycle.RequestFailed{
				Stamp: w.at(now), Code: "invalid_request_line", Err: errors.New("method is no token"),
				Outcome: lifecycle.Outcome{Request: &r, Status: 400, Phases: lifecycle.Phases{FirstByte: now - 1000, LastByte: now}},
			})
		},
		span: "HTTP",
		attrs: map[string]any{
			"error.type": "invalid_request_line", "http.response.status_code": 400, "http.request.method": "_OTHER",
			"http.request.method_original": "\x00\uFFFD\x01", "url.path": nil, "wirespan.connection.request_index": nil,
			"network.peer.address": "203.0.113.5",
		},
		check: func(t *testing.T, s *tracepb.Span) {
			if len(s.ParentSpanId) != 0 || len(s.Links) != 1 || duration(s) != 1000 {
				t.Errorf("want a root with a link that lasts 1000 ns: %v", s)
			}
		},
	},
	{
		name: "X-Forwarded-For of a peer that nobody trusts",
		do: func(w *wire) {
			w.start("GET", "/", [2]string{"X-Forwarded-For", "6.6.6.6, 1.1.1.1"}, [2]string{"X-Forwarded-Proto", "https"}, [2]string{"Forwarded", "for=6.6.6.6"}).complete(200)
		},
		span: "GET", attrs: map[string]any{"client.address": "203.0.113.5", "network.peer.address": "203.0.113.5", "url.scheme": "http", "server.address": "shop.example"},
	},
	{
		name: "X-Forwarded-For from a trusted proxy", trusted: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		do: func(w *wire) {
			w.start("GET", "/", [2]string{"X-Forwarded-For", "6.6.6.6, 198.51.100.9"}, [2]string{"X-Forwarded-Proto", "https"},
				[2]string{"X-Forwarded-Host", "www.example:443"}).complete(200)
		},
		span: "GET",
		attrs: map[string]any{
			"client.address": "198.51.100.9", "network.peer.address": "203.0.113.5", "url.scheme": "https", "server.address": "www.example",
			"server.port": 443,
		},
	},
	{
		name: "a method that is not known",
		do:   func(w *wire) { w.start("get", "/").complete(200, route("/")) },
		span: "HTTP /", attrs: map[string]any{"http.request.method": "_OTHER", "http.request.method_original": "get"},
	},
}

func TestWhatOtelhttpGetsWrong(t *testing.T) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			s := &sink{}
			cfg := quiet(t, s)
			cfg.TrustedProxies = r.trusted
			c := newCollector(t, cfg)
			w := dial(t, c)
			r.do(w)
			span := theSpan(t, received(t, c, s), tracepb.Span_SPAN_KIND_SERVER)
			if span.Name != r.span {
				t.Errorf("the span is named %q, want %q", span.Name, r.span)
			}
			if got := span.Status.GetCode(); got != r.status {
				t.Errorf("status is %v, want %v", got, r.status)
			}
			checkAttrs(t, span.Attributes, r.attrs)
			if r.check != nil {
				r.check(t, span)
			}
			w.close(lifecycle.ReasonComplete)
		})
	}
}

func TestKnownMethodsCanBeReplaced(t *testing.T) {
	try := func(t *testing.T, cfg otelcollector.Config, s *sink) {
		c := newCollector(t, cfg)
		w := dial(t, c)
		w.start("PURGE", "/").complete(200)
		w.start("GET", "/").complete(200)
		spans := received(t, c, s)
		named(t, spans, "PURGE")
		checkAttrs(t, named(t, spans, "HTTP").Attributes, map[string]any{"http.request.method": "_OTHER", "http.request.method_original": "GET"})
	}
	t.Run("by configuration", func(t *testing.T) {
		s := &sink{}
		cfg := quiet(t, s)
		cfg.KnownMethods = []string{"PURGE"}
		try(t, cfg, s)
	})
	t.Run("by OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", func(t *testing.T) {
		t.Setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "PURGE, LINK")
		s := &sink{}
		try(t, quiet(t, s), s)
	})
}

func duration(s *tracepb.Span) time.Duration {
	return time.Duration(s.EndTimeUnixNano - s.StartTimeUnixNano)
}

// One string that is not UTF-8 would cost the whole batch at the receiver.
func TestBytesThatAreNotUTF8(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c, func(e *lifecycle.ConnectionOpened) { e.ClientAddr = "\xff" })
	x := w.start("G\xffT", "/\xff?\xfe=\xfd", [2]string{"User-Agent", "\xfc"})
	x.request.Host = "\xfb:80"
	live := trace.SpanFromContext(x.context())
	live.SetName("n\xff")
	live.SetAttributes(attribute.String("k\xff", "v\xff"))
	live.AddEvent("e\xff")
	live.RecordError(errors.New("r\xff"))
	x.fail(500, "c\xff", errors.New("m\xff"), route("/\xff"))
	w.close(lifecycle.ReasonComplete)
	if n := len(received(t, c, s)); n != 2 {
		t.Fatalf("%d spans arrived, want 2", n)
	}
	for _, span := range s.spans() {
		if strings.Contains(span.String(), "\xff") {
			t.Errorf("%v is not UTF-8", span)
		}
	}
}
