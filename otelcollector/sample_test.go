package otelcollector_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/lifecycle"
)

// calls counts how often a sampler is asked.
type calls struct {
	sdktrace.Sampler
	n *atomic.Int32
}

func (c calls) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	c.n.Add(1)
	return c.Sampler.ShouldSample(p)
}

var standardSamplers = []sdktrace.Sampler{
	sdktrace.AlwaysSample(),
	sdktrace.NeverSample(),
	sdktrace.TraceIDRatioBased(0), sdktrace.TraceIDRatioBased(0.1), sdktrace.TraceIDRatioBased(1.0 / 3), sdktrace.TraceIDRatioBased(1),
	sdktrace.TraceIDRatioBased(1e-9),
	sdktrace.ParentBased(sdktrace.AlwaysSample()),
	sdktrace.ParentBased(sdktrace.NeverSample()),
	sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.5)),
	sdktrace.ParentBased(sdktrace.AlwaysSample(), sdktrace.WithRemoteParentNotSampled(sdktrace.TraceIDRatioBased(0.25))),
	sdktrace.ParentBased(sdktrace.NeverSample(), sdktrace.WithRemoteParentSampled(sdktrace.NeverSample()), sdktrace.WithLocalParentNotSampled(sdktrace.AlwaysSample())),
	sdktrace.ParentBased(sdktrace.ParentBased(sdktrace.AlwaysSample())),
	sdktrace.AlwaysRecord(sdktrace.NeverSample()),
}

// The rules that stand for the SDK's samplers decide as these do.
func TestSamplersDecideAsTheSDK(t *testing.T) {
	for _, s := range standardSamplers {
		t.Run(s.Description(), func(t *testing.T) {
			cfg := quiet(t, &sink{})
			cfg.Sampler = s
			w := dial(t, newCollector(t, cfg))
			for i := range 200 {
				var parent string
				if i%4 > 0 {
					var id [16]byte
					binary.BigEndian.PutUint64(id[:], rand.Uint64()|1)
					binary.BigEndian.PutUint64(id[8:], rand.Uint64())
					parent = fmt.Sprintf("00-%s-%s-0%d", hex.EncodeToString(id[:]), parentSpan, i%4)
				}
				got := w.start("GET", "/", [2]string{"traceparent", parent}).request.Trace
				ctx := context.Background()
				if got.ParentSpanID != [8]byte{} {
					ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
						TraceID: got.TraceID, SpanID: got.ParentSpanID, TraceFlags: trace.TraceFlags(i % 4),
					}))
				}
				want := s.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: got.TraceID}).Decision == sdktrace.RecordAndSample
				if got.Sampled() != want {
					t.Fatalf("parent %q, trace %x: sampled is %t, want %t", parent, got.TraceID, got.Sampled(), want)
				}
			}
		})
	}
}

// A sampler is not taken for another because it describes itself the same.
func TestSamplerWithABorrowedDescription(t *testing.T) {
	for _, s := range standardSamplers {
		cfg := quiet(t, &sink{})
		n := &atomic.Int32{}
		cfg.Sampler = calls{s, n}
		dial(t, newCollector(t, cfg)).start("GET", "/")
		if n.Load() != 2 { // the connection and the request
			t.Errorf("%s was asked %d times, want 2", s.Description(), n.Load())
		}
		n.Store(0)
		cfg.Sampler = sdktrace.ParentBased(calls{s, n})
		dial(t, newCollector(t, cfg)).start("GET", "/")
		if n.Load() != 2 {
			t.Errorf("%s as the root of another was asked %d times, want 2", s.Description(), n.Load())
		}
	}
}

// picky samples what it is told to, and adds to it.
type picky struct {
	seen chan sdktrace.SamplingParameters
}

func (picky) Description() string { return "picky" }

func (p picky) ShouldSample(params sdktrace.SamplingParameters) sdktrace.SamplingResult {
	p.seen <- params
	ts, _ := trace.ParseTraceState("picky=1")
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Attributes: []attribute.KeyValue{attribute.Bool("picked", true)}, Tracestate: ts}
}

func TestCustomSampler(t *testing.T) {
	s := &sink{}
	cfg := quiet(t, s)
	p := picky{make(chan sdktrace.SamplingParameters, 2)}
	cfg.Sampler = p
	c := newCollector(t, cfg)
	w := dial(t, c)
	if conn := <-p.seen; conn.Name != "HTTP connection" || conn.Kind != trace.SpanKindInternal {
		t.Errorf("asked about the connection as %+v", conn)
	}
	w.start("GET", "/a?sig=secret", [2]string{"traceparent", traceparent + "00"}, [2]string{"User-Agent", "curl"}).complete(200)
	got := <-p.seen
	parent := trace.SpanContextFromContext(got.ParentContext)
	if got.Name != "GET" || got.Kind != trace.SpanKindServer || !parent.IsRemote() || parent.SpanID().String() != parentSpan {
		t.Errorf("asked about the request as %+v", got)
	}
	set := attribute.NewSet(got.Attributes...)
	want := attribute.NewSet(
		attribute.String("http.request.method", "GET"), attribute.String("url.path", "/a"), attribute.String("url.query", "sig=REDACTED"),
		attribute.String("url.scheme", "http"), attribute.String("server.address", "shop.example"), attribute.Int("server.port", 8443),
		attribute.String("user_agent.original", "curl"),
	)
	if set != want {
		t.Errorf("asked with %v, want %v", set.Encoded(attribute.DefaultEncoder()), want.Encoded(attribute.DefaultEncoder()))
	}
	span := theSpan(t, received(t, c, s), tracepb.Span_SPAN_KIND_SERVER)
	checkAttrs(t, span.Attributes, map[string]any{"picked": true})
	if span.TraceState != "picky=1" {
		t.Errorf("tracestate is %q, want that of the sampler", span.TraceState)
	}
	w.close(lifecycle.ReasonComplete)
}
