package lifecycle

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

// Fields gives access to header fields without copying them. Names match case-insensitively (RFC 9110, 5.1).
type Fields interface {
	// Get returns the first value of the field with this name, or "".
	Get(name string) string
	// Next is for all values of a field, one after the other and without an allocation: it returns the value of the next
	// line with this name, and the position after it, which is for the next call. The first call has the position 0;
	// a negative position says that there is no such line any more.
	//
	//	for v, at := f.Next(name, 0); at >= 0; v, at = f.Next(name, at) { ... }
	Next(name string, at int) (value string, after int)
	// All yields every field line in the order of the message, its name as received.
	All() iter.Seq2[string, string]
	// Clone returns a copy that stays valid.
	Clone() Fields
}

// TraceContext is the identity of a request's span (W3C Trace Context). The zero value is "no span".
type TraceContext struct {
	TraceID [16]byte
	SpanID  [8]byte
	// ParentSpanID is the caller's span; zero when the request's span is a root.
	ParentSpanID [8]byte
	// Flags are the trace-flags of W3C Trace Context; bit 0 is "sampled".
	Flags byte
	// State is the tracestate, as it is to be passed on. It may be kept. Of a span that is not sampled it may be left out.
	State string
}

// IsValid reports whether there is a span at all.
func (t *TraceContext) IsValid() bool { return t.TraceID != [16]byte{} && t.SpanID != [8]byte{} }

// Sampled reports bit 0 of Flags.
func (t *TraceContext) Sampled() bool { return t.Flags&1 != 0 }

// Request is the head of a request. All events of one request point to the same Request, so a collector may
// recognise a request by the pointer, from RequestStarted to the outcome. No event of a request is without one.
type Request struct {
	// Index counts the requests of the connection, from 1; 0 where no request could be parsed.
	Index int
	// Method is case-sensitive and may be any token.
	Method string
	// Target is the request target as received, query included (RFC 9112, 3.2). It may hold any byte from 0x80.
	Target string
	// HTTPVersion is "1.0", "1.1" or "2"; "" where it could not be parsed.
	HTTPVersion string
	// Host is the authority: that of an absolute-form target, else the Host field.
	Host string
	// Scheme is "http" or "https", by the connection.
	Scheme string
	// Fields are the header fields; nil when there are none.
	Fields Fields
	// RequestID is what the server calls the request towards its handler and its client, in X-Request-ID; empty when it gives
	// requests no ids. What the client has sent under that name, believed or not, is in Fields.
	RequestID string
	// Trace is the identity of the request's span. The collector that starts the span writes it while it records
	// RequestStarted; everybody else only reads it.
	Trace TraceContext
}

// Header returns the first value of the header field with this name, or "".
func (r *Request) Header(name string) string {
	if r.Fields == nil {
		return ""
	}
	return r.Fields.Get(name)
}

func (r *Request) clone() *Request {
	if r == nil {
		return nil
	}
	c := *r
	c.Method = strings.Clone(r.Method)
	c.Target = strings.Clone(r.Target)
	c.HTTPVersion = strings.Clone(r.HTTPVersion)
	c.Host = strings.Clone(r.Host)
	c.RequestID = strings.Clone(r.RequestID)
	if r.Fields != nil {
		c.Fields = r.Fields.Clone()
	}
	return &c
}

// RequestStarted reports that the head of a request was parsed whole.
type RequestStarted struct {
	Stamp
	*Request
	// Phases holds what is known so far: IdleSince, FirstByte and HeadParsed.
	Phases Phases
	// Ended is true only for a [ContextProvider] that is asked after the request's outcome was recorded:
	// then Request has nothing but Trace.
	Ended bool
}

// Name returns "RequestStarted".
func (*RequestStarted) Name() string { return "RequestStarted" }

// Clone implements [Event].
func (e *RequestStarted) Clone() Event {
	c := *e
	c.Request = e.Request.clone()
	return &c
}

// Phases are readings of [MonotonicNS] at the turns of a request's life, in this order; 0 means that it did not
// come to that.
type Phases struct {
	// IdleSince is when the connection was opened or the response before this one was sent.
	IdleSince int64
	// FirstByte is when the first byte of the head was read.
	FirstByte int64
	// HeadParsed is when the head was complete.
	HeadParsed int64
	// HandlerStart and HandlerEnd enclose the handler.
	HandlerStart int64
	// FirstResponseByte is when the first byte of the final response was handed to the kernel.
	FirstResponseByte int64
	HandlerEnd        int64
	// LastByte is when the last byte of the response was handed to the kernel.
	LastByte int64
}

// Idle is the time before the first byte, during which the connection waited for a request.
func (p *Phases) Idle() time.Duration { return between(p.IdleSince, p.FirstByte) }

// Head is the time from the first byte of the head to the last.
func (p *Phases) Head() time.Duration { return between(p.FirstByte, p.HeadParsed) }

// Queue is the time that a request with a whole head waited for its handler.
func (p *Phases) Queue() time.Duration { return between(p.HeadParsed, p.HandlerStart) }

// Handler is the time in the handler.
func (p *Phases) Handler() time.Duration { return between(p.HandlerStart, p.HandlerEnd) }

// Write is the time from the end of the handler to the last byte of the response.
func (p *Phases) Write() time.Duration { return between(p.HandlerEnd, p.LastByte) }

