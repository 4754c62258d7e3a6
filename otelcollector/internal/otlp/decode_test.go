package otlp_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

func TestAttributes(t *testing.T) {
	long := strings.Repeat("long ", 5000)
	want := []attribute.KeyValue{
		attribute.String("text", "v"), attribute.String("empty", ""), attribute.String("long", long), attribute.String(long, "key"),
		attribute.Int64("int", -1), attribute.Int64("max", math.MaxInt64), attribute.Float64("double", -0.5),
		attribute.Bool("yes", true), attribute.Bool("no", false), attribute.StringSlice("list", []string{"a", "", long}),
	}
	b := otlp.AppendHead(nil, &otlp.Head{TraceID: traceID, SpanID: spanID, Name: "GET", Kind: otlp.KindServer, TraceFlags: 1})
	for i, kv := range want {
		b = otlp.AppendKeyValue(b, otlp.SpanAttribute, kv, -1)
		if i == 4 {
			b = otlp.AppendLink(b, &otlp.Link{TraceID: traceID, SpanID: spanID, Attributes: want[:1]}, -1)
		}
	}
	b = otlp.NewKey("key").AppendString(b, otlp.SpanAttribute, "v\xff")
	b = otlp.AppendStatus(b, otlp.StatusError, "message")
	want = append(want, attribute.String("key", "v\uFFFD"))

	got := otlp.Attributes(b, func([]byte) bool { return true })
	some := otlp.Attributes(b, func(key []byte) bool { return string(key) == "int" || string(key) == "list" })
	clear(b)
	if !slices.EqualFunc(got, want, sameAttribute) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if !slices.EqualFunc(some, []attribute.KeyValue{want[4], want[9]}, sameAttribute) {
		t.Errorf("asked for int and list, got %v", some)
	}
}

func sameAttribute(a, b attribute.KeyValue) bool {
	return a.Key == b.Key && a.Value.Type() == b.Value.Type() && a.Value.String() == b.Value.String()
}

func TestAttributesOfOtherTypes(t *testing.T) {
	for _, kv := range []attribute.KeyValue{
		attribute.BoolSlice("k", []bool{true}), attribute.Int64Slice("k", []int64{1, 2}), {Key: "k", Value: attribute.ByteSliceValue([]byte("b"))}, {Key: "k"},
	} {
		b := otlp.AppendKeyValue(nil, otlp.SpanAttribute, kv, -1)
		if got := otlp.Attributes(b, func([]byte) bool { return true }); len(got) != 0 {
			t.Errorf("%v became %v", kv, got)
		}
	}
	if got := otlp.Attributes([]byte{byte(otlp.SpanAttribute), 200, 1}, func([]byte) bool { return true }); got != nil {
		t.Errorf("garbage became %v", got)
	}
}
