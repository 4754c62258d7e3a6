package otlp_test

import (
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// everyString is a span with s in each place that takes a string.
func everyString(s string) []byte {
	return span(func(dst []byte) []byte {
		dst = otlp.AppendHead(dst, &otlp.Head{TraceID: traceID, SpanID: spanID, Name: s, Target: s, TraceState: s, Kind: otlp.KindServer})
		dst = otlp.NewKey(s).AppendString(dst, otlp.SpanAttribute, s)
		dst = otlp.AppendKeyValue(dst, otlp.SpanAttribute, attribute.StringSlice(s, []string{s}), -1)
		dst = otlp.AppendEvent(dst, &otlp.Event{Name: s, Attributes: []attribute.KeyValue{attribute.String(s, s)}}, -1)
		dst = otlp.AppendLink(dst, &otlp.Link{TraceID: traceID, SpanID: spanID, TraceState: s, Attributes: []attribute.KeyValue{attribute.String(s, s)}}, -1)
		return otlp.AppendStatus(dst, otlp.StatusError, s)
	})
}

// checkEveryString decodes it: the generated types refuse a string that is not UTF-8.
func checkEveryString(t *testing.T, s string) {
	t.Helper()
	valid := strings.ToValidUTF8(s, "\uFFFD")
	name := valid
	if s != "" {
		name = strings.ToValidUTF8(s+" "+s, "\uFFFD")
	}
	equal(t, decode(t, everyString(s)), &tracepb.Span{
		TraceId: traceID[:], SpanId: spanID[:], TraceState: valid, Name: name, Kind: tracepb.Span_SPAN_KIND_SERVER, Flags: 0x100,
		Attributes: []*commonpb.KeyValue{kv(valid, str(valid)), kv(valid, array(str(valid)))},
		Events:     []*tracepb.Span_Event{{Name: valid, Attributes: []*commonpb.KeyValue{kv(valid, str(valid))}}},
		Links: []*tracepb.Span_Link{{
			TraceId: traceID[:], SpanId: spanID[:], TraceState: valid, Flags: 0x100,
			Attributes: []*commonpb.KeyValue{kv(valid, str(valid))},
		}},
		Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: valid},
	})
}

var awkward = []string{
	"", "a", "\xff", "\xff\xfe\xfd", "a\xffb\xff\xffc", "\xc3", "ä\xc3", "\xed\xa0\x80", "\uFFFD", "\uFFFD\xff\uFFFD", "\xf4\x90\x80\x80",
	"/upload/\xff?name=value", "\x00", "日本語", "\xe6\x97", strings.Repeat("\xff", 200), strings.Repeat("x\xff", 10000),
}

func TestEveryStringIsValidUTF8(t *testing.T) {
	for _, s := range awkward {
		checkEveryString(t, s)
	}
}

func FuzzSpan(f *testing.F) {
	for _, s := range awkward {
		if len(s) > 100 {
			continue // the fuzzer would spend its time on making them shorter
		}
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkEveryString(t, s) })
}
