package otelcollector

import (
	"crypto/tls"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// constants are the attributes that do not change during a connection, encoded as fields of a Span. They lie in an
// order in which each span needs one run of them:
//
//	local end | TLS server name | TLS | peer, ids | link | client
//	├──────────── connection ─────────────────────┤
//	            ├─ handshake ───────────┤
//	                              ├──────────── request ──────────┤
type constants struct {
	all []byte
	// Where the parts begin.
	serverName, tls, peer, link, client uint16
}

func (c *constants) connection() []byte { return c.all[:c.link] }
func (c *constants) handshake() []byte  { return c.all[c.serverName:c.peer] }

// request leaves out the last part, client.address, when it is not that of the peer.
func (c *constants) request(client bool) []byte {
	if client {
		return c.all[c.tls:]
	}
	return c.all[c.tls:c.client]
}

func encodeConstants(n *connection, e *lifecycle.ConnectionOpened) constants {
	var k constants
	room := takeScratch()
	defer room.give()
	b := appendLocal(room.buf[:0], &e.Peers)
	k.serverName = uint16(len(b))
	if e.TLS != nil && e.TLS.ServerName != "" {
		name := otlp.Truncate(e.TLS.ServerName, n.collector.limits.AttributeValueLengthLimit)
		b = keyServerAddress.AppendString(b, otlp.SpanAttribute, name)
	}
	k.tls = uint16(len(b))
	b = appendTLS(b, e.TLS)
	k.peer = uint16(len(b))
	b = appendPeer(b, &e.Peers)
	b = appendIDs(b, e.Stamp)
	k.link = uint16(len(b))
	b = otlp.AppendLink(b, &otlp.Link{
		TraceID: n.traceID, SpanID: n.spanID, TraceFlags: n.flags | flagSampled,
		Attributes: connectionLink,
	}, -1)
	k.client = uint16(len(b))
	if isAddress(e.ClientAddr) {
		b = keyClientAddress.AppendString(b, otlp.SpanAttribute, e.ClientAddr)
	}
	room.buf = b
	k.all = append(make([]byte, 0, len(b)), b...) // no longer than it has to be
	return k
}

var connectionLink = []attribute.KeyValue{attribute.String(linkType, linkTypeConnection)}

// isAddress is false for what stands in for an address: nothing, "unix" and "unknown".
func isAddress(s string) bool { return s != "" && s != "unix" && s != "unknown" }

func appendPeer(b []byte, p *lifecycle.Peers) []byte {
	if isAddress(p.ClientAddr) {
		b = keyPeerAddress.AppendString(b, otlp.SpanAttribute, p.ClientAddr)
	}
	if p.ClientPort != 0 {
		b = keyPeerPort.AppendInt(b, otlp.SpanAttribute, int64(p.ClientPort))
	}
	return b
}

func appendLocal(b []byte, p *lifecycle.Peers) []byte {
	if isAddress(p.ServerAddr) {
		b = keyLocalAddress.AppendString(b, otlp.SpanAttribute, p.ServerAddr)
	}
	if p.ServerPort != 0 {
		b = keyLocalPort.AppendInt(b, otlp.SpanAttribute, int64(p.ServerPort))
	}
	if p.Network != "" {
		b = keyTransport.AppendString(b, otlp.SpanAttribute, p.Network)
	}
	switch a := parseAddr(p.ServerAddr); {
	case a.Is4():
		b = keyNetworkType.AppendString(b, otlp.SpanAttribute, "ipv4")
	case a.Is6():
		b = keyNetworkType.AppendString(b, otlp.SpanAttribute, "ipv6")
	}
	return keyProtocolName.AppendString(b, otlp.SpanAttribute, "http")
}

func appendIDs(b []byte, s lifecycle.Stamp) []byte {
	b = keyConnectionID.AppendInt(b, otlp.SpanAttribute, int64(s.ConnectionID))
	return keyWorkerID.AppendInt(b, otlp.SpanAttribute, int64(s.WorkerID))
}

func appendTLS(b []byte, s *tls.ConnectionState) []byte {
	if s == nil {
		return b
	}
	b = keyTLSName.AppendString(b, otlp.SpanAttribute, "tls")
	if v := tlsVersion(s.Version); v != "" {
		b = keyTLSVersion.AppendString(b, otlp.SpanAttribute, v)
	}
	if s.CipherSuite != 0 {
		b = keyTLSCipher.AppendString(b, otlp.SpanAttribute, tls.CipherSuiteName(s.CipherSuite))
	}
	b = keyTLSResumed.AppendBool(b, otlp.SpanAttribute, s.DidResume)
	if s.NegotiatedProtocol != "" {
		b = keyTLSNextProtocol.AppendString(b, otlp.SpanAttribute, s.NegotiatedProtocol)
	}
	return b
}

func tlsVersion(v uint16) string {
	switch v {
	case tls.VersionTLS10:
		return "1.0"
	case tls.VersionTLS11:
		return "1.1"
	case tls.VersionTLS12:
		return "1.2"
	case tls.VersionTLS13:
		return "1.3"
	}
	return ""
}

// peerAttributes is for a sampler that has to be asked about a connection.
func peerAttributes(p *lifecycle.Peers) func() []attribute.KeyValue {
	return func() []attribute.KeyValue {
		return []attribute.KeyValue{
			attribute.String(keyPeerAddress.Name(), cloned(p.ClientAddr)),
			attribute.Int(keyPeerPort.Name(), p.ClientPort),
			attribute.String(keyLocalAddress.Name(), cloned(p.ServerAddr)),
			attribute.Int(keyLocalPort.Name(), p.ServerPort),
		}
	}
}
