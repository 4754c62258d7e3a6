package nethttp

import (
	"crypto/tls"
	"net/http"
	"sync"
	"time"
	"unsafe"

	"github.com/wirespan/wirespan/lifecycle"
)

// stampLocked makes the Stamp of an event at ts, or of the event before where that was later.
func (c *conn) stampLocked(ts int64) lifecycle.Stamp {
	if c.id == 0 {
		c.id = lifecycle.NextConnectionID()
	}
	c.lastNS = max(c.lastNS, ts)
	return lifecycle.Stamp{ConnectionID: c.id, TimestampNS: c.lastNS}
}

// openLocked reports the connection, unless it is reported already.
func (c *conn) openLocked(protocol string, secure *tls.ConnectionState) {
	if c.collector != nil {
		return
	}
	e := &lifecycle.ConnectionOpened{Peers: peersOf(c.Conn), Protocol: protocol, AcceptedNS: c.acceptedNS, TLS: secure}
	at := lifecycle.MonotonicNS()
	if c.secured != nil {
		at = c.wire.handshaken()
		e.HandshakeStartNS, e.HandshakeEndNS = c.acceptedNS, at
	}
	e.Stamp = c.stampLocked(at)
	if c.idleSince == 0 {
		c.idleSince = e.TimestampNS
	}
	c.collector = lifecycle.Open(c.attached.collector, e)
	c.provider, _ = c.collector.(lifecycle.ContextProvider)
}

func (c *conn) emitHandshakeFailed(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attached.collector.Record(&lifecycle.TLSHandshakeFailed{
		Stamp: c.stampLocked(lifecycle.MonotonicNS()), Peers: peersOf(c.Conn),
		AcceptedNS: c.acceptedNS, HandshakeStartNS: c.acceptedNS, Err: why,
	})
	c.leaveLocked()
}

// start reports x.
func (c *conn) start(x *exchange, r *http.Request) {
	c.attached.renewAnchor(x.phases.HeadParsed)
	c.mu.Lock()
	defer c.mu.Unlock()
	protocol := "h1"
	if x.sideBySide {
		protocol = "h2"
	}
	c.openLocked(protocol, r.TLS)
	if !x.sideBySide {
		x.phases.IdleSince = c.idleSince
	}
	c.served++
	c.inFlight++
	x.head.Index = c.served
	x.started = lifecycle.RequestStarted{Stamp: c.stampLocked(x.phases.HeadParsed), Request: &x.head, Phases: x.phases}
	x.ctx.provider = c.provider
	c.collector.Record(&x.started)
}

func (c *conn) emitStreamOpened(x *exchange, upgraded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stampLocked(lifecycle.MonotonicNS())
	x.streamOpened = s.TimestampNS
	c.collector.Record(&lifecycle.StreamOpened{Stamp: s, Request: &x.head, Upgraded: upgraded})
}

// eventSet is the storage of the events that end a request: they are lent to the collectors, one at a time.
type eventSet struct {
	streamClosed lifecycle.StreamClosed
	completed    lifecycle.ResponseCompleted
	failed       lifecycle.RequestFailed
	disconnected lifecycle.ClientDisconnected
	response     headText
}

var eventSets = sync.Pool{New: func() any { return new(eventSet) }}

// emitOutcome reports how x ended: the one place where a request ends. responseHead is its head as it was sent, where that
// is known; otherwise its fields are those that the handler has left.
func (c *conn) emitOutcome(x *exchange, responseHead []byte) {
	set := eventSets.Get().(*eventSet)
	var responseFields *fields
	o := lifecycle.Outcome{
		Request: &x.head, Route: lifecycle.RouteOf(x.route), Status: x.status,
		BytesSent: x.sent, HeadBytes: int64(len(responseHead)), BytesReceived: x.body.received.Load(),
		Streaming: x.streamOpened != 0, Phases: x.phases,
	}
	switch {
	case len(responseHead) > 0:
		set.response.text = unsafe.String(unsafe.SliceData(responseHead), len(responseHead))
		o.ResponseFields = &set.response
	case x.status != 0:
		responseFields = fieldsOf("", x.header)
		o.ResponseFields = responseFields
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	at := x.phases.LastByte
	if at == 0 {
		at = lifecycle.MonotonicNS()
	}
	s := c.stampLocked(at)
	o.Duration = time.Duration(s.TimestampNS - x.phases.FirstByte)
	c.emitStreamClosedLocked(x, s, &set.streamClosed)
	switch {
	case x.failure.code != "":
		set.failed = lifecycle.RequestFailed{Stamp: s, Outcome: o, Code: x.failure.code, Err: x.failure.err, Started: true}
		c.collector.Record(&set.failed)
	case x.gone != nil:
		set.disconnected = lifecycle.ClientDisconnected{Stamp: s, Outcome: o, DuringStreaming: o.BytesSent > 0, Err: x.gone}
		c.collector.Record(&set.disconnected)
	default:
		set.completed = lifecycle.ResponseCompleted{Stamp: s, Outcome: o}
		c.collector.Record(&set.completed)
	}
	*set = eventSet{}
	eventSets.Put(set)
	putFields(responseFields)
	c.sent += x.sent
	c.inFlight--
	if why := x.reason(); why != lifecycle.ReasonComplete {
		c.cutOff = why
	}
	c.emitCompletedLocked()
}

func (c *conn) emitStreamClosedLocked(x *exchange, s lifecycle.Stamp, e *lifecycle.StreamClosed) {
	if x.streamOpened == 0 {
		return
	}
	why := x.reason()
	if why == lifecycle.ReasonComplete && c.attached.draining.Load() {
		why = lifecycle.ReasonDrain
	}
	*e = lifecycle.StreamClosed{Stamp: s, Request: &x.head, Duration: time.Duration(s.TimestampNS - x.streamOpened), Reason: why}
	c.collector.Record(e)
}

// end ends the connection, when its last request has its outcome: the handlers of HTTP/2 may outlive it.
func (c *conn) end(why lifecycle.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.secured == nil {
		c.openLocked("h1", nil)
	} else if c.collector == nil {
		state := c.secured.ConnectionState()
		c.openLocked(protocolOf(&state), &state)
	}
	if why == lifecycle.ReasonComplete && c.attached.draining.Load() {
		why = lifecycle.ReasonDrain
	}
	c.ended = why
	c.emitCompletedLocked()
}

// protocolOf returns the protocol of a connection that has not come to a request.
func protocolOf(s *tls.ConnectionState) string {
	if s.NegotiatedProtocol == "h2" {
		return "h2"
	}
	return "h1"
}

func (c *conn) emitCompletedLocked() {
	if c.ended == "" || c.inFlight > 0 {
		return
	}
	why := c.ended
	if c.cutOff != "" {
		why = c.cutOff
	}
	s := c.stampLocked(lifecycle.MonotonicNS())
	c.collector.Record(&lifecycle.ConnectionCompleted{
		Stamp: s, RequestsServed: c.served, TotalBytesSent: c.sent,
		Duration: time.Duration(s.TimestampNS - c.acceptedNS), Reason: why,
	})
	c.leaveLocked()
}
