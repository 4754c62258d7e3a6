package otelcollector_test

import (
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/otelcollector"
)

// hot is a request as a server emits it, over and over, from storage of its own.
type hot struct {
	to       lifecycle.Collector
	request  lifecycle.Request
	started  lifecycle.RequestStarted
	complete lifecycle.ResponseCompleted
}

func newHot(w *wire, fields ...[2]string) *hot {
	h := &hot{to: w.to}
	var f lifecycle.Fields = lifecycletest.Fields(append([][2]string{
		{"Host", "shop.example:8443"}, {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"}, {"Accept", "*/*"},
	}, fields...))
	h.request = lifecycle.Request{
		Index: 2, Method: "GET", Target: "/users/42?q=x", HTTPVersion: "1.1", Host: "shop.example:8443", Scheme: "http", Fields: f,
	}
	now := w.stamp.TimestampNS
	h.started = lifecycle.RequestStarted{Stamp: w.stamp, Request: &h.request}
	h.complete = lifecycle.ResponseCompleted{Stamp: w.stamp, Outcome: lifecycle.Outcome{
		Request: &h.request, Route: "/users/{id}", Status: 200, BytesSent: 13,
		Phases: lifecycle.Phases{
			IdleSince: now, FirstByte: now, HeadParsed: now, HandlerStart: now, FirstResponseByte: now, HandlerEnd: now, LastByte: now,
		},
		ResponseFields: f,
	}}
	return h
}

func (h *hot) serve() {
	h.to.Record(&h.started)
	h.to.Record(&h.complete)
}

var hotCases = []struct {
	name     string
	settings otelcollector.Settings
	fields   [][2]string
	sampled  bool
}{
	{"sampled", otelcollector.Settings{Sampler: sdktrace.ParentBased(sdktrace.AlwaysSample())}, nil, true},
	{"sampled with a parent", otelcollector.Settings{Sampler: sdktrace.ParentBased(sdktrace.AlwaysSample())}, [][2]string{{"traceparent", traceparent + "01"}}, true},
	{"sampled with captured headers", otelcollector.Settings{
		Sampler: sdktrace.AlwaysSample(), CaptureRequestHeaders: []string{"Accept", "X-Two", "X-None"}, CaptureResponseHeaders: []string{"Vary"},
	}, [][2]string{{"X-Two", "1"}, {"X-Two", "2"}}, true},
	{"unsampled", otelcollector.Settings{Sampler: sdktrace.ParentBased(sdktrace.NeverSample())}, nil, false},
	{"unsampled by its parent", otelcollector.Settings{Sampler: sdktrace.ParentBased(sdktrace.AlwaysSample())}, [][2]string{{"traceparent", traceparent + "00"}}, false},
	{"unsampled by its parent, with a tracestate", otelcollector.Settings{Sampler: sdktrace.ParentBased(sdktrace.AlwaysSample()), KeepErrors: true}, [][2]string{
		{"traceparent", traceparent + "00"}, {"tracestate", "dd=s:0;o:rum,congo=t61rcWkgMzE"},
	}, false},
	{"unsampled by ratio", otelcollector.Settings{Sampler: sdktrace.TraceIDRatioBased(0)}, nil, false},
	{"unsampled and not kept", otelcollector.Settings{
		Sampler: sdktrace.NeverSample(), KeepErrors: true, KeepSlowerThan: time.Second,
	}, nil, false},
	{"ignored", otelcollector.Settings{IgnorePaths: []string{"/healthz", "/users/*"}}, nil, false},
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"

func TestRequestDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector, sync.Pool forgets what it is given")
	}
	for _, c := range hotCases {
		t.Run(c.name, func(t *testing.T) {
			cfg := quiet(t, &sink{})
			cfg.FlushInterval = time.Hour // an upload is another's, and allocates
			cfg.Settings = c.settings
			col := newCollector(t, cfg)
			h := newHot(dial(t, col), c.fields...)
			if n := testing.AllocsPerRun(500, h.serve); n != 0 {
				t.Errorf("%v allocations a request, want 0", n)
			}
			if got := h.request.Trace.Sampled(); got != c.sampled {
				t.Errorf("sampled is %t, want %t", got, c.sampled)
			}
		})
	}
}

func TestMappedRequestDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector, sync.Pool forgets what it is given")
	}
	cfg := spooling(t, &sink{}, spoolDir(t))
	cfg.SpoolMode = otelcollector.SpoolMapped
	cfg.FlushInterval = time.Hour
	h := newHot(dial(t, newCollector(t, cfg)))
	if n := testing.AllocsPerRun(500, h.serve); n != 0 {
		t.Errorf("%v allocations a request, want 0", n)
	}
}

// BenchmarkSpooledRequest is BenchmarkRequest with a spool that has nothing to do, and with copies of all spans in mapped files.
func BenchmarkSpooledRequest(b *testing.B) {
	for _, mode := range []otelcollector.SpoolMode{otelcollector.SpoolOverflow, otelcollector.SpoolMapped} {
		b.Run(string(mode), func(b *testing.B) {
			cfg := spooling(b, nil, spoolDir(b))
			cfg.Client = discard{}
			cfg.SpoolMode = mode
			h := newHot(dial(b, newCollector(b, cfg)))
			b.ReportAllocs()
			for b.Loop() {
				h.serve()
			}
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	for _, c := range hotCases {
		b.Run(c.name, func(b *testing.B) {
			cfg := quiet(b, nil)
			cfg.Client = discard{}
			cfg.Settings = c.settings
			h := newHot(dial(b, newCollector(b, cfg)), c.fields...)
			b.ReportAllocs()
			for b.Loop() {
				h.serve()
			}
		})
	}
}

// BenchmarkUnsampled is what tracing costs a server that samples few of its requests or none: the events beside what the
// same events cost with nobody who listens. The bar is 0.3 us more.
func BenchmarkUnsampled(b *testing.B) {
	run := func(name string, settings *otelcollector.Settings, fields ...[2]string) {
		b.Run(name, func(b *testing.B) {
			w := &wire{t: b, to: lifecycle.Noop}
			if settings != nil {
				cfg := quiet(b, nil)
				cfg.Client, cfg.Settings = discard{}, *settings
				w = dial(b, newCollector(b, cfg))
			}
			h := newHot(w, fields...)
			b.ReportAllocs()
			for b.Loop() {
				h.serve()
			}
		})
	}
	parent := [2]string{"traceparent", traceparent + "00"}
	run("no tracing", nil)
	run("always_off", &otelcollector.Settings{Sampler: sdktrace.NeverSample()})
	run("ratio 0.1", &otelcollector.Settings{Sampler: sdktrace.TraceIDRatioBased(0.1)})
	run("by its parent", &otelcollector.Settings{Sampler: sdktrace.ParentBased(sdktrace.AlwaysSample())}, parent)
	run("always_off, errors and slow ones are kept", &otelcollector.Settings{
		Sampler: sdktrace.NeverSample(), KeepErrors: true, KeepSlowerThan: time.Second,
	})
	run("ignored", &otelcollector.Settings{IgnorePaths: []string{"/healthz", "/users/*"}})
}

// BenchmarkWorkers has each worker serve requests of its own, on all processors.
func BenchmarkWorkers(b *testing.B) {
	cfg := quiet(b, nil)
	cfg.Client = discard{}
	c := newCollector(b, cfg)
	var workers atomicCounter
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		worker := workers.next()
		h := newHot(dial(b, c, func(e *lifecycle.ConnectionOpened) { e.WorkerID = worker }))
		for pb.Next() {
			h.serve()
		}
	})
}

func BenchmarkConnection(b *testing.B) {
	cfg := quiet(b, nil)
	cfg.Client = discard{}
	c := newCollector(b, cfg)
	b.ReportAllocs()
	for b.Loop() {
		dial(b, c).close(lifecycle.ReasonComplete)
	}
}
