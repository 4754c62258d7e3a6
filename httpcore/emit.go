package httpcore

import (
	"time"
	"unsafe"

	"github.com/wirespan/wirespan/lifecycle"
)

// The state machine reports here what happens; whether anybody listens is asked here and nowhere else.

// clock reads the clock for a phase of a request, or does not when nobody listens.
func (c *conn) clock() int64 {
	if c.collector == nil {
		return 0
	}
	return lifecycle.MonotonicNS()
}

// stamp makes the Stamp of an event at ts. A pipelined request was read before the response to the one
// before it was sent: its events are stamped no earlier than that.
func (c *conn) stamp(ts int64) lifecycle.Stamp {
	if ts < c.lastNS {
		ts = c.lastNS
	}
	c.lastNS = ts
	return lifecycle.Stamp{ConnectionID: c.id, WorkerID: c.worker.id, TimestampNS: ts}
}

func (c *conn) emitOpened() {
	if c.collector == nil {
		return
	}
	now := lifecycle.MonotonicNS()
	c.idleSince = now
	c.collector = lifecycle.Open(c.collector, &lifecycle.ConnectionOpened{
		Stamp:            c.stamp(now),
		Peers:            c.peers,
		Protocol:         "h1",
		AcceptedNS:       c.acceptedNS,
		TLS:              c.tls,
		HandshakeStartNS: c.handshakeStartNS,
		HandshakeEndNS:   c.handshakeEndNS,
	})
	c.provider, _ = c.collector.(lifecycle.ContextProvider)
}

func (c *conn) emitCompleted() {
	if c.collector == nil {
		return
	}
	s := c.stamp(lifecycle.MonotonicNS())
	c.collector.Record(&lifecycle.ConnectionCompleted{
		Stamp:          s,
		RequestsServed: c.served,
		TotalBytesSent: c.totalBytes,
		Duration:       time.Duration(s.TimestampNS - c.acceptedNS),
		Reason:         c.endReason(),
	})
}

func (c *conn) emitStarted(x *exchange) {
	x.started = true
	c.served++
	x.request.Index = c.served
	if c.collector == nil {
		return
	}
	e := &x.events.started
	e.Stamp = c.stamp(x.phases.HeadParsed)
	e.Request = &x.request
	e.Phases = x.phases
	c.collector.Record(e)
}

func (c *conn) emitStreamOpened(x *exchange, upgraded bool) {
	if x.streamOpened != 0 {
		return
	}
	x.streamOpened = -1
	if c.collector == nil {
		return
	}
	e := &x.events.streamOpened
	e.Stamp = c.stamp(lifecycle.MonotonicNS())
	e.Request = &x.request
	e.Upgraded = upgraded
	x.streamOpened = e.TimestampNS
	c.collector.Record(e)
}

// emitOutcome reports how x ended: the one place where a request ends.
func (c *conn) emitOutcome(x *exchange) {
	if c.collector == nil {
		return
	}
	last := x.phases.LastByte
	if last == 0 {
		last = lifecycle.MonotonicNS()
	}
	s := c.stamp(last)
	c.emitStreamClosed(x, s)
	switch {
	case x.failure.code != "":
		e := &x.events.failed
		e.Stamp, e.Code, e.Err, e.Started = s, x.failure.code, x.failure.err, x.started
		c.outcome(x, &e.Outcome, s)
		c.collector.Record(e)
	case x.gone != nil:
		e := &x.events.disconnected
		e.Stamp, e.DuringStreaming, e.Err = s, x.bytesSent > 0, x.gone
		c.outcome(x, &e.Outcome, s)
		c.collector.Record(e)
	default:
		e := &x.events.completed
		e.Stamp = s
		c.outcome(x, &e.Outcome, s)
		c.collector.Record(e)
	}
}

func (c *conn) outcome(x *exchange, o *lifecycle.Outcome, s lifecycle.Stamp) {
	o.Request = &x.request
	o.Route = x.route
	o.Status = x.status
	o.BytesSent = x.bytesSent
	o.HeadBytes = int64(len(x.responseHead))
	o.BytesReceived = x.received
	o.Duration = time.Duration(s.TimestampNS - x.phases.FirstByte)
	o.Streaming = x.streamOpened != 0
	o.Phases = x.phases
	if len(x.responseHead) > 0 {
		x.events.response.text = unsafe.String(unsafe.SliceData(x.responseHead), len(x.responseHead))
		o.ResponseFields = &x.events.response
	}
}

func (c *conn) emitStreamClosed(x *exchange, s lifecycle.Stamp) {
	if x.streamOpened == 0 {
		return
	}
	e := &x.events.streamClosed
	e.Stamp = s
	e.Request = &x.request
	e.Duration = time.Duration(s.TimestampNS - x.streamOpened)
	e.Reason = x.streamReason(c.server.draining.Load())
	c.collector.Record(e)
}

func (x *exchange) streamReason(draining bool) lifecycle.Reason {
	switch x.failure.code {
	case "":
	case codeResponseTimeout, codeBodyTimeout, codeBodyRate:
		return lifecycle.ReasonTimeout
	case codeResponseRate:
		return lifecycle.ReasonBackpressure
	case codeWriteCanceled:
		return lifecycle.ReasonDrain
	default:
		return lifecycle.ReasonError
	}
	switch {
	case x.gone != nil:
		return lifecycle.ReasonClientDisconnect
	case draining:
		return lifecycle.ReasonDrain
	}
	return lifecycle.ReasonComplete
}

// endReason derives why the connection ended from how its last request did.
func (c *conn) endReason() lifecycle.Reason {
	if c.reason == "" {
		return lifecycle.ReasonComplete
	}
	return c.reason
}

// reasonFor maps the outcome of a request that ends its connection to the connection's reason.
func reasonFor(x *exchange) lifecycle.Reason {
	if x.failure.code == "" && x.gone != nil {
		return lifecycle.ReasonClientDisconnect
	}
	return x.failure.ends()
}

// ends returns for what reason a connection ends with this refusal; "" when there is none.
func (r *refusal) ends() lifecycle.Reason {
	switch r.code {
	case "":
		return ""
	case codeHeadTimeout, codeBodyTimeout, codeBodyRate, codeResponseTimeout:
		return lifecycle.ReasonTimeout
	case codeResponseRate:
		return lifecycle.ReasonBackpressure
	case codeHeadCutShort, codeBodyCutShort:
		return lifecycle.ReasonClientDisconnect
	case codeWriteCanceled:
		return lifecycle.ReasonDrain
	}
	switch r.status {
	case 413, 414, 431:
		return lifecycle.ReasonLimit
	}
	return lifecycle.ReasonError
}
