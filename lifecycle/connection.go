package lifecycle

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Peers names the two ends of a connection.
type Peers struct {
	// ClientAddr and ClientPort are the peer: an IP address and its port; "unix" and 0 on a Unix socket;
	// "unknown" and 0 when the system did not tell.
	ClientAddr string
	ClientPort int
	// ServerAddr and ServerPort are the local end: an IP address and its port; path and 0 on a Unix socket.
	ServerAddr string
	ServerPort int
	// Network is "tcp" or "unix".
	Network string
}

// TrustedBy reports whether what this peer says about others is believed, by somebody who trusts the proxies in these networks: the
// peer is in one of them. On a Unix socket, whose peers have no address, any is, if any proxy is trusted at all.
func (p *Peers) TrustedBy(proxies []netip.Prefix) bool {
	if len(proxies) == 0 {
		return false
	}
	if p.Network == "unix" {
		return true
	}
	address, err := netip.ParseAddr(p.ClientAddr)
	if err != nil {
		return false
	}
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(proxies, func(n netip.Prefix) bool { return n.Contains(address) })
}

func (p *Peers) clone() Peers {
	c := *p
	c.ClientAddr = strings.Clone(p.ClientAddr)
	c.ServerAddr = strings.Clone(p.ServerAddr)
	return c
}

// ConnectionOpened reports a connection that was accepted and, with TLS, whose handshake succeeded.
type ConnectionOpened struct {
	Stamp
	Peers
	// Protocol is "h1"; or "h2", where requests are answered side by side, so that their outcomes come in any order.
	Protocol string
	// AcceptedNS is the reading of [MonotonicNS] when the connection was accepted.
	AcceptedNS int64
	// TLS describes the secured connection; nil without TLS. It is immutable and may be kept.
	TLS *tls.ConnectionState
	// HandshakeStartNS and HandshakeEndNS enclose the TLS handshake; 0 without TLS.
	HandshakeStartNS, HandshakeEndNS int64
}

// Name returns "ConnectionOpened".
func (*ConnectionOpened) Name() string { return "ConnectionOpened" }

// Clone implements [Event].
func (e *ConnectionOpened) Clone() Event {
	c := *e
	c.Peers = e.Peers.clone()
	return &c
}

// Reason says why a connection or a stream ended.
type Reason string

// The reasons. Each is emitted.
const (
	// ReasonComplete: all went as the protocol has it, keep-alive or not.
	ReasonComplete Reason = "complete"
	// ReasonTimeout: a phase took longer than its limit.
	ReasonTimeout Reason = "timeout"
	// ReasonClientDisconnect: the peer went away in the middle of a request or a stream.
	ReasonClientDisconnect Reason = "client_disconnect"
	// ReasonError: a request that could not be understood, or a handler that failed after its response had begun.
	ReasonError Reason = "error"
	// ReasonBackpressure: the peer reads its responses too slowly.
	ReasonBackpressure Reason = "backpressure"
	// ReasonDrain: the server is shutting down.
	ReasonDrain Reason = "drain"
	// ReasonLimit: a limit on requests or sizes was reached.
	ReasonLimit Reason = "limit"
	// ReasonUpgrade: the connection was taken over by the handler (101 Switching Protocols, CONNECT) and has since been closed.
	ReasonUpgrade Reason = "upgrade"
)

// ConnectionCompleted reports that a connection was closed, by either side. It is the last event of its connection.
type ConnectionCompleted struct {
	Stamp
	// RequestsServed counts the RequestStarted events of the connection.
	RequestsServed int
	// TotalBytesSent adds up [Outcome.BytesSent].
	TotalBytesSent int64
	// Duration is the time since the connection was accepted.
	Duration time.Duration
	// Reason says why.
	Reason Reason
}

// Name returns "ConnectionCompleted".
func (*ConnectionCompleted) Name() string { return "ConnectionCompleted" }

// Clone implements [Event].
func (e *ConnectionCompleted) Clone() Event { c := *e; return &c }

// ConnectionRejected reports a connection that was accepted only to be refused: no ConnectionOpened precedes it.
type ConnectionRejected struct {
	Stamp
	Peers
	// Status is what the peer was answered, 503; 0 when it was closed without an answer.
	Status int
	// Code is the reason, as in [RequestFailed.Code].
	Code string
}

// Name returns "ConnectionRejected".
func (*ConnectionRejected) Name() string { return "ConnectionRejected" }

// Clone implements [Event].
func (e *ConnectionRejected) Clone() Event {
	c := *e
	c.Peers = e.Peers.clone()
	return &c
}

// TLSHandshakeFailed reports a connection whose TLS handshake failed: no ConnectionOpened precedes it.
type TLSHandshakeFailed struct {
	Stamp
	Peers
	// AcceptedNS and HandshakeStartNS are readings of [MonotonicNS]; the handshake ended at TimestampNS.
	AcceptedNS, HandshakeStartNS int64
	// Err is what the handshake returned. It may be kept.
	Err error
}

// Name returns "TLSHandshakeFailed".
func (*TLSHandshakeFailed) Name() string { return "TLSHandshakeFailed" }

// Clone implements [Event].
func (e *TLSHandshakeFailed) Clone() Event {
	c := *e
	c.Peers = e.Peers.clone()
	return &c
}
