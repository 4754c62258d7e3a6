package lifecycle_test

import (
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

func spanOf(flags byte) lifecycle.TraceContext {
	return lifecycle.TraceContext{TraceID: [16]byte{0x0a, 15: 0xf1}, SpanID: [8]byte{0x0b, 7: 2}, Flags: flags}
}

func TestAppendTraceparent(t *testing.T) {
	for flags, want := range map[byte]string{
		0: "00-0a0000000000000000000000000000f1-0b00000000000002-00",
		1: "00-0a0000000000000000000000000000f1-0b00000000000002-01",
		3: "00-0a0000000000000000000000000000f1-0b00000000000002-03",
	} {
		span := spanOf(flags)
		if got := string(span.AppendTraceparent([]byte("is "))); got != "is "+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAppendServerTiming(t *testing.T) {
	const us = int64(time.Microsecond)
	whole := lifecycle.Phases{IdleSince: 1, FirstByte: 1000 * us, HeadParsed: 1149 * us, HandlerStart: 1199 * us}
	for _, c := range []struct {
		name  string
		p     lifecycle.Phases
		trace lifecycle.TraceContext
		now   int64
		want  string
	}{
		{"all", whole, spanOf(3), 4449 * us, `head;dur=0.1, queue;dur=0.1, handler;dur=3.3, traceparent;desc="00-0a0000000000000000000000000000f1-0b00000000000002-01"`},
		{"a span that is not sampled", lifecycle.Phases{}, spanOf(2), 1, `traceparent;desc="00-0a0000000000000000000000000000f1-0b00000000000002-00"`},
		{"no span", whole, lifecycle.TraceContext{}, 1248 * us, `head;dur=0.1, queue;dur=0.1, handler;dur=0.0`},
		{"half a span", lifecycle.Phases{}, lifecycle.TraceContext{TraceID: [16]byte{1}}, 1, ""},
		{"no handler", lifecycle.Phases{FirstByte: 1, HeadParsed: 1}, lifecycle.TraceContext{}, 1, "head;dur=0.0"},
		{"no head", lifecycle.Phases{IdleSince: 1, FirstByte: 1}, lifecycle.TraceContext{}, 9, ""},
		{"long ago", lifecycle.Phases{HandlerStart: 1}, lifecycle.TraceContext{}, int64(time.Hour), "handler;dur=3600000.0"},
		{"a clock that went back", lifecycle.Phases{HandlerStart: 9}, lifecycle.TraceContext{}, 1, "handler;dur=0.0"},
	} {
		if got := string(lifecycle.AppendServerTiming([]byte("is "), &c.p, &c.trace, c.now)); got != "is "+c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWhatIsToldAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 512)
	span, p := spanOf(1), lifecycle.Phases{FirstByte: 1, HeadParsed: 2, HandlerStart: 3}
	if n := testing.AllocsPerRun(100, func() {
		b := lifecycle.AppendRequestID(buf, 1)
		b = span.AppendTraceparent(b)
		_ = lifecycle.AppendServerTiming(b, &p, &span, 4)
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkWhatIsTold(b *testing.B) {
	buf := make([]byte, 0, 512)
	span, p := spanOf(1), lifecycle.Phases{FirstByte: 1, HeadParsed: 2, HandlerStart: 3}
	for name, f := range map[string]func(){
		"request id":    func() { _ = lifecycle.AppendRequestID(buf, 1) },
		"traceparent":   func() { _ = span.AppendTraceparent(buf) },
		"Server-Timing": func() { _ = lifecycle.AppendServerTiming(buf, &p, &span, 4) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
