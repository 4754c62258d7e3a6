package otlp_test

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

func TestDropAttributes(t *testing.T) {
	for _, c := range []struct {
		name string
		drop []string
		want []*commonpb.KeyValue
	}{
		{"none", nil, []*commonpb.KeyValue{kv("a", str("1")), kv("b", num(2)), kv("c", float(3))}},
		{"first", []string{"a"}, []*commonpb.KeyValue{kv("b", num(2)), kv("c", float(3))}},
		{"middle", []string{"b", "x"}, []*commonpb.KeyValue{kv("a", str("1")), kv("c", float(3))}},
		{"all", []string{"a", "b", "c"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := span(func(dst []byte) []byte {
				dst = otlp.AppendHead(dst, &otlp.Head{TraceID: traceID, SpanID: spanID, Name: "kept", Kind: otlp.KindServer})
				from := len(dst)
				dst = otlp.NewKey("a").AppendString(dst, otlp.SpanAttribute, "1")
				dst = otlp.AppendEvent(dst, &otlp.Event{Name: "a"}, -1)
				dst = otlp.NewKey("b").AppendInt(dst, otlp.SpanAttribute, 2)
				dst = otlp.AppendKeyValue(dst, otlp.SpanAttribute, attribute.Float64("c", 3), -1)
				return otlp.DropAttributes(dst, from, func(key []byte) bool { return slices.Contains(c.drop, string(key)) })
			})
			equal(t, decode(t, b), &tracepb.Span{
				TraceId: traceID[:], SpanId: spanID[:], Name: "kept", Kind: tracepb.Span_SPAN_KIND_SERVER, Flags: 0x100,
				Attributes: c.want, Events: []*tracepb.Span_Event{{Name: "a"}},
			})
		})
	}
}

func TestDropAttributesLeavesGarbageAlone(t *testing.T) {
	b := []byte{byte(otlp.SpanAttribute), 200, 1}
	if got := otlp.DropAttributes(slices.Clone(b), 0, func([]byte) bool { return true }); !slices.Equal(got, b) {
		t.Errorf("%x became %x", b, got)
	}
}

func TestNames(t *testing.T) {
	if k := otlp.NewKey("k\xff"); k.Name() != "k\xff" {
		t.Errorf("name is %q", k.Name())
	}
	if v := otlp.Valid("v\xff\xff"); v != "v\uFFFD" {
		t.Errorf("valid is %q", v)
	}
}
