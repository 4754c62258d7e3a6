package otelmetrics

import (
	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/lifecycle"
)

// connection is the collector of one connection's events. A server may have very many of them idle, so it is small.
type connection struct {
	shard *shard

	stray      bool // stands in for connections that were not opened: it has no state
	secure     bool
	sideBySide bool // HTTP/2
	tls        tlsVersion
	transport  transport
	network    networkType

	// Only touched by the events, which come one after the other.
	state    state
	http10   bool   // the last request was HTTP/1.0
	inFlight uint32 // requests
	failure  string // error.type of the last request, if that failed
}

var _ lifecycle.Collector = (*connection)(nil)

func (n *connection) open(e *lifecycle.ConnectionOpened) {
	n.secure, n.sideBySide = e.TLS != nil, e.Protocol == "h2"
	n.tls = tlsVersionOf(e.TLS)
	n.transport, n.network = networkOf(&e.Peers)
	s := n.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections[idle]++
	if e.HandshakeStartNS != 0 && e.HandshakeEndNS >= e.HandshakeStartNS {
		k := key{tls: n.tls, transport: n.transport, network: n.network}
		s.durationLocked(handshakes, requestScale, &k, e.HandshakeEndNS-e.HandshakeStartNS)
	}
}

// Record implements [lifecycle.Collector].
func (n *connection) Record(e lifecycle.Event) {
	switch e := e.(type) {
	case *lifecycle.RequestStarted:
		n.requestStarted(e)
	case *lifecycle.StreamOpened:
		if e.Upgraded {
			n.upgraded()
		}
	case *lifecycle.ResponseCompleted:
		n.requestEnded(e.Stamp, &e.Outcome, ending{})
	case *lifecycle.RequestFailed:
		n.requestEnded(e.Stamp, &e.Outcome, ending{code: e.Code, unstarted: !e.Started})
	case *lifecycle.ClientDisconnected:
		n.requestEnded(e.Stamp, &e.Outcome, ending{code: conventions.ErrorClientDisconnect, disconnected: true})
	case *lifecycle.ConnectionCompleted:
		if !n.stray {
			n.completed(e)
		}
	}
}

// enterLocked puts the connection into a state.
func (n *connection) enterLocked(to state) {
	if n.stray || n.state == to {
		return
	}
	n.shard.connections[n.state]--
	n.shard.connections[to]++
	n.state = to
}

func (n *connection) upgraded() {
	n.shard.mu.Lock()
	defer n.shard.mu.Unlock()
	n.enterLocked(upgraded)
}

func (n *connection) completed(e *lifecycle.ConnectionCompleted) {
	k := key{
		version: n.version(), tls: n.tls, transport: n.transport, network: n.network,
		code: conventions.ConnectionError(e.Reason, n.failure),
	}
	s := n.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections[n.state]--
	s.durationLocked(connections, connectionScale, &k, int64(e.Duration))
}

func (n *connection) version() version {
	switch {
	case n.sideBySide:
		return versionOf("2")
	case n.http10:
		return versionOf("1.0")
	}
	return versionOf("1.1")
}

// durationLocked counts one of a kind that has a duration alone.
func (s *shard) durationLocked(of kind, by *scale, k *key, ns int64) {
	s.tables[of].at(s.collector, of, k).duration.add(by, max(ns, 0))
}

func (s *shard) rejected(e *lifecycle.ConnectionRejected) {
	k := key{code: e.Code}
	k.transport, k.network = networkOf(&e.Peers)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.durationLocked(rejections, requestScale, &k, 0)
}

// handshakeFailed counts the handshake, and the connection that ended with it.
func (s *shard) handshakeFailed(e *lifecycle.TLSHandshakeFailed) {
	k := key{code: conventions.ErrorHandshakeFailed}
	k.transport, k.network = networkOf(&e.Peers)
	since := func(ns int64) int64 {
		if ns == 0 {
			return 0
		}
		return e.TimestampNS - ns
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.durationLocked(handshakes, requestScale, &k, since(e.HandshakeStartNS))
	s.durationLocked(connections, connectionScale, &k, max(since(e.AcceptedNS), since(e.HandshakeStartNS)))
}
