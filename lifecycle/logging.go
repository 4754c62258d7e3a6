package lifecycle

import (
	"context"
	"encoding/hex"
	"log/slog"
	"strings"
	"time"
)

// defaultSlowThreshold is the duration from which a response counts as slow.
const defaultSlowThreshold = 5 * time.Second

// LoggingOptions configures a [Logging]. The zero value is ready to use.
type LoggingOptions struct {
	// SlowThreshold is the duration from which a response that was not streamed is logged as slow, at INFO.
	// 0 is 5 seconds; a negative one never is.
	SlowThreshold time.Duration
	// HealthCheckPath is a path, compared with the request target without its query, whose RequestStarted and
	// ResponseCompleted are left out; requests to it that end otherwise are logged. Empty leaves nothing out.
	HealthCheckPath string
}

// Logging is a [Collector] that writes each event as one structured log record:
//
//	INFO   ResponseCompleted that was slow (with slow=true), StreamClosed by a drain
//	WARN   ClientDisconnected, RequestFailed, ConnectionRejected, TLSHandshakeFailed
//	DEBUG  everything else
//
// The logger is asked first whether it wants the level; if it does not, nothing is built or allocated.
// Record takes as long as the logger's handler does. Make a logger with [NewLogger], or bring your own.
type Logging struct {
	logger *slog.Logger
	slow   time.Duration
	health string
}

var _ Collector = (*Logging)(nil)

// NewLogging returns a Logging that writes to logger; nil means [slog.Default] as it is now.
func NewLogging(logger *slog.Logger, o LoggingOptions) *Logging {
	if logger == nil {
		logger = slog.Default()
	}
	if o.SlowThreshold == 0 {
		o.SlowThreshold = defaultSlowThreshold
	}
	return &Logging{logger: logger, slow: o.SlowThreshold, health: o.HealthCheckPath}
}

// Record implements [Collector].
func (l *Logging) Record(e Event) {
	level := l.level(e)
	ctx := context.Background()
	if !l.logger.Enabled(ctx, level) || l.isHealthCheck(e) {
		return
	}
	stamp := e.When()
	at := WallTime(stamp.TimestampNS).UTC()
	r := slog.NewRecord(at, level, message(e), 0)
	r.AddAttrs(
		slog.String("event", e.Name()),
		slog.Uint64("connection_id", stamp.ConnectionID),
		slog.Int("worker_id", stamp.WorkerID),
	)
	r.AddAttrs(attrs(e)...)
	if level == slog.LevelInfo && OutcomeOf(e) != nil {
		r.AddAttrs(slog.Bool("slow", true))
	}
	r.AddAttrs(slog.String("timestamp", at.Format(time.RFC3339Nano)))
	_ = l.logger.Handler().Handle(ctx, r) // there is nobody to tell, as in slog.Logger
}

func (l *Logging) level(e Event) slog.Level {
	switch e := e.(type) {
	case *ResponseCompleted:
		if l.slow > 0 && e.Duration >= l.slow && !e.Streaming {
			return slog.LevelInfo
		}
	case *StreamClosed:
		if e.Reason == ReasonDrain {
			return slog.LevelInfo
		}
	case *ClientDisconnected, *RequestFailed, *ConnectionRejected, *TLSHandshakeFailed:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func (l *Logging) isHealthCheck(e Event) bool {
	if l.health == "" {
		return false
	}
	var r *Request
	switch e := e.(type) {
	case *RequestStarted:
		r = e.Request
	case *ResponseCompleted:
		r = e.Request
	}
	if r == nil {
		return false
	}
	path, _, _ := strings.Cut(r.Target, "?")
	return path == l.health
}

// message says what happened in words.
func message(e Event) string {
	switch e.(type) {
	case *ConnectionOpened:
		return "connection opened"
	case *RequestStarted:
		return "request started"
	case *StreamOpened:
		return "stream opened"
	case *StreamClosed:
		return "stream closed"
	case *ResponseCompleted:
		return "response completed"
	case *RequestFailed:
		return "request failed"
	case *ClientDisconnected:
		return "client disconnected"
	case *ConnectionCompleted:
		return "connection completed"
	case *ConnectionRejected:
		return "connection rejected"
	case *TLSHandshakeFailed:
		return "TLS handshake failed"
	}
	return e.Name()
}

// attrs returns what belongs to the type of e, without what every event has.
func attrs(e Event) []slog.Attr {
	switch e := e.(type) {
	case *ConnectionOpened:
		return append(e.Peers.attrs(), slog.String("protocol", e.Protocol))
	case *RequestStarted:
		return e.Request.attrs()
	case *StreamOpened:
		return e.Request.attrs()
	case *StreamClosed:
		return append(e.Request.attrs(), durationMS(e.Duration), slog.String("reason", string(e.Reason)))
	case *ResponseCompleted:
		return e.Outcome.attrs()
	case *RequestFailed:
		return withError(append(e.Outcome.attrs(), slog.String("code", e.Code)), e.Err)
	case *ClientDisconnected:
		return withError(append(e.Outcome.attrs(), slog.Bool("during_streaming", e.DuringStreaming)), e.Err)
	case *ConnectionCompleted:
		return []slog.Attr{
			slog.Int("requests_served", e.RequestsServed),
			slog.Int64("total_bytes_sent", e.TotalBytesSent),
			durationMS(e.Duration),
			slog.String("reason", string(e.Reason)),
		}
	case *ConnectionRejected:
		return append(e.Peers.attrs(), slog.Int("status", e.Status), slog.String("code", e.Code))
	case *TLSHandshakeFailed:
		return withError(e.Peers.attrs(), e.Err)
	}
	return nil
}

func (p *Peers) attrs() []slog.Attr {
	return []slog.Attr{
		borrowed("client_addr", p.ClientAddr),
		slog.Int("client_port", p.ClientPort),
		borrowed("server_addr", p.ServerAddr),
		slog.Int("server_port", p.ServerPort),
	}
}

func (r *Request) attrs() []slog.Attr {
	if r == nil {
		return nil
	}
	a := append(make([]slog.Attr, 0, 12),
		borrowed("method", r.Method),
		borrowed("path", r.Target),
		borrowed("http_version", r.HTTPVersion),
	)
	if r.RequestID != "" {
		a = append(a, borrowed("request_id", r.RequestID))
	}
	if r.Trace.IsValid() {
		a = append(a,
			slog.String("trace_id", hex.EncodeToString(r.Trace.TraceID[:])),
			slog.String("span_id", hex.EncodeToString(r.Trace.SpanID[:])),
		)
	}
	return a
}

func (o *Outcome) attrs() []slog.Attr {
	a := o.Request.attrs()
	if o.Route != "" {
		a = append(a, borrowed("route", o.Route))
	}
	a = append(a,
		slog.Int("status", o.Status),
		slog.Int64("bytes_sent", o.BytesSent),
		durationMS(o.Duration),
	)
	if o.Streaming {
		a = append(a, slog.Bool("streaming", true))
	}
	return a
}

func withError(a []slog.Attr, err error) []slog.Attr {
	if err == nil {
		return a
	}
	return append(a, slog.String("error", err.Error()))
}

// durationMS is in milliseconds, to the microsecond.
func durationMS(d time.Duration) slog.Attr {
	return slog.Float64("duration_ms", float64(d.Microseconds())/1000)
}

// borrowed copies a string that is the emitter's: a handler may keep its record longer than the event is valid.
func borrowed(key, value string) slog.Attr { return slog.String(key, strings.Clone(value)) }
