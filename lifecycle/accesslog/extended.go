package accesslog

import (
	"encoding/hex"
	"strconv"

	"github.com/wirespan/wirespan/lifecycle"
)

// extended are the atoms that are written %({name}x)s. Spans, lifecycle events and log records call the same things by the
// same names.
var extended = map[string]value{
	"trace_id": text(func(dst []byte, r *Record) ([]byte, bool) {
		return hex.AppendEncode(dst, r.Trace.TraceID[:]), r.Trace.IsValid()
	}),
	"span_id": text(func(dst []byte, r *Record) ([]byte, bool) {
		return hex.AppendEncode(dst, r.Trace.SpanID[:]), r.Trace.IsValid()
	}),
	"trace_flags": text(func(dst []byte, r *Record) ([]byte, bool) {
		return hex.AppendEncode(dst, []byte{r.Trace.Flags}), r.Trace.IsValid()
	}),

	"request_id":    stringOf(func(r *Record) string { return r.RequestID }),
	"connection_id": intOf(func(r *Record) int64 { return int64(r.ConnectionID) }),
	"worker_id":     intOf(func(r *Record) int64 { return int64(r.WorkerID) }),
	"request_index": number(func(dst []byte, r *Record) ([]byte, bool) {
		return strconv.AppendInt(dst, int64(r.Index), 10), r.Index > 0
	}),

	"time":         text(appendRFC3339),
	"route":        stringOf(func(r *Record) string { return r.Route }),
	"status_class": text(appendStatusClass),
	"event":        stringOf(func(r *Record) string { return r.Event }),
	"code":         stringOf(func(r *Record) string { return r.Code }),

	"bytes_received": intOf(func(r *Record) int64 { return r.BytesReceived }),
	"head_bytes":     intOf(func(r *Record) int64 { return r.HeadBytes }),

	"duration_ms": number(func(dst []byte, r *Record) ([]byte, bool) {
		return appendDecimal(dst, r.took().Microseconds(), 1000), true
	}),
	"idle_ms":    phase(func(p *lifecycle.Phases) (from, to int64) { return p.IdleSince, p.FirstByte }),
	"head_ms":    phase(func(p *lifecycle.Phases) (from, to int64) { return p.FirstByte, p.HeadParsed }),
	"queue_ms":   phase(func(p *lifecycle.Phases) (from, to int64) { return p.HeadParsed, p.HandlerStart }),
	"handler_ms": phase(func(p *lifecycle.Phases) (from, to int64) { return p.HandlerStart, p.HandlerEnd }),
	"write_ms":   phase(func(p *lifecycle.Phases) (from, to int64) { return p.HandlerEnd, p.LastByte }),
}

// appendStatusClass writes "2xx".
func appendStatusClass(dst []byte, r *Record) ([]byte, bool) {
	if r.Status < 100 || r.Status > 999 {
		return dst, false
	}
	return append(strconv.AppendInt(dst, int64(r.Status/100), 10), "xx"...), true
}

// phase is the time between two turns of a request, in milliseconds to the microsecond. There is none when it did not come to
// one of them; turns that overlap have no time between them.
func phase(turns func(*lifecycle.Phases) (from, to int64)) value {
	return number(func(dst []byte, r *Record) ([]byte, bool) {
		from, to := turns(&r.Phases)
		if from == 0 || to == 0 {
			return dst, false
		}
		return appendDecimal(dst, max(to-from, 0)/1000, 1000), true
	})
}
