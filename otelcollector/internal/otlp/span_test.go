package otlp_test

import (
	"math"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

var (
	traceID = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	spanID  = [8]byte{21, 22, 23, 24, 25, 26, 27, 28}
	parent  = [8]byte{31, 32, 33, 34, 35, 36, 37, 38}
)

func TestSpanAgainstGeneratedTypes(t *testing.T) {
	head := otlp.Head{
		TraceID: traceID, SpanID: spanID, ParentSpanID: parent, ParentIsRemote: true, TraceFlags: 3, TraceState: "a=1,b=2",
		Name: "GET", Target: "/users/{id}", Kind: otlp.KindServer, StartNS: 1_700_000_000_000_000_000, EndNS: 1_700_000_000_000_000_777,
	}
	event := otlp.Event{Name: "exception", TimeNS: 42, Attributes: []attribute.KeyValue{attribute.String("exception.type", "x")}, Dropped: 3}
	link := otlp.Link{TraceID: traceID, SpanID: parent, TraceFlags: 1, TraceState: "c=3", Attributes: []attribute.KeyValue{attribute.Int("n", 1)}, Dropped: 4}
	b := span(func(dst []byte) []byte {
		dst = otlp.AppendHead(dst, &head)
		dst = otlp.NewKey("url.path").AppendString(dst, otlp.SpanAttribute, "/users/42")
		dst = otlp.NewKey("status").AppendInt(dst, otlp.SpanAttribute, 200)
		dst = otlp.NewKey("negative").AppendInt(dst, otlp.SpanAttribute, -1)
		dst = otlp.NewKey("reused").AppendBool(dst, otlp.SpanAttribute, true)
		dst = otlp.NewKey("first").AppendBool(dst, otlp.SpanAttribute, false)
		dst = otlp.NewKey("duration").AppendDouble(dst, otlp.SpanAttribute, 0.25)
		dst = otlp.AppendEvent(dst, &event, -1)
		dst = otlp.AppendLink(dst, &link, -1)
		dst = otlp.AppendStatus(dst, otlp.StatusError, "reset by peer")
		return otlp.AppendDropped(dst, 5, 6, 7)
	})
	equal(t, decode(t, b), &tracepb.Span{
		TraceId: traceID[:], SpanId: spanID[:], ParentSpanId: parent[:], TraceState: "a=1,b=2", Flags: 0x303,
		Name: "GET /users/{id}", Kind: tracepb.Span_SPAN_KIND_SERVER,
		StartTimeUnixNano: 1_700_000_000_000_000_000, EndTimeUnixNano: 1_700_000_000_000_000_777,
		Attributes: []*commonpb.KeyValue{
			kv("url.path", str("/users/42")), kv("status", num(200)), kv("negative", num(-1)), kv("reused", boolean(true)),
			kv("first", boolean(false)), kv("duration", float(0.25)),
		},
		Events: []*tracepb.Span_Event{{
			Name: "exception", TimeUnixNano: 42, DroppedAttributesCount: 3,
			Attributes: []*commonpb.KeyValue{kv("exception.type", str("x"))},
		}},
		Links: []*tracepb.Span_Link{{
			TraceId: traceID[:], SpanId: parent[:], TraceState: "c=3", Flags: 0x101, DroppedAttributesCount: 4,
			Attributes: []*commonpb.KeyValue{kv("n", num(1))},
		}},
		Status:                 &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "reset by peer"},
		DroppedAttributesCount: 5, DroppedEventsCount: 6, DroppedLinksCount: 7,
	})
}

func TestRootSpan(t *testing.T) {
	b := span(func(dst []byte) []byte {
		return otlp.AppendHead(dst, &otlp.Head{TraceID: traceID, SpanID: spanID, Name: "HTTP connection", Kind: otlp.KindInternal, TraceFlags: 1, StartNS: -1})
	})
	equal(t, decode(t, b), &tracepb.Span{
		TraceId: traceID[:], SpanId: spanID[:], Flags: 0x101, Name: "HTTP connection", Kind: tracepb.Span_SPAN_KIND_INTERNAL,
	})
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		name string
		code otlp.StatusCode
		want *tracepb.Status
	}{
		{"unset", otlp.StatusUnset, nil},
		{"ok has no message", otlp.StatusOK, &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK}},
		{"error", otlp.StatusError, &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "m"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := decode(t, span(func(dst []byte) []byte { return otlp.AppendStatus(dst, c.code, "m") }))
			equal(t, got, &tracepb.Span{Status: c.want})
		})
	}
}

