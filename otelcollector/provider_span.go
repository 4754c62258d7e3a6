package otelcollector

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// handedSpan is the provider's span of a request as its handler sees it. It passes everything on to that span except the
// end and the status, which are the server's to give it at the outcome, and notes what the outcome must not overwrite. Its
// methods may be called from any goroutine.
type handedSpan struct {
	trace.Span // the provider's

	startNS int64       // wall time
	given   string      // its name at the start
	next    *handedSpan // of the connection; guarded by its lock

	mu       sync.Mutex // guards what follows
	ended    bool
	recorded recorded // name, status and attributes
}

var _ trace.Span = (*handedSpan)(nil)

// forHandler returns the span with all that the provider's has. One of the SDK can be read, and still can.
func (h *handedSpan) forHandler() trace.Span {
	if r, ok := h.Span.(sdktrace.ReadOnlySpan); ok {
		return readableSpan{h, r}
	}
	return h
}

// End implements [trace.Span] and does nothing: the server ends the span, with the last byte of the response.
func (h *handedSpan) End(...trace.SpanEndOption) {}

// SetName implements [trace.Span].
func (h *handedSpan) SetName(name string) {
	h.record(func(r *recorded) {
		r.name = name
		h.Span.SetName(name)
	})
}

// SetStatus implements [trace.Span]. It waits for the outcome: to the SDK an Ok is final, but the handler cannot know how
// the exchange will end.
func (h *handedSpan) SetStatus(code codes.Code, description string) {
	h.record(func(r *recorded) { r.setStatus(code, description) })
}

// SetAttributes implements [trace.Span]. http.route becomes part of the span's name. A key that the server sets as well
// has the value given here.
func (h *handedSpan) SetAttributes(kv ...attribute.KeyValue) {
	h.record(func(r *recorded) {
		for _, a := range kv {
			r.set(a, -1)
		}
		h.Span.SetAttributes(kv...)
	})
}

func (h *handedSpan) record(f func(*recorded)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		f(&h.recorded)
	}
}

// finish ends the recording and returns what there is.
func (h *handedSpan) finish() *recorded {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	return &h.recorded
}

// readableSpan is the handedSpan of a span of the SDK.
type readableSpan struct {
	*handedSpan
	sdktrace.ReadOnlySpan
}

var _ sdktrace.ReadWriteSpan = readableSpan{}

// Status implements [sdktrace.ReadOnlySpan].
func (s readableSpan) Status() sdktrace.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := &s.recorded; r.status != otlp.StatusUnset {
		return sdktrace.Status{Code: codeOf(r.status), Description: r.message}
	}
	return s.ReadOnlySpan.Status()
}

// codeOf is the reverse of statusOf.
func codeOf(s otlp.StatusCode) codes.Code {
	switch s {
	case otlp.StatusOK:
		return codes.Ok
	case otlp.StatusError:
		return codes.Error
	}
	return codes.Unset
}
