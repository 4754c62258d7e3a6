package otelcollector_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wirespan/wirespan/otelcollector"
)

// sink is a client that does what the wire does to a request: it marshals it, and unmarshals it with the generated
// types, which refuse a string that is not UTF-8.
type sink struct {
	// answer decides about the attempt with this number, from 1; nil accepts each.
	answer func(ctx context.Context, attempt int) error
	// refuse decides about a request by the names of its spans; nil accepts each.
	refuse func(names []string) error

	mu       sync.Mutex
	attempts int
	stops    int
	requests []*collectorpb.ExportTraceServiceRequest
	sizes    []int
}

var _ otlptrace.Client = (*sink)(nil)

func (s *sink) Start(context.Context) error { return nil }

func (s *sink) Stop(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops++
	return nil
}

func (s *sink) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	s.mu.Lock()
	s.attempts++
	attempt := s.attempts
	s.mu.Unlock()
	if s.answer != nil {
		if err := s.answer(ctx, attempt); err != nil {
			return err
		}
	}
	b, err := proto.Marshal(&collectorpb.ExportTraceServiceRequest{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("marshal: %w", err)
	}
	var got collectorpb.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &got); err != nil {
		return fmt.Errorf("unmarshal: %w", err)
	}
	if s.refuse != nil {
		if err := s.refuse(names(&got)); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, &got)
	s.sizes = append(s.sizes, len(b))
	return nil
}

func names(r *collectorpb.ExportTraceServiceRequest) (all []string) {
	for _, rs := range r.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, span := range ss.Spans {
				all = append(all, span.Name)
			}
		}
	}
	return all
}

func (s *sink) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

// scopes returns what was received, by scope.
func (s *sink) scopes() []*tracepb.ScopeSpans {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*tracepb.ScopeSpans
	for _, r := range s.requests {
		for _, rs := range r.ResourceSpans {
			all = append(all, rs.ScopeSpans...)
		}
	}
	return all
}

func (s *sink) spans() []*tracepb.Span {
	var all []*tracepb.Span
	for _, sc := range s.scopes() {
		all = append(all, sc.Spans...)
	}
	return all
}

// quiet is the configuration of a test: no variable of the environment and no unexpected error goes by unnoticed.
func quiet(t testing.TB, s *sink) otelcollector.Config {
	return otelcollector.Config{
		ServiceName:  "test",
		Client:       s,
		ErrorHandler: func(err error) { t.Errorf("unexpected report: %v", err) },
	}
}

func newCollector(t testing.TB, cfg otelcollector.Config) *otelcollector.Collector {
	t.Helper()
	c, err := otelcollector.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Shutdown(context.Background()); err != nil {
			t.Errorf("shut down: %v", err)
		}
		checkBalance(t, c.Stats())
	})
	return c
}

func checkBalance(t testing.TB, s otelcollector.Stats) {
	t.Helper()
	if s.Made+s.Recovered != s.Exported+s.Rejected+s.TotalDropped()+s.Queued+s.Spooled {
		t.Errorf("the accounts do not balance: %+v", s)
	}
}

// received flushes and returns the spans.
func received(t testing.TB, c *otelcollector.Collector, s *sink) []*tracepb.Span {
	t.Helper()
	if err := c.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.spans()
}

// theSpan returns the one span of a kind.
func theSpan(t testing.TB, spans []*tracepb.Span, kind tracepb.Span_SpanKind) *tracepb.Span {
	t.Helper()
	var found *tracepb.Span
	for _, s := range spans {
		if s.Kind == kind {
			if found != nil {
				t.Fatalf("more than one span of kind %v", kind)
			}
			found = s
		}
	}
	if found == nil {
		t.Fatalf("no span of kind %v among %d", kind, len(spans))
	}
	return found
}

func named(t testing.TB, spans []*tracepb.Span, name string) *tracepb.Span {
	t.Helper()
	i := slices.IndexFunc(spans, func(s *tracepb.Span) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no span is named %q among %d", name, len(spans))
	}
	return spans[i]
}

// attrs returns the attributes by key, in the form of Go values. A key that occurs twice fails the test.
func attrs(t testing.TB, kvs []*commonpb.KeyValue) map[string]any {
	t.Helper()
	m := map[string]any{}
	for _, kv := range kvs {
		if _, twice := m[kv.Key]; twice {
			t.Errorf("attribute %s occurs twice", kv.Key)
		}
		switch v := kv.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			m[kv.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			m[kv.Key] = int(v.IntValue)
		case *commonpb.AnyValue_DoubleValue:
			m[kv.Key] = v.DoubleValue
		case *commonpb.AnyValue_BoolValue:
			m[kv.Key] = v.BoolValue
		case *commonpb.AnyValue_ArrayValue: // of strings: as text, so that it can be compared
			var list []string
			for _, e := range v.ArrayValue.Values {
				list = append(list, e.GetStringValue())
			}
			m[kv.Key] = fmt.Sprintf("%q", list)
		default:
			m[kv.Key] = kv.Value.String()
		}
	}
	return m
}

// checkAttrs compares the attributes that want names; a nil wants the attribute to be absent.
func checkAttrs(t testing.TB, kvs []*commonpb.KeyValue, want map[string]any) {
	t.Helper()
	got := attrs(t, kvs)
	for k, w := range want {
		if g, ok := got[k]; w == nil && ok {
			t.Errorf("attribute %s is %v, want none", k, g)
		} else if w != nil && g != w {
			t.Errorf("attribute %s is %v (%T), want %v (%T)", k, g, g, w, w)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