// A length takes one, two, three or four bytes; Open leaves room for two.
func TestMessagesOfEveryLength(t *testing.T) {
	for _, n := range []int{0, 1, 126, 127, 128, 129, 16382, 16383, 16384, 16385, 1<<21 - 1, 1 << 21} {
		text := strings.Repeat("x", n)
		b := span(func(dst []byte) []byte {
			return otlp.AppendKeyValue(dst, otlp.SpanAttribute, attribute.String("k", text), -1)
		})
		equal(t, decode(t, b), &tracepb.Span{Attributes: []*commonpb.KeyValue{kv("k", str(text))}})
		b = span(func(dst []byte) []byte { return otlp.NewKey("k").AppendString(dst, otlp.SpanAttribute, text) })
		equal(t, decode(t, b), &tracepb.Span{Attributes: []*commonpb.KeyValue{kv("k", str(text))}})
	}
}

func TestAttributesOfEveryType(t *testing.T) {
	list := attribute.SliceValue(attribute.StringValue("a"), attribute.IntValue(1), attribute.BoolValue(false))
	for _, c := range []struct {
		name  string
		value attribute.Value
		want  *commonpb.AnyValue
	}{
		{"string", attribute.StringValue("s"), str("s")},
		{"empty string", attribute.StringValue(""), str("")},
		{"bool", attribute.BoolValue(true), boolean(true)},
		{"int", attribute.Int64Value(math.MinInt64), num(math.MinInt64)},
		{"float", attribute.Float64Value(-0.5), float(-0.5)},
		{"strings", attribute.StringSliceValue([]string{"a", ""}), array(str("a"), str(""))},
		{"bools", attribute.BoolSliceValue([]bool{true, false}), array(boolean(true), boolean(false))},
		{"ints", attribute.Int64SliceValue([]int64{0, -1, 300}), array(num(0), num(-1), num(300))},
		{"floats", attribute.Float64SliceValue([]float64{0, 1.5}), array(float(0), float(1.5))},
		{"no strings", attribute.StringSliceValue(nil), array()},
		{"bytes", attribute.ByteSliceValue([]byte{0, 0xff}), &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{0, 0xff}}}},
		{"list", list, array(str("a"), num(1), boolean(false))},
		{
			"map", attribute.MapValue(attribute.String("k", "v"), attribute.KeyValue{Key: "l", Value: list}),
			kvlist(kv("k", str("v")), kv("l", array(str("a"), num(1), boolean(false)))),
		},
		{"nothing", attribute.Value{}, &commonpb.AnyValue{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := span(func(dst []byte) []byte {
				return otlp.AppendKeyValue(dst, otlp.SpanAttribute, attribute.KeyValue{Key: "k", Value: c.value}, -1)
			})
			equal(t, decode(t, b), &tracepb.Span{Attributes: []*commonpb.KeyValue{kv("k", c.want)}})
		})
	}
}

func TestNestingIsBounded(t *testing.T) {
	b := span(func(dst []byte) []byte {
		return otlp.AppendKeyValue(dst, otlp.SpanAttribute, attribute.KeyValue{Key: "k", Value: nested(attribute.StringValue("deep"), 70)}, -1)
	})
	v, depth := decode(t, b).Attributes[0].Value, 0
	for v.GetArrayValue() != nil {
		v = v.GetArrayValue().Values[0]
		depth++
	}
	if depth != 64 || v.Value != nil {
		t.Errorf("%d arrays deep lies %v, want an empty value below 64", depth, v)
	}
}

func TestLimitOnValues(t *testing.T) {
	for _, c := range []struct {
		value attribute.Value
		want  *commonpb.AnyValue
	}{
		{attribute.StringValue("äöü"), str("äö")},
		{attribute.StringValue("ab"), str("ab")},
		{attribute.StringSliceValue([]string{"abc", "a"}), array(str("ab"), str("a"))},
		{attribute.ByteSliceValue([]byte("abc")), &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte("ab")}}},
		{attribute.MapValue(attribute.String("key", "abc")), kvlist(kv("key", str("ab")))},
		{attribute.IntValue(12345), num(12345)},
	} {
		b := span(func(dst []byte) []byte {
			return otlp.AppendKeyValue(dst, otlp.SpanAttribute, attribute.KeyValue{Key: "key", Value: c.value}, 2)
		})
		equal(t, decode(t, b), &tracepb.Span{Attributes: []*commonpb.KeyValue{kv("key", c.want)}})
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"abc", -1, "abc"}, {"abc", 0, ""}, {"abc", 2, "ab"}, {"abc", 3, "abc"}, {"äöü", 2, "äö"}, {"\xff\xffx", 1, "\xff"}, {"", 0, ""},
	} {
		if got := otlp.Truncate(c.in, c.limit); got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}
