package otelcollector

import (
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// completed ends the span of a connection, from accept to close, and that of its TLS handshake.
func (c *connection) completed(e *lifecycle.ConnectionCompleted) {
	if !c.sampled || c.shard == nil || e.RequestsServed > 0 && !c.traced {
		return // not sampled, or nothing but requests that are ignored
	}
	end := lifecycle.UnixNano(e.TimestampNS)
	at := func(ns int64) int64 { return end - (e.TimestampNS - ns) }
	s := takeScratch()
	defer s.give()

	if c.shookHands() {
		dst, mark := otlp.Open(s.buf[:0], otlp.ScopeSpansSpan)
		dst = otlp.AppendHead(dst, c.handshakeHead(at(c.handshakeStartNS), at(c.handshakeEndNS)))
		dst = append(dst, c.constants.handshake()...)
		s.buf = otlp.Close(dst, mark)
		c.shard.add(s.buf)
	}

	dst, mark := otlp.Open(s.buf[:0], otlp.ScopeSpansSpan)
	dst = otlp.AppendHead(dst, c.head(at(min(c.acceptedNS, e.TimestampNS)), end))
	dst = append(dst, c.constants.connection()...)
	code := conventions.ConnectionError(e.Reason, c.failure)
	dst = c.appendCompleted(dst, e, code)
	if code != "" {
		dst = otlp.AppendStatus(dst, otlp.StatusError, "")
	}
	s.buf = otlp.Close(dst, mark)
	c.shard.add(s.buf)
}

// shookHands reports whether the connection began with a TLS handshake.
func (c *connection) shookHands() bool {
	return c.handshakeStartNS != 0 && c.handshakeEndNS >= c.handshakeStartNS
}

// appendCompleted appends the attributes that are known in the end. code is the error.type; "" when there is none.
func (c *connection) appendCompleted(dst []byte, e *lifecycle.ConnectionCompleted, code string) []byte {
	dst = append(dst, c.version()...)
	dst = keyTimestamp.AppendInt(dst, otlp.SpanAttribute, c.acceptedNS)
	dst = keyConnectionRequests.AppendInt(dst, otlp.SpanAttribute, int64(e.RequestsServed))
	dst = keyConnectionSent.AppendInt(dst, otlp.SpanAttribute, e.TotalBytesSent)
	dst = keyConnectionReason.AppendString(dst, otlp.SpanAttribute, string(e.Reason))
	if code != "" {
		dst = keyErrorType.AppendString(dst, otlp.SpanAttribute, code)
	}
	return dst
}

// version returns the attribute that says which HTTP was spoken.
func (c *connection) version() string {
	switch {
	case c.sideBySide:
		return attrVersion2
	case c.http10:
		return attrVersion10
	}
	return attrVersion11
}

func (c *connection) head(startNS, endNS int64) *otlp.Head {
	return &otlp.Head{
		TraceID: c.traceID, SpanID: c.spanID, TraceFlags: c.flags | flagSampled,
		Name: nameConnection, Kind: otlp.KindInternal, StartNS: startNS, EndNS: endNS,
	}
}

func (c *connection) handshakeHead(startNS, endNS int64) *otlp.Head {
	return &otlp.Head{
		TraceID: c.traceID, SpanID: newSpanID(), ParentSpanID: c.spanID, TraceFlags: c.flags | flagSampled,
		Name: nameHandshake, Kind: otlp.KindInternal, StartNS: startNS, EndNS: endNS,
	}
}

// refused starts the span of a connection that was never opened; nil when it is not to be exported.
func (c *Collector) refused(s lifecycle.Stamp, p *lifecycle.Peers) *connection {
	if c.pipeline == nil {
		return nil
	}
	t, _ := c.inForce.Load().root(nameConnection, trace.SpanKindInternal, peerAttributes(p))
	if !t.Sampled() {
		return nil
	}
	return &connection{
		collector: c, shard: c.pipeline.worker(s.WorkerID),
		traceID: t.TraceID, spanID: t.SpanID, flags: t.Flags,
	}
}

// rejected makes the span of a connection that was accepted only to be refused.
func (c *Collector) rejected(e *lifecycle.ConnectionRejected) {
	n := c.refused(e.Stamp, &e.Peers)
	if n == nil {
		return
	}
	at := lifecycle.UnixNano(e.TimestampNS)
	s := takeScratch()
	defer s.give()
	dst, mark := otlp.Open(s.buf[:0], otlp.ScopeSpansSpan)
	dst = otlp.AppendHead(dst, n.head(at, at))
	dst = appendRejected(dst, e)
	dst = otlp.AppendStatus(dst, otlp.StatusError, "")
	s.buf = otlp.Close(dst, mark)
	n.shard.add(s.buf)
}

// appendRejected appends the attributes of a connection that was refused.
func appendRejected(dst []byte, e *lifecycle.ConnectionRejected) []byte {
	dst = appendRefused(dst, e.Stamp, &e.Peers)
	if e.Status != 0 {
		dst = keyStatusCode.AppendInt(dst, otlp.SpanAttribute, int64(e.Status))
	}
	return keyErrorType.AppendString(dst, otlp.SpanAttribute, e.Code)
}

// handshakeFailed makes the spans of a connection that ended with its TLS handshake.
func (c *Collector) handshakeFailed(e *lifecycle.TLSHandshakeFailed) {
	n := c.refused(e.Stamp, &e.Peers)
	if n == nil {
		return
	}
	accepted, started, end := handshakeTimes(e)
	s := takeScratch()
	defer s.give()
	for _, head := range [...]*otlp.Head{n.handshakeHead(started, end), n.head(accepted, end)} {
		dst, mark := otlp.Open(s.buf[:0], otlp.ScopeSpansSpan)
		dst = otlp.AppendHead(dst, head)
		dst = appendHandshakeFailed(dst, e)
		dst = otlp.AppendStatus(dst, otlp.StatusError, messageOf(e.Err))
		s.buf = otlp.Close(dst, mark)
		n.shard.add(s.buf)
	}
}

// handshakeTimes returns, in wall time, when the connection was accepted and when its handshake started and ended.
func handshakeTimes(e *lifecycle.TLSHandshakeFailed) (accepted, started, end int64) {
	end = lifecycle.UnixNano(e.TimestampNS)
	at := func(ns int64) int64 {
		if ns == 0 || ns > e.TimestampNS {
			ns = e.TimestampNS
		}
		return end - (e.TimestampNS - ns)
	}
	if e.AcceptedNS == 0 {
		return at(e.HandshakeStartNS), at(e.HandshakeStartNS), end
	}
	return at(e.AcceptedNS), at(e.HandshakeStartNS), end
}

// appendHandshakeFailed appends the attributes that the spans of a connection and of its failed handshake share.
func appendHandshakeFailed(dst []byte, e *lifecycle.TLSHandshakeFailed) []byte {
	dst = appendRefused(dst, e.Stamp, &e.Peers)
	return keyErrorType.AppendString(dst, otlp.SpanAttribute, conventions.ErrorHandshakeFailed)
}

// appendRefused appends the attributes that the spans of refused connections have in common.
func appendRefused(dst []byte, s lifecycle.Stamp, p *lifecycle.Peers) []byte {
	dst = appendLocal(dst, p)
	dst = appendPeer(dst, p)
	dst = appendIDs(dst, s)
	return keyTimestamp.AppendInt(dst, otlp.SpanAttribute, s.TimestampNS)
}

func messageOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
