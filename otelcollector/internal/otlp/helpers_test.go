package otlp_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// decode reads the one span in field ScopeSpans.spans of b with the generated type.
func decode(t *testing.T, b []byte) *tracepb.Span {
	t.Helper()
	var scope tracepb.ScopeSpans
	if err := proto.Unmarshal(b, &scope); err != nil {
		t.Fatalf("decode %x: %v", b, err)
	}
	if len(scope.Spans) != 1 {
		t.Fatalf("decoded %d spans, want 1", len(scope.Spans))
	}
	if u := scope.Spans[0].ProtoReflect().GetUnknown(); len(u) > 0 {
		t.Fatalf("the span has unknown fields: %x", u)
	}
	return scope.Spans[0]
}

// span encodes a span of which fields appends the fields.
func span(fields func([]byte) []byte) []byte {
	dst, mark := otlp.Open(nil, otlp.ScopeSpansSpan)
	return otlp.Close(fields(dst), mark)
}

func equal(t *testing.T, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("decoded\n%v\nwant\n%v", got, want)
	}
	canonical, err := proto.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	again, err := proto.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if len(again) != len(canonical) {
		t.Errorf("encoded again it has %d bytes, want %d", len(again), len(canonical))
	}
}

func str(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func num(i int64) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: i}}
}

func float(f float64) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: f}}
}

func boolean(b bool) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: b}}
}

func array(v ...*commonpb.AnyValue) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: v}}}
}

func kvlist(kv ...*commonpb.KeyValue) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: kv}}}
}

func kv(key string, v *commonpb.AnyValue) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: v}
}

// nested wraps v in n arrays.
func nested(v attribute.Value, n int) attribute.Value {
	for range n {
		v = attribute.SliceValue(v)
	}
	return v
}
