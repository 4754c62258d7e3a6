package httpcore

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// The goroutine engine: each connection has a goroutine that reads, feeds the state machine and runs the handlers.

// goroutineEngine is the goroutine engine of one Serve.
type goroutineEngine struct {
	server *server
	config *tls.Config // nil: no TLS
}

// goroutineSource accepts from one listener.
type goroutineSource struct {
	*goroutineEngine
	ctx       context.Context
	l         net.Listener
	deadlines interface{ SetDeadline(time.Time) error } // of l; nil: it has none
	hooks     *instrument.Hooks                         // of ctx; may be nil
}

// acceptor implements [engine].
func (e *goroutineEngine) acceptor(ctx context.Context, l net.Listener) (acceptor, error) {
	g := &goroutineSource{goroutineEngine: e, ctx: ctx, l: l, hooks: instrument.FromContext(ctx)}
	g.deadlines, _ = l.(interface{ SetDeadline(time.Time) error })
	return g, nil
}

// release implements [engine].
func (e *goroutineEngine) release() {}

// accept implements [acceptor]. What a listener hands out although it was closed because the server drains is refused.
func (g *goroutineSource) accept(to func() *worker) error {
	a, nc, err := g.next()
	if err != nil {
		return err
	}
	late := g.deadlines == nil && g.server.draining.Load()
	g.take(nc, to(), a, late)
	return nil
}

// next waits for a connection.
func (g *goroutineSource) next() (*accepting, net.Conn, error) {
	a := startAccept(g.hooks, g.l.Addr())
	nc, err := g.l.Accept()
	if err != nil {
		a.failed(err)
		return nil, nil, err
	}
	a.waits() // nobody knows whether it did
	return a, nc, nil
}

// until implements [acceptor].
func (g *goroutineSource) until(t time.Time) bool {
	return g.deadlines != nil && g.deadlines.SetDeadline(t) == nil
}

// turnAway implements [acceptor].
func (g *goroutineSource) turnAway(code string) bool {
	if !g.until(time.Now().Add(sweepLook)) {
		return false
	}
	defer g.until(time.Time{})
	a, nc, err := g.next()
	if err != nil {
		return false
	}
	c := newConn(g.server, g.server.leastBusy())
	c.peers, c.remoteAddr = peersOf(nc.RemoteAddr(), nc.LocalAddr())
	c.attach(g.hooks)
	a.ended(c)
	g.server.turnAway(c, plainOrClose(nc, g.config != nil), code)
	return true
}

// plainOrClose leaves of a connection that speaks TLS its end.
func plainOrClose(nc net.Conn, secure bool) io.Closer {
	if secure {
		return struct{ io.Closer }{nc}
	}
	return nc
}

// look implements [acceptor]: Accept ends by itself.
func (g *goroutineSource) look() {}

// close implements [acceptor].
func (g *goroutineSource) close() {}

// take starts the life of an accepted connection; late: it is not wanted any longer.
func (g *goroutineSource) take(nc net.Conn, w *worker, a *accepting, late bool) {
	s, config := g.server, g.config
	tuneConn(nc)
	c := newConn(s, w)
	c.peers, c.remoteAddr = peersOf(nc.RemoteAddr(), nc.LocalAddr())
	so := newSocket(c, nc)
	c.io, c.watcher.io, c.hijackable = so, so, so
	ctx := c.accepted(g.ctx, g.hooks, nc)
	a.ended(c)
	if ok, code := s.enter(c, late); !ok {
		if code == codeNoDescriptor {
			go s.giveBack(c, plainOrClose(nc, config != nil))
			return
		}
		s.refuseConn(c, nc, code, config != nil)
		return
	}
	c.ctx = context.WithValue(ctx, http.LocalAddrContextKey, nc.LocalAddr())
	if s.set.connContext != nil {
		if c.ctx = s.set.connContext(c.ctx, nc); c.ctx == nil {
			panic("httpcore: ConnContext returned nil")
		}
		c.connected()
	}
	put := c.tellPut(instrument.QueueWorker)
	go so.serve(config, put)
}

