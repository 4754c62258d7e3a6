package lifecycle

import (
	"encoding/hex"
	"strconv"
	"time"
)

// AppendTraceparent appends the identity of the span as the fields traceparent and traceresponse have it (W3C Trace Context,
// version 00): it must be valid.
func (t *TraceContext) AppendTraceparent(dst []byte) []byte { return t.appendTraceparent(dst, t.Flags) }

func (t *TraceContext) appendTraceparent(dst []byte, flags byte) []byte {
	dst = append(dst, "00-"...)
	dst = hex.AppendEncode(dst, t.TraceID[:])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, t.SpanID[:])
	dst = append(dst, '-')
	return hex.AppendEncode(dst, []byte{flags})
}

// AppendServerTiming appends what is known of a request, at the reading now of [MonotonicNS], as the value of a Server-Timing
// field (W3C Server Timing), or nothing when nothing is:
//
//	head;dur=0.1, queue;dur=0.0, handler;dur=3.2, traceparent;desc="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
//
// head and queue are [Phases.Head] and [Phases.Queue], handler is the time since HandlerStart. They are in milliseconds, to a
// tenth: that is as much as browsers tell a page, because finer times give secrets away. Of the trace-flags only "sampled" is
// told: scripts in browsers that look for the span take no other.
func AppendServerTiming(dst []byte, p *Phases, t *TraceContext, now int64) []byte {
	from := len(dst)
	if p.FirstByte != 0 && p.HeadParsed != 0 {
		dst = appendMetric(dst, from, "head;dur=", p.Head())
	}
	if p.HeadParsed != 0 && p.HandlerStart != 0 {
		dst = appendMetric(dst, from, "queue;dur=", p.Queue())
	}
	if p.HandlerStart != 0 {
		dst = appendMetric(dst, from, "handler;dur=", between(p.HandlerStart, now))
	}
	if !t.IsValid() {
		return dst
	}
	dst = append(appendComma(dst, from), `traceparent;desc="`...)
	return append(t.appendTraceparent(dst, t.Flags&1), '"')
}

func appendMetric(dst []byte, from int, name string, d time.Duration) []byte {
	const unit = time.Millisecond / 10
	tenths := int64((d + unit/2) / unit)
	dst = append(appendComma(dst, from), name...)
	dst = strconv.AppendInt(dst, tenths/10, 10)
	return append(dst, '.', byte('0'+tenths%10))
}

// appendComma goes on with a list that began at from.
func appendComma(dst []byte, from int) []byte {
	if len(dst) == from {
		return dst
	}
	return append(dst, ", "...)
}
