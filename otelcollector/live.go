package otelcollector

import (
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// liveSpan is the span of a request as its handler sees it. What is recorded on it is merged into the finished span
// when the outcome comes; from then on it records no more. Its methods may be called from any goroutine.
type liveSpan struct {
	embedded.Span
	collector *Collector
	context   trace.SpanContext
	next      *liveSpan // of the connection; guarded by its lock

	mu        sync.Mutex // guards what follows
	recording bool
	recorded  recorded
}

var _ trace.Span = (*liveSpan)(nil)

// newLiveSpan returns a span that does not record yet.
func newLiveSpan(c *Collector, t *lifecycle.TraceContext, state string) *liveSpan {
	config := trace.SpanContextConfig{TraceID: t.TraceID, SpanID: t.SpanID, TraceFlags: trace.TraceFlags(t.Flags)}
	if state != "" {
		config.TraceState, _ = trace.ParseTraceState(state) // was valid when it came
	}
	return &liveSpan{collector: c, context: trace.NewSpanContext(config)}
}

// SpanContext implements [trace.Span].
func (s *liveSpan) SpanContext() trace.SpanContext { return s.context }

// IsRecording implements [trace.Span]. It is false once the request has its outcome.
func (s *liveSpan) IsRecording() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recording
}

// TracerProvider implements [trace.Span]: its spans go the way of the Collector's own.
func (s *liveSpan) TracerProvider() trace.TracerProvider { return s.collector.provider() }

// End implements [trace.Span] and does nothing: the server ends the span, with the last byte of the response.
func (s *liveSpan) End(...trace.SpanEndOption) {}

// SetName implements [trace.Span].
func (s *liveSpan) SetName(name string) {
	s.record(func(r *recorded) { r.name = name })
}

// SetStatus implements [trace.Span]. As with the SDK, Ok is final and Unset changes nothing. An error of the exchange
// itself, of which the handler cannot know, still makes the status an error.
func (s *liveSpan) SetStatus(code codes.Code, description string) {
	s.record(func(r *recorded) { r.setStatus(code, description) })
}

// SetAttributes implements [trace.Span]. http.route becomes part of the span's name. A key that the server sets as well
// has the value given here.
func (s *liveSpan) SetAttributes(kv ...attribute.KeyValue) {
	limit := s.collector.limits.AttributeCountLimit
	s.record(func(r *recorded) {
		for _, a := range kv {
			r.set(a, limit)
		}
	})
}

// AddEvent implements [trace.Span].
func (s *liveSpan) AddEvent(name string, opts ...trace.EventOption) {
	if !s.IsRecording() {
		return
	}
	c := trace.NewEventConfig(opts...)
	e := otlp.Event{Name: name, TimeNS: c.Timestamp().UnixNano()}
	e.Attributes, e.Dropped = limited(c.Attributes(), s.collector.limits.AttributePerEventCountLimit)
	limit := s.collector.limits.EventCountLimit
	s.record(func(r *recorded) { r.events, r.droppedEvents = push(r.events, e, limit, r.droppedEvents) })
}

// RecordError implements [trace.Span].
func (s *liveSpan) RecordError(err error, opts ...trace.EventOption) {
	if err == nil || !s.IsRecording() {
		return
	}
	attrs := []attribute.KeyValue{
		attribute.String(exceptionType, typeName(err)),
		attribute.String(exceptionMessage, err.Error()),
	}
	if c := trace.NewEventConfig(opts...); c.StackTrace() {
		attrs = append(attrs, attribute.String(exceptionStacktrace, string(debug.Stack())))
	}
	s.AddEvent(nameException, append(slices.Clone(opts), trace.WithAttributes(attrs...))...)
}

// AddLink implements [trace.Span].
func (s *liveSpan) AddLink(link trace.Link) {
	sc := link.SpanContext
	if !s.IsRecording() || !sc.IsValid() && len(link.Attributes) == 0 && sc.TraceState().Len() == 0 {
		return
	}
	l := otlp.Link{
		TraceID: sc.TraceID(), SpanID: sc.SpanID(), TraceFlags: byte(sc.TraceFlags()),
		TraceState: sc.TraceState().String(), IsRemote: sc.IsRemote(),
	}
	l.Attributes, l.Dropped = limited(link.Attributes, s.collector.limits.AttributePerLinkCountLimit)
	limit := s.collector.limits.LinkCountLimit
	s.record(func(r *recorded) { r.links, r.droppedLinks = push(r.links, l, limit, r.droppedLinks) })
}

func (s *liveSpan) record(f func(*recorded)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recording {
		f(&s.recorded)
	}
}

// finish ends the recording and returns what there is; nil when that is nothing.
func (s *liveSpan) finish() *recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recording = false
	r := s.recorded
	s.recorded = recorded{}
	if r.isEmpty() {
		return nil
	}
	return &r
}

// typeName names the type of an error or of what a handler panicked with, as the SDK does.
func typeName(v any) string {
	t := reflect.TypeOf(v)
	switch {
	case t == nil:
		return "nil"
	case t.PkgPath() == "" && t.Name() == "":
		return t.String()
	case t.PkgPath() == "":
		return t.Name()
	}
	return fmt.Sprintf("%s.%s", t.PkgPath(), t.Name())
}
