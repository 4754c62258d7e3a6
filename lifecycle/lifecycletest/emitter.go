package lifecycletest

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"
	"unsafe"

	"github.com/wirespan/wirespan/lifecycle"
)

// emitter emits the events of one connection the way a careful server does: it owns the events and reuses them, and
// the strings are views of a buffer that is overwritten as soon as Record has returned.
type emitter struct {
	to     lifecycle.Collector
	stamp  lifecycle.Stamp
	buffer []byte

	request  lifecycle.Request
	requests int
	sent     int64
	partial  bool // leave out what may be missing

	// The events. They are overwritten after each use.
	opened       lifecycle.ConnectionOpened
	started      lifecycle.RequestStarted
	streamOpened lifecycle.StreamOpened
	streamClosed lifecycle.StreamClosed
	responded    lifecycle.ResponseCompleted
	failed       lifecycle.RequestFailed
	disconnected lifecycle.ClientDisconnected
	completed    lifecycle.ConnectionCompleted
	rejected     lifecycle.ConnectionRejected
	handshake    lifecycle.TLSHandshakeFailed
}

func newEmitter(c lifecycle.Collector, partial bool) *emitter {
	m := &emitter{to: c, partial: partial, stamp: lifecycle.Stamp{ConnectionID: lifecycle.NextConnectionID()}}
	m.scribble()
	return m
}

// now returns the stamp of an event that happens now.
func (m *emitter) now() lifecycle.Stamp {
	m.stamp.TimestampNS = lifecycle.MonotonicNS()
	return m.stamp
}

// view returns a string that scribble will overwrite.
func (m *emitter) view(s string) string {
	if s == "" || m.partial {
		return ""
	}
	at := len(m.buffer)
	m.buffer = append(m.buffer, s...)
	return unsafe.String(&m.buffer[at], len(s))
}

// scribble overwrites every string that was handed out, and starts a new buffer.
func (m *emitter) scribble() {
	full := m.buffer[:cap(m.buffer)]
	for i := range full {
		full[i] = '#'
	}
	m.buffer = make([]byte, 0, 2<<10) // room for any one event, so that it never grows and leaves a view behind
}

// fill renews the strings of the request. Its address and its Trace stay: that is how collectors know it.
func (m *emitter) fill() *lifecycle.Request {
	m.request = lifecycle.Request{Index: m.requests, Trace: m.request.Trace}
	if m.partial {
		return &m.request
	}
	m.request.Method = m.view("POST")
	m.request.Target = m.view("/upload/\xff?name=value")
	m.request.HTTPVersion = m.view("1.1")
	m.request.Host = m.view("wirespan.example")
	m.request.Scheme = "http"
	m.request.Fields = m.fields()
	return &m.request
}

