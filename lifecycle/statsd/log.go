package statsd

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// LevelCritical is the level from which a record counts as critical, one step of slog above an error.
const LevelCritical = slog.LevelError + 4

// HandlerOptions configures a [Handler]. The zero value is ready to use.
type HandlerOptions struct {
	// Level is the lowest level at which the Handler looks for metrics in records that nobody else wants.
	// nil is slog.LevelInfo. Counting by level begins at WARN and needs no setting.
	Level slog.Leveler
}

// Handler is a [slog.Handler] that counts the records on their way to another one: the counters "log.warning",
// "log.error", "log.critical", and "log.exception" for an error that has an attribute "exception" (or one of
// OpenTelemetry's, "exception.type" and so on) or a [*lifecycle.PanicError]. They count although the other handler
// does not want the record.
//
// A record with the attributes "metric", "value" and "mtype", not in a group, is a metric as well: mtype is "gauge",
// "counter", "histogram" or "timer", and value a number (a whole one for a counter) or a duration, which is sent in
// milliseconds; otherwise it is counted in [Stats.Invalid]. If its message is empty it is nothing but a metric.
type Handler struct {
	next      slog.Handler
	client    *Client
	level     slog.Leveler
	bound     facts // of the attributes of WithAttrs
	grouped   bool  // by WithGroup: what follows is no metric
	namespace string
}

var _ slog.Handler = (*Handler)(nil)

// NewHandler returns a Handler in front of next.
func NewHandler(next slog.Handler, c *Client, o HandlerOptions) *Handler {
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	return &Handler{next: next, client: c, level: o.Level, namespace: c.namespace + "log."}
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || level >= h.level.Level() || h.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	f := h.bound
	r.Attrs(func(a slog.Attr) bool {
		f.note(a, h.grouped)
		return true
	})
	if name := levelName(r.Level, f.exception); name != "" {
		h.client.Increment(h.namespace+name, 1)
	}
	if f.isMetric() {
		h.client.send(&f)
		if r.Message == "" {
			return nil
		}
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.next = h.next.WithAttrs(attrs)
	for _, a := range attrs {
		with.bound.note(a, h.grouped)
	}
	return &with
}

// WithGroup implements [slog.Handler].
func (h *Handler) WithGroup(name string) slog.Handler {
	with := *h
	with.next = h.next.WithGroup(name)
	with.grouped = h.grouped || name != ""
	return &with
}

func levelName(level slog.Level, exception bool) string {
	switch {
	case level < slog.LevelWarn:
		return ""
	case level < slog.LevelError:
		return "warning"
	case exception:
		return "exception"
	case level < LevelCritical:
		return "error"
	}
	return "critical"
}

// facts are what a record's attributes say to a Handler.
type facts struct {
	exception bool
	metric    string
	mtype     string
	value     slog.Value
	hasValue  bool // also when it is 0
}

func (f *facts) note(a slog.Attr, grouped bool) {
	v := a.Value.Resolve()
	if a.Key == "exception" || strings.HasPrefix(a.Key, "exception.") || isPanic(v) {
		f.exception = true
	}
	if grouped {
		return
	}
	switch a.Key {
	case "metric":
		f.metric = v.String()
	case "mtype":
		f.mtype = v.String()
	case "value":
		f.value, f.hasValue = v, true
	}
}

func isPanic(v slog.Value) bool {
	if v.Kind() != slog.KindAny {
		return false
	}
	err, _ := v.Any().(error)
	var p *lifecycle.PanicError
	return err != nil && errors.As(err, &p)
}

func (f *facts) isMetric() bool { return f.metric != "" && f.mtype != "" && f.hasValue }

// send sends the metric of a record.
func (c *Client) send(f *facts) {
	v, ok := number(f.value)
	switch {
	case !ok:
		c.invalid.Add(1)
	case f.mtype == "gauge":
		c.Gauge(f.metric, v)
	case f.mtype == "counter" && v == float64(int64(v)):
		c.Increment(f.metric, int64(v))
	case f.mtype == "histogram":
		c.Histogram(f.metric, v)
	case f.mtype == "timer":
		c.distribution(f.metric, v, "ms", nil)
	default:
		c.invalid.Add(1)
	}
}

// number returns a value as one, a duration in milliseconds.
func number(v slog.Value) (n float64, ok bool) {
	switch v.Kind() {
	case slog.KindInt64:
		return float64(v.Int64()), true
	case slog.KindUint64:
		return float64(v.Uint64()), true
	case slog.KindFloat64:
		return v.Float64(), true
	case slog.KindDuration:
		return float64(v.Duration()) / float64(time.Millisecond), true
	}
	return 0, false
}
