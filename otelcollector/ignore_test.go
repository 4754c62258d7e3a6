package otelcollector_test

import (
	"testing"

	"go.opentelemetry.io/otel/baggage"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

var ignoring = otelcollector.Settings{
	Sampler: sdktrace.AlwaysSample(), KeepErrors: true, KeepSlowerThan: 1, IgnorePaths: []string{"/healthz", "/internal/*", "/metrics*"},
}

func TestIgnoredPaths(t *testing.T) {
	for _, c := range []struct {
		method, target string
		ignored        bool
	}{
		{"GET", "/healthz", true},
		{"HEAD", "/healthz?verbose", true},
		{"GET", "http://shop.example/healthz", true},
		{"GET", "/healthz/", false},
		{"GET", "/Healthz", false},
		{"GET", "/%68ealthz", false},
		{"GET", "/", false},
		{"GET", "/internal/", true},
		{"GET", "/internal/a/b", true},
		{"GET", "/internal", false},
		{"GET", "/internal/../admin", false},
		{"GET", "/internal/..", false},
		{"GET", "/internal/%2e%2e/admin", false},
		{"GET", "/internal/a?q=../%2e", true},
		{"GET", "/metrics", true},
		{"GET", "/metrics.json", true},
		{"OPTIONS", "*", false},
		{"CONNECT", "shop.example:443", false},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			s := &sink{}
			cfg := quiet(t, s)
			cfg.Settings = ignoring
			col := newCollector(t, cfg)
			w := dial(t, col)
			x := w.start(c.method, c.target)
			if x.request.Trace.IsValid() == c.ignored {
				t.Errorf("the request has the ids %+v", x.request.Trace)
			}
			x.complete(500)
			w.close(lifecycle.ReasonComplete)
			if n := len(received(t, col, s)); c.ignored != (n == 0) {
				t.Errorf("%d spans", n)
			}
		})
	}
}

// The handler of an ignored request has the span and the baggage of its caller, as they came.
func TestContextOfAnIgnoredRequest(t *testing.T) {
	cfg := quiet(t, &sink{})
	cfg.Settings = ignoring
	w := dial(t, newCollector(t, cfg))
	for _, flags := range []string{"00", "01"} {
		x := w.start("GET", "/healthz", [2]string{"traceparent", traceparent + flags}, [2]string{"baggage", "k=v"})
		ctx := x.context()
		span := trace.SpanFromContext(ctx)
		sc := span.SpanContext()
		if sc.SpanID().String() != parentSpan || !sc.IsRemote() || sc.IsSampled() != (flags == "01") || span.IsRecording() {
			t.Errorf("the context has %v, want the caller's span", sc)
		}
		if v := baggage.FromContext(ctx).Member("k").Value(); v != "v" {
			t.Errorf("the baggage has %q", v)
		}
		x.complete(200)
	}
	x := w.start("GET", "/healthz")
	if sc := trace.SpanContextFromContext(x.context()); sc.IsValid() {
		t.Errorf("without a caller the context has %v", sc)
	}
	x.complete(200)
}

// The head of an ignored request that reuses the memory of a traced one has no ids left of it.
func TestIgnoredAfterTraced(t *testing.T) {
	s := &sink{}
	cfg := quiet(t, s)
	cfg.Settings = ignoring
	c := newCollector(t, cfg)
	w := dial(t, c)
	x := w.start("GET", "/")
	x.complete(200)
	x.request.Index, x.request.Target = 2, "/healthz"
	w.to.Record(&lifecycle.RequestStarted{Stamp: w.stamp, Request: &x.request})
	x.complete(200)
	if n := len(received(t, c, s)); n != 1 {
		t.Errorf("%d spans, want 1", n)
	}
}

func TestConnectionsOfIgnoredRequests(t *testing.T) {
	unparsable := func(w *wire) {
		w.to.Record(&lifecycle.RequestFailed{Stamp: w.stamp, Outcome: lifecycle.Outcome{Request: &lifecycle.Request{Target: "/healthz"}}, Code: "c"})
	}
	for _, c := range []struct {
		name  string
		do    func(w *wire)
		spans int
	}{
		{"no request", func(*wire) {}, 1},
		{"ignored ones", func(w *wire) { w.start("GET", "/healthz").complete(200); w.start("GET", "/healthz").complete(500) }, 0},
		{"an ignored one and another", func(w *wire) { w.start("GET", "/healthz").complete(200); w.start("GET", "/").complete(200) }, 2},
		{"an ignored one and a head that cannot be parsed", func(w *wire) { w.start("GET", "/healthz").complete(200); unparsable(w) }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{}
			cfg := quiet(t, s)
			cfg.Settings = ignoring
			col := newCollector(t, cfg)
			w := dial(t, col)
			c.do(w)
			w.close(lifecycle.ReasonComplete)
			if n := len(received(t, col, s)); n != c.spans {
				t.Errorf("%d spans, want %d", n, c.spans)
			}
		})
	}
}