func between(from, to int64) time.Duration {
	if from == 0 || to < from {
		return 0
	}
	return time.Duration(to - from)
}

// Outcome is how a request ended: [ResponseCompleted], [RequestFailed] and [ClientDisconnected] share it.
type Outcome struct {
	*Request
	// Route is the pattern that the request matched, without its method: "/users/{id}"; see [RouteOf].
	// Empty when the handler has no routes.
	Route string
	// Status is the final status that was sent; 0 when none was.
	Status int
	// BytesSent counts the body bytes of the response that were handed to the kernel, without head and framing.
	BytesSent int64
	// HeadBytes counts the bytes of the response's head.
	HeadBytes int64
	// BytesReceived counts the body bytes of the request that were read, without framing.
	BytesReceived int64
	// Duration is the time from the first byte of the request's head to the event.
	Duration time.Duration
	// Streaming is true when the response was flushed piece by piece or the connection was upgraded:
	// its duration says nothing about how fast the server is.
	Streaming bool
	// Phases holds the timestamps, so that no collector needs to remember them.
	Phases Phases
	// ResponseFields are the header fields of the final response; nil when none was sent.
	ResponseFields Fields
}

// RouteOf returns the route of a pattern as http.ServeMux writes it: "GET /users/{id}" without the method, and "/{$}"
// without the mark that says where it ends.
func RouteOf(pattern string) string {
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		pattern = strings.TrimLeft(pattern[i:], " \t")
	}
	return strings.TrimSuffix(pattern, "{$}")
}

func (o *Outcome) outcome() *Outcome { return o }

func (o *Outcome) clone() Outcome {
	c := *o
	c.Request = o.Request.clone()
	c.Route = strings.Clone(o.Route)
	if o.ResponseFields != nil {
		c.ResponseFields = o.ResponseFields.Clone()
	}
	return c
}

// OutcomeOf returns the Outcome of an event that ends a request, and nil for every other event.
func OutcomeOf(e Event) *Outcome {
	if o, ok := e.(interface{ outcome() *Outcome }); ok {
		return o.outcome()
	}
	return nil
}

// ResponseCompleted reports that the response was fully handed to the kernel. Its status may be any, also 500:
// what the handler answered is a response.
type ResponseCompleted struct {
	Stamp
	Outcome
}

// Name returns "ResponseCompleted".
func (*ResponseCompleted) Name() string { return "ResponseCompleted" }

// Clone implements [Event].
func (e *ResponseCompleted) Clone() Event {
	return &ResponseCompleted{Stamp: e.Stamp, Outcome: e.Outcome.clone()}
}

// RequestFailed reports a request that the server itself had to end: a head that could not be parsed, a limit,
// a timeout, a handler that panicked or broke its response.
type RequestFailed struct {
	Stamp
	Outcome
	// Code names the cause, from a short list that the server documents: a low-cardinality error.type.
	Code string
	// Err says more; a [*PanicError] for a handler that panicked. It may be kept. It may be nil.
	Err error
	// Started is false when no RequestStarted came before it: the head could not be parsed, and Request
	// holds what could.
	Started bool
}

// Name returns "RequestFailed".
func (*RequestFailed) Name() string { return "RequestFailed" }

// Clone implements [Event].
func (e *RequestFailed) Clone() Event {
	c := *e
	c.Outcome = e.Outcome.clone()
	return &c
}

// ClientDisconnected reports that the client closed or reset the connection before it had its response.
// It ends the request.
type ClientDisconnected struct {
	Stamp
	Outcome
	// DuringStreaming is true when body bytes had been sent: BytesSent > 0.
	DuringStreaming bool
	// Err is the error of the socket, if there was one. It may be kept.
	Err error
}

// Name returns "ClientDisconnected".
func (*ClientDisconnected) Name() string { return "ClientDisconnected" }

// Clone implements [Event].
func (e *ClientDisconnected) Clone() Event {
	c := *e
	c.Outcome = e.Outcome.clone()
	return &c
}

// StreamOpened reports that a response began to be streamed: its handler flushed before it was done, or took the
// connection over.
type StreamOpened struct {
	Stamp
	*Request
	// Upgraded is true when the handler took the connection over, and had flushed nothing before.
	Upgraded bool
}

// Name returns "StreamOpened".
func (*StreamOpened) Name() string { return "StreamOpened" }

// Clone implements [Event].
func (e *StreamOpened) Clone() Event {
	c := *e
	c.Request = e.Request.clone()
	return &c
}

// StreamClosed reports the end of what [StreamOpened] began, just before the request's outcome.
type StreamClosed struct {
	Stamp
	*Request
	// Duration is the time since StreamOpened.
	Duration time.Duration
	// Reason is ReasonComplete, ReasonClientDisconnect, ReasonDrain, ReasonTimeout, ReasonBackpressure or ReasonError.
	Reason Reason
}

// Name returns "StreamClosed".
func (*StreamClosed) Name() string { return "StreamClosed" }

// Clone implements [Event].
func (e *StreamClosed) Clone() Event {
	c := *e
	c.Request = e.Request.clone()
	return &c
}

// PanicError is the Err of a [RequestFailed] whose handler panicked.
type PanicError struct {
	// Value is what the handler panicked with.
	Value any
	// Stack is the stack of the goroutine, as debug.Stack formats it.
	Stack []byte
}

// Error returns the value in the words of a panic, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value where it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
