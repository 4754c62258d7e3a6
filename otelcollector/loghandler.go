package otelcollector

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/lifecycle"
)

// NewLogHandler returns a handler that adds to each record what its context knows of the request that it belongs to, and
// passes it on to next:
//
//	trace_id, span_id         of the span in the context: the request's, or one below it
//	connection_id, worker_id  of the request, as in its span and in the records of [lifecycle.Logging]
//
// They stand at the top of the record, whatever groups the logger has opened. A context that knows nothing adds nothing. The
// span of a caller, which is all there is to a request that is ignored, adds its trace_id alone.
//
// It needs no [Collector] for the latter two, and any span of OpenTelemetry will do for the former. The handler may be used by
// several goroutines if next may.
func NewLogHandler(next slog.Handler) slog.Handler {
	return &logHandler{next: next, top: next}
}

// logHandler has top for the ids, and beyond it what has been opened in groups since.
type logHandler struct {
	next   slog.Handler // top with groups
	top    slog.Handler
	groups []func(slog.Handler) slog.Handler // what makes next of top, a group first
}

// Enabled implements [slog.Handler].
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	var room [4]slog.Attr
	ids := identityOf(ctx, room[:0])
	switch {
	case len(ids) == 0:
		return h.next.Handle(ctx, r)
	case len(h.groups) == 0:
		r = r.Clone()
		r.AddAttrs(ids...)
		return h.next.Handle(ctx, r)
	}
	next := h.top.WithAttrs(slices.Clone(ids))
	for _, open := range h.groups {
		next = open(next)
	}
	return next.Handle(ctx, r)
}

// identityOf appends what ctx knows to ids.
func identityOf(ctx context.Context, ids []slog.Attr) []slog.Attr {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		ids = append(ids, slog.String("trace_id", span.TraceID().String()))
		if !span.IsRemote() {
			ids = append(ids, slog.String("span_id", span.SpanID().String()))
		}
	}
	if stamp, ok := lifecycle.StampFromContext(ctx); ok {
		ids = append(ids, slog.Uint64("connection_id", stamp.ConnectionID), slog.Int("worker_id", stamp.WorkerID))
	}
	return ids
}

// WithAttrs implements [slog.Handler].
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(len(h.groups) > 0, func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(true, func(next slog.Handler) slog.Handler { return next.WithGroup(name) })
}

// with returns h with something opened, which belongs to a group or not.
func (h *logHandler) with(grouped bool, open func(slog.Handler) slog.Handler) slog.Handler {
	if !grouped {
		return NewLogHandler(open(h.next))
	}
	return &logHandler{next: open(h.next), top: h.top, groups: append(slices.Clip(h.groups), open)}
}
