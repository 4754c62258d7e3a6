package lifecycletest

import (
	"fmt"
	"slices"

	"github.com/wirespan/wirespan/lifecycle"
)

// CheckInvariants judges the whole log of a server that has been shut down, by the invariants that the
// documentation of package lifecycle lists. It returns nil, or one sentence that names the first event that breaks a
// rule, and the rule.
//
// The events of one connection must be in order; those of several may be interleaved.
func CheckInvariants(events []lifecycle.Event) error {
	conns := map[uint64]*connection{}
	var order []*connection
	for i, e := range events {
		stamp := e.When()
		c := conns[stamp.ConnectionID]
		if c == nil {
			c = &connection{id: stamp.ConnectionID, worker: stamp.WorkerID}
			conns[c.id] = c
			order = append(order, c)
		}
		rule := c.stamped(stamp)
		if rule == "" {
			rule = c.next(e)
		}
		if rule != "" {
			return fmt.Errorf("event %d, %s of connection %d: %s", i, e.Name(), c.id, rule)
		}
		c.last = stamp.TimestampNS
	}
	for _, c := range order {
		if c.state == open {
			return fmt.Errorf("connection %d: its ConnectionOpened has no ConnectionCompleted", c.id)
		}
	}
	return nil
}

// connection is what the events of one connection have told so far.
type connection struct {
	id     uint64
	worker int
	last   int64
	state  state
	h2     bool // requests are answered side by side

	started   int        // RequestStarted events
	bytesSent int64      // of all outcomes
	pending   []*request // started, without an outcome yet
}

type state int

const (
	unknown state = iota
	open
	completed
	refused
)

type request struct {
	index          int
	opened, closed bool // its stream
}

// stamped returns the rule that the stamp breaks, or "".
func (c *connection) stamped(s lifecycle.Stamp) string {
	switch {
	case s.ConnectionID == 0:
		return "a connection has an id, which is never 0"
	case s.TimestampNS == 0:
		return "an event has a timestamp, which is never 0"
	case s.TimestampNS < c.last:
		return fmt.Sprintf("timestamps never go back on a connection, but this one does, by %d ns", c.last-s.TimestampNS)
	case s.WorkerID != c.worker:
		return fmt.Sprintf("a connection stays with the worker that accepted it, which was %d, not %d", c.worker, s.WorkerID)
	}
	return ""
}

// next takes the next event of the connection and returns the rule that it breaks, or "".
func (c *connection) next(e lifecycle.Event) string {
	switch c.state {
	case completed:
		return "ConnectionCompleted is the last event of its connection"
	case refused:
		return "a connection that was rejected or whose handshake failed has no other event"
	}
	switch e := e.(type) {
	case *lifecycle.ConnectionOpened:
		if c.state == open {
			return "a connection is opened once"
		}
		c.state, c.h2 = open, e.Protocol == "h2"
		return ""
	case *lifecycle.ConnectionRejected, *lifecycle.TLSHandshakeFailed:
		if c.state == open {
			return "no ConnectionOpened comes before a rejection or a failed handshake"
		}
		c.state = refused
		return ""
	}
	if c.state != open {
		return "ConnectionOpened is the first event of its connection"
	}
	switch e := e.(type) {
	case *lifecycle.RequestStarted:
		return c.requestStarted(e)
	case *lifecycle.StreamOpened:
		return c.streamOpened(e.Request)
	case *lifecycle.StreamClosed:
		return c.streamClosed(e.Request)
	case *lifecycle.ResponseCompleted:
		return c.outcome(&e.Outcome)
	case *lifecycle.ClientDisconnected:
		if e.DuringStreaming != (e.BytesSent > 0) {
			return fmt.Sprintf("DuringStreaming says whether body bytes had been sent, but it is %t after %d", e.DuringStreaming, e.BytesSent)
		}
		return c.outcome(&e.Outcome)
	case *lifecycle.RequestFailed:
		if e.Code == "" {
			return "a RequestFailed has a code"
		}
		if e.Started {
			return c.outcome(&e.Outcome)
		}
		if e.Request == nil {
			return "an event of a request has a Request"
		}
		if len(c.pending) > 0 {
			return fmt.Sprintf("outcomes keep the order of the requests, but request %d has none yet", c.pending[0].index)
		}
		c.bytesSent += e.BytesSent
	case *lifecycle.ConnectionCompleted:
		return c.completed(e)
	}
	return ""
}

