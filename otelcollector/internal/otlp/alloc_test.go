package otlp_test

import (
	"testing"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

var (
	keyPath     = otlp.NewKey("url.path")
	keyStatus   = otlp.NewKey("http.response.status_code")
	keyDuration = otlp.NewKey("duration")
	keyReused   = otlp.NewKey("reused")
)

func appendTypical(dst []byte) []byte {
	dst, mark := otlp.Open(dst, otlp.ScopeSpansSpan)
	dst = otlp.AppendHead(dst, &otlp.Head{
		TraceID: traceID, SpanID: spanID, ParentSpanID: parent, TraceFlags: 1, Name: "GET", Target: "/users/{id}",
		Kind: otlp.KindServer, StartNS: 1, EndNS: 2,
	})
	dst = keyPath.AppendString(dst, otlp.SpanAttribute, "/users/\xff")
	dst = keyStatus.AppendInt(dst, otlp.SpanAttribute, 200)
	dst = keyDuration.AppendDouble(dst, otlp.SpanAttribute, 0.25)
	dst = keyReused.AppendBool(dst, otlp.SpanAttribute, true)
	dst = otlp.AppendLink(dst, &otlp.Link{TraceID: traceID, SpanID: spanID, TraceFlags: 1}, -1)
	dst = otlp.AppendStatus(dst, otlp.StatusError, "reset")
	return otlp.Close(dst, mark)
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf = appendTypical(buf[:0]) }); n != 0 {
		t.Errorf("%v allocations a span, want 0", n)
	}
}

func BenchmarkSpan(b *testing.B) {
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendTypical(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}