// serve runs the connection from the handshake to the close.
func (s *socket) serve(config *tls.Config, put time.Time) {
	c := s.c
	c.tellGot(instrument.QueueWorker, put, true)
	defer c.server.leave(c)
	if config != nil && !s.handshake(config) {
		return
	}
	c.emitOpened()
	defer s.finish()
	s.loop()
}

func (s *socket) loop() {
	c := s.c
	for {
		switch c.next() {
		case stepRead:
			if !c.flush() {
				return
			}
			n, err := s.Read(c.space())
			c.fed(n, c.clock(), err)
		case stepServe:
			c.serve()
			if c.hijacked {
				return
			}
		case stepClose:
			return
		}
	}
}

// finish ends the connection, also when a handler has ended its goroutine.
func (s *socket) finish() {
	c := s.c
	if c.hijacked {
		c.unwoundHijacked()
		return
	}
	c.unwound()
	c.end()
	s.close(c.linger && c.broken == nil && !c.server.closed.Load())
	c.tellClosed(string(c.endReason()))
	c.emitCompleted()
}

// handshake does the TLS handshake within the time that a head may take; false: it failed, and all is said.
func (s *socket) handshake(config *tls.Config) bool {
	c := s.c
	t := tls.Server(s.low, config)
	c.handshakeStartNS = lifecycle.MonotonicNS()
	c.setDeadline(c.set.readHeaderTimeout)
	told := c.tellHandshake()
	err := t.Handshake()
	c.deadline.Store(0)
	c.handshakeEndNS = lifecycle.MonotonicNS()
	c.tellHandshakeEnd(told, t, err)
	if err == nil {
		state := t.ConnectionState()
		c.tls, s.top = &state, t
		return true
	}
	var notTLS tls.RecordHeaderError
	if errors.As(err, &notTLS) && looksLikeHTTP(notTLS.RecordHeader) {
		s.answerPlainHTTP(string(notTLS.RecordHeader[:]) == "HEAD ")
		s.linger()
	}
	_ = s.low.Close()
	c.tellClosed(handshakeFailed)
	if c.collector != nil {
		c.collector.Record(&lifecycle.TLSHandshakeFailed{
			Stamp: c.stamp(c.handshakeEndNS), Peers: c.peers,
			AcceptedNS: c.acceptedNS, HandshakeStartNS: c.handshakeStartNS, Err: err,
		})
	}
	return false
}

// answerPlainHTTP tells a client that it has taken the port for one without TLS.
func (s *socket) answerPlainHTTP(isHead bool) {
	body := "400 Bad Request: this port speaks TLS, use https\n"
	answer := "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nX-Wirespan-Error: " + codeNotTLS +
		"\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nDate: " + s.c.server.clock.date() + "\r\nConnection: close\r\n\r\n"
	if !isHead {
		answer += body
	}
	_, _ = s.low.Write([]byte(answer))
}

func looksLikeHTTP(b [5]byte) bool {
	switch string(b[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		return true
	}
	return false
}

// peersOf names the two ends, and the peer as http.Request.RemoteAddr has it.
func peersOf(far, near net.Addr) (p lifecycle.Peers, remote string) {
	p.Network = "tcp"
	switch a := far.(type) {
	case *net.TCPAddr:
		ip := a.AddrPort().Addr().Unmap()
		p.ClientAddr, p.ClientPort = ip.String(), a.Port
		remote = a.String()
	case *net.UnixAddr:
		p.Network, p.ClientAddr, remote = "unix", "unix", "@"
	case nil:
		p.ClientAddr = "unknown"
	default:
		p.Network, p.ClientAddr, remote = a.Network(), "unknown", a.String()
	}
	switch a := near.(type) {
	case *net.TCPAddr:
		p.ServerAddr, p.ServerPort = a.AddrPort().Addr().Unmap().String(), a.Port
	case nil:
	default:
		p.ServerAddr = a.String()
	}
	return p, remote
}