func (c *connection) requestStarted(e *lifecycle.RequestStarted) string {
	if e.Request == nil {
		return "an event of a request has a Request"
	}
	c.started++
	if e.Index != c.started {
		return fmt.Sprintf("Index counts the requests of a connection from 1, so it should be %d, not %d", c.started, e.Index)
	}
	c.pending = append(c.pending, &request{index: e.Index})
	if rule := agrees(e.Fields); rule != "" {
		return rule
	}
	return inOrder(&e.Phases)
}

// find returns the request that was started and has no outcome yet.
func (c *connection) find(r *lifecycle.Request) (*request, string) {
	if r == nil {
		return nil, "an event of a request has a Request"
	}
	for _, p := range c.pending {
		if p.index == r.Index {
			return p, ""
		}
	}
	return nil, fmt.Sprintf("request %d is not under way: it was not started, or has had its one outcome", r.Index)
}

func (c *connection) streamOpened(r *lifecycle.Request) string {
	p, rule := c.find(r)
	if rule == "" && p.opened {
		return fmt.Sprintf("the stream of request %d is opened once", p.index)
	}
	if rule == "" {
		p.opened = true
	}
	return rule
}

func (c *connection) streamClosed(r *lifecycle.Request) string {
	p, rule := c.find(r)
	switch {
	case rule != "":
		return rule
	case !p.opened:
		return fmt.Sprintf("the stream of request %d was not opened", p.index)
	case p.closed:
		return fmt.Sprintf("the stream of request %d is closed once", p.index)
	}
	p.closed = true
	return ""
}

func (c *connection) outcome(o *lifecycle.Outcome) string {
	p, rule := c.find(o.Request)
	switch {
	case rule != "":
		return rule
	case p != c.pending[0] && !c.h2:
		return fmt.Sprintf("outcomes keep the order of the requests, but request %d has none yet", c.pending[0].index)
	case p.opened && !p.closed:
		return fmt.Sprintf("the stream of request %d is closed before its outcome", p.index)
	case o.Streaming != p.opened:
		return fmt.Sprintf("Streaming says whether there was a StreamOpened, but for request %d it is %t", p.index, o.Streaming)
	}
	c.pending = slices.DeleteFunc(c.pending, func(other *request) bool { return other == p })
	c.bytesSent += o.BytesSent
	if rule := agrees(o.ResponseFields); rule != "" {
		return rule
	}
	return inOrder(&o.Phases)
}

func (c *connection) completed(e *lifecycle.ConnectionCompleted) string {
	switch {
	case len(c.pending) > 0:
		return fmt.Sprintf("each RequestStarted has one outcome, but request %d has none", c.pending[0].index)
	case e.RequestsServed != c.started:
		return fmt.Sprintf("RequestsServed counts the RequestStarted events, which are %d, not %d", c.started, e.RequestsServed)
	case e.TotalBytesSent != c.bytesSent:
		return fmt.Sprintf("TotalBytesSent adds up the BytesSent of the outcomes, which is %d, not %d", c.bytesSent, e.TotalBytesSent)
	case e.Reason == "":
		return "a connection ends for a reason"
	}
	c.state = completed
	return ""
}

// inOrder checks the phases that can only come one after the other. A connection waits for no pipelined request, the
// first byte of a streamed response comes before the end of its handler, and the last byte may.
func inOrder(p *lifecycle.Phases) string {
	for _, chain := range [...][]phase{
		{{"FirstByte", p.FirstByte}, {"HeadParsed", p.HeadParsed}, {"HandlerStart", p.HandlerStart}, {"HandlerEnd", p.HandlerEnd}},
		{{"HandlerStart", p.HandlerStart}, {"FirstResponseByte", p.FirstResponseByte}, {"LastByte", p.LastByte}},
	} {
		var before phase
		for _, ph := range chain {
			if ph.at == 0 {
				continue
			}
			if ph.at < before.at {
				return fmt.Sprintf("phases follow one another, but %s lies before %s", ph.name, before.name)
			}
			before = ph
		}
	}
	return ""
}

type phase struct {
	name string
	at   int64
}
