package otelmetrics

import (
	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/lifecycle"
)

// ending is what an outcome has beside its Outcome.
type ending struct {
	code         string // error.type; "" when the exchange itself did not fail
	disconnected bool
	unstarted    bool // the head could not be parsed
}

func (n *connection) requestStarted(e *lifecycle.RequestStarted) {
	n.http10, n.failure = e.HTTPVersion == "1.0", ""
	s := n.shard
	i := underWayIndex(s.collector.method(e.Method), schemeOf(e.Request, n.secure))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underWay[i].started++
	if n.inFlight++; n.inFlight == 1 {
		n.enterLocked(active)
	}
}

func (n *connection) requestEnded(at lifecycle.Stamp, o *lifecycle.Outcome, end ending) {
	if o.Request == nil {
		return
	}
	if end.code != "" {
		n.failure = end.code
	}
	s := n.shard
	k := key{
		method: s.collector.method(o.Method), scheme: schemeOf(o.Request, n.secure), version: versionOf(o.HTTPVersion),
		status: uint16(o.Status), route: o.Route, code: end.code, streaming: o.Streaming,
	}
	took := duration(at, o, end.disconnected)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.tables[requests].at(s.collector, requests, &k)
	bucket := c.duration.add(requestScale, took)
	if o.Trace.Sampled() && o.Trace.IsValid() && !s.collector.plain {
		c.exemplify(bucket, exemplar{o.Trace.TraceID, o.Trace.SpanID, took, at.TimestampNS})
	}
	if o.Status != 0 {
		c.responseBody.add(sizeScale, o.BytesSent)
	}
	if end.unstarted {
		return
	}
	c.requestBody.add(sizeScale, o.BytesReceived)
	s.underWay[underWayIndex(k.method, k.scheme)].ended++
	if n.inFlight--; n.inFlight == 0 {
		n.enterLocked(idle)
	}
}

func (c *cell) exemplify(bucket int, x exemplar) {
	if c.exemplars == nil {
		c.exemplars = new(exemplars)
	}
	c.exemplars[bucket] = x
}

// duration returns how long a request took, in nanoseconds, as its span has it: from the first byte of the head to the last
// byte of the response. One that took its connection over lasted until its response began.
func duration(at lifecycle.Stamp, o *lifecycle.Outcome, disconnected bool) int64 {
	p := &o.Phases
	end := conventions.RequestEnd(at, o, disconnected)
	if tookOver(o) && p.FirstResponseByte != 0 {
		end = p.FirstResponseByte
	}
	if p.FirstByte == 0 {
		return max(int64(o.Duration), 0)
	}
	return max(end-p.FirstByte, 0)
}

// tookOver reports whether the connection ceased to be one of HTTP (RFC 9110, 7.8 and 9.3.6).
func tookOver(o *lifecycle.Outcome) bool {
	return o.Streaming && (o.Status == 101 || o.Method == "CONNECT" && o.Status >= 200 && o.Status < 300)
}