func (m *emitter) fields() lifecycle.Fields {
	if m.partial {
		return nil
	}
	return Fields{
		{m.view("User-Agent"), m.view("lifecycletest\xfe")},
		{m.view("traceparent"), m.view("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
		{m.view("tracestate"), m.view("a=1,b=2")},
		{m.view("X-Forwarded-For"), m.view("203.0.113.7")},
		{m.view("Content-Type"), m.view("text/plain")},
	}
}

func (m *emitter) outcome(status int, streaming bool) lifecycle.Outcome {
	o := lifecycle.Outcome{Request: m.fill(), Status: status, Streaming: streaming}
	if m.partial {
		return o
	}
	now := lifecycle.MonotonicNS()
	o.Route = m.view("/upload/{file}")
	o.BytesSent, o.HeadBytes, o.BytesReceived = 512, 120, 64
	o.Duration = 3 * time.Microsecond
	o.Phases = lifecycle.Phases{
		IdleSince: now - 4000, FirstByte: now - 3000, HeadParsed: now - 2500, HandlerStart: now - 2000,
		FirstResponseByte: now - 1000, HandlerEnd: now - 1500, LastByte: now - 500,
	}
	o.ResponseFields = m.fields()
	m.sent += o.BytesSent
	return o
}

func (m *emitter) peers() lifecycle.Peers {
	if m.partial {
		return lifecycle.Peers{ClientAddr: "unknown"}
	}
	return lifecycle.Peers{
		ClientAddr: m.view("203.0.113.5"), ClientPort: 50123,
		ServerAddr: m.view("192.0.2.1"), ServerPort: 8080,
		Network: "tcp",
	}
}

// emit has the collector record e, checks that it left e alone, and takes e back.
func (m *emitter) emit(e lifecycle.Event) error { return m.borrow(e, func() { m.to.Record(e) }) }

// borrow checks that use, which may be called from another goroutine until borrow returns, leaves e alone.
func (m *emitter) borrow(e lifecycle.Event, use func()) error {
	before := e.Clone()
	if err := promptly(e.Name(), use); err != nil {
		return err
	}
	after := e.Clone()
	m.scribble()
	if s, ok := before.(*lifecycle.RequestStarted); ok && !s.Ended {
		// The one thing that a collector may write, and the one time.
		s.Trace = after.(*lifecycle.RequestStarted).Trace
	}
	if !reflect.DeepEqual(before, after) {
		return fmt.Errorf("a collector changes nothing in a borrowed %s but the Trace of a RequestStarted, and this one did:\nbefore %+v\nafter  %+v",
			e.Name(), before, after)
	}
	return nil
}

// blocked is how long a collector may take before it counts as blocked: longer than any machine pauses.
const blocked = 30 * time.Second

// promptly calls use on another goroutine and gives up on it when it does not return.
func promptly(what string, use func()) error {
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		use()
	}()
	t := time.NewTimer(blocked)
	defer t.Stop()
	select {
	case p := <-done:
		if p != nil {
			return fmt.Errorf("a collector does not panic, but with %s this one did: %v", what, p)
		}
		return nil
	case <-t.C:
		return fmt.Errorf("a collector does not block, but with %s this one did", what)
	}
}

// open reports the connection. Later events go to the collector that the connection got.
func (m *emitter) open() error {
	m.opened = lifecycle.ConnectionOpened{Stamp: m.now(), Peers: m.peers(), Protocol: "h1", AcceptedNS: m.stamp.TimestampNS}
	var opened lifecycle.Collector
	err := m.borrow(&m.opened, func() { opened = lifecycle.Open(m.to, &m.opened) })
	m.opened = lifecycle.ConnectionOpened{}
	if err == nil && opened == nil {
		return errors.New("OpenConnection does not return nil")
	}
	m.to = opened
	return err
}

func (m *emitter) start() error {
	err := m.emit(m.startedEvent())
	m.started = lifecycle.RequestStarted{}
	return err
}

func (m *emitter) startedEvent() *lifecycle.RequestStarted {
	m.requests++
	m.request.Trace = lifecycle.TraceContext{}
	m.started = lifecycle.RequestStarted{Stamp: m.now(), Request: m.fill()}
	return &m.started
}

func (m *emitter) stream() error {
	m.streamOpened = lifecycle.StreamOpened{Stamp: m.now(), Request: m.fill(), Upgraded: true}
	err := m.emit(&m.streamOpened)
	m.streamOpened = lifecycle.StreamOpened{}
	return err
}

func (m *emitter) endStream(why lifecycle.Reason) error {
	m.streamClosed = lifecycle.StreamClosed{Stamp: m.now(), Request: m.fill(), Duration: time.Millisecond, Reason: why}
	err := m.emit(&m.streamClosed)
	m.streamClosed = lifecycle.StreamClosed{}
	return err
}

func (m *emitter) respond(status int, streaming bool) error {
	o := m.outcome(status, streaming)
	m.responded = lifecycle.ResponseCompleted{Stamp: m.now(), Outcome: o}
	err := m.emit(&m.responded)
	m.responded = lifecycle.ResponseCompleted{}
	return err
}

func (m *emitter) fail(status int, code string, cause error, started bool) error {
	if !started {
		m.request.Trace = lifecycle.TraceContext{}
	}
	o := m.outcome(status, false)
	if !started {
		o.Request.Index = 0
	}
	m.failed = lifecycle.RequestFailed{Stamp: m.now(), Outcome: o, Code: code, Err: cause, Started: started}
	err := m.emit(&m.failed)
	m.failed = lifecycle.RequestFailed{}
	return err
}

func (m *emitter) disconnect() error {
	o := m.outcome(0, false)
	m.disconnected = lifecycle.ClientDisconnected{Stamp: m.now(), Outcome: o, DuringStreaming: o.BytesSent > 0}
	if !m.partial {
		m.disconnected.Err = io.ErrUnexpectedEOF
	}
	err := m.emit(&m.disconnected)
	m.disconnected = lifecycle.ClientDisconnected{}
	return err
}

func (m *emitter) close(why lifecycle.Reason) error {
	m.completed = lifecycle.ConnectionCompleted{
		Stamp: m.now(), RequestsServed: m.requests, TotalBytesSent: m.sent, Duration: time.Millisecond, Reason: why,
	}
	err := m.emit(&m.completed)
	m.completed = lifecycle.ConnectionCompleted{}
	return err
}

func (m *emitter) reject() error {
	m.rejected = lifecycle.ConnectionRejected{Stamp: m.now(), Peers: m.peers(), Status: 503, Code: "max_concurrent_connections_exceeded"}
	err := m.emit(&m.rejected)
	m.rejected = lifecycle.ConnectionRejected{}
	return err
}

func (m *emitter) failHandshake() error {
	m.handshake = lifecycle.TLSHandshakeFailed{Stamp: m.now(), Peers: m.peers(), AcceptedNS: m.stamp.TimestampNS}
	if !m.partial {
		m.handshake.Err = errors.New("tls: client offered only unsupported versions")
	}
	err := m.emit(&m.handshake)
	m.handshake = lifecycle.TLSHandshakeFailed{}
	return err
}

// everything emits a connection on which each kind of request comes to each kind of end.
func (m *emitter) everything() error {
	cause := errors.New("cause")
	if m.partial {
		cause = nil
	}
	return inTurn(
		m.open,
		m.start, func() error { return m.respond(200, false) },
		m.start, func() error { return m.respond(500, false) },
		m.start, m.stream, func() error { return m.endStream(lifecycle.ReasonComplete) }, func() error { return m.respond(200, true) },
		m.start, func() error { return m.fail(500, "handler_panic", &lifecycle.PanicError{Value: "oops"}, true) },
		m.start, func() error { return m.fail(408, "request_body_timeout", cause, true) },
		m.start, m.disconnect,
		func() error { return m.fail(400, "invalid_request_line", cause, false) },
		func() error { return m.close(lifecycle.ReasonError) },
	)
}

// refusals emits what belongs to no open connection, a connection id for each.
func (m *emitter) refusals() error {
	if err := m.reject(); err != nil {
		return err
	}
	m.stamp.ConnectionID = lifecycle.NextConnectionID()
	return m.failHandshake()
}

// inTurn runs the steps until one fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
