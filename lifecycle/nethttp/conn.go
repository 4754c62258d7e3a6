package nethttp

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/wirespan/wirespan/lifecycle"
)

// conn is an accepted connection. net/http takes it for the socket, with TLS on top or without; what passes over it is noted
// in wire, and what net/http tells of it is reported (emit.go).
type conn struct {
	net.Conn
	attached   *attachment
	parent     context.Context // of the connection, as the application has made it
	secured    *tls.Conn       // nil without TLS
	acceptedNS int64
	wire       wire

	// Of HTTP/1: only touched by the goroutine that net/http serves the connection with.
	current   *exchange // the request that has no outcome yet
	idleSince int64
	firstByte int64 // of the request whose head has just been read
	headRead  int64

	sideBySide atomic.Bool // HTTP/2: requests are served at the same time, by a goroutine each

	mu        sync.Mutex // guards what follows, and is held while an event is recorded
	counted   bool       // among the unreported
	collector lifecycle.Collector
	provider  lifecycle.ContextProvider
	id        uint64
	lastNS    int64
	served    int
	sent      int64
	inFlight  int              // requests without an outcome
	ended     lifecycle.Reason // why net/http has closed it; "" while it has not
	cutOff    lifecycle.Reason // why the last request that ended badly did
}

// Read implements [io.Reader].
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wire.read(n, err)
	return n, err
}

// Write implements [io.Writer].
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.wire.wrote(int64(n), p[:n], err)
	return n, err
}

// ReadFrom implements [io.ReaderFrom], so that a file goes to the socket within the kernel.
func (c *conn) ReadFrom(src io.Reader) (int64, error) {
	to, ok := c.Conn.(io.ReaderFrom)
	if !ok {
		return io.Copy(onlyWriter{c}, src)
	}
	n, err := to.ReadFrom(src)
	c.wire.wrote(n, nil, err)
	return n, err
}

// CloseWrite shuts down the writing side where the connection can.
func (c *conn) CloseWrite() error { return closeWrite(c.Conn) }

// NetConn returns the connection as it was accepted.
func (c *conn) NetConn() net.Conn { return c.Conn }

func closeWrite(nc net.Conn) error {
	if c, ok := nc.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return http.ErrNotSupported
}

// onlyWriter hides what else a writer can do.
type onlyWriter struct{ io.Writer }

// changed is told by net/http, at each turn of the connection, and before it goes on.
func (c *conn) changed(nc net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.accepted(nc)
	case http.StateActive:
		c.headRead = lifecycle.MonotonicNS()
		c.firstByte = c.wire.headRead(c.headRead)
	case http.StateIdle:
		c.responded()
	case http.StateHijacked:
		c.leave()
	case http.StateClosed:
		c.closed()
	}
}

// accepted opens the connection where its protocol is known by now. With TLS, or where HTTP/2 may come without it, the
// first request tells.
func (c *conn) accepted(nc net.Conn) {
	if c.secured, _ = nc.(*tls.Conn); c.secured != nil {
		c.wire.expectHandshake()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counted = true
	c.attached.unreported.enter()
	p := c.attached.server.Protocols
	if c.secured != nil || p != nil && p.UnencryptedHTTP2() {
		return
	}
	c.openLocked("h1", nil)
}

// leave has Shutdown wait no longer for the connection: a handler has taken it over.
func (c *conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaveLocked()
}

func (c *conn) leaveLocked() {
	if c.counted {
		c.counted = false
		c.attached.unreported.leave()
	}
}

// responded is told when the response of an HTTP/1 request has been handed to the kernel.
func (c *conn) responded() {
	x := c.current
	if x == nil {
		return
	}
	c.current = nil
	x.finish()
	if c.idleSince = x.phases.LastByte; c.idleSince == 0 {
		c.idleSince = lifecycle.MonotonicNS()
	}
	c.wire.expectRequest()
}

// closed is told when net/http has closed the connection, which it does not when it was hijacked.
func (c *conn) closed() {
	if !c.isOpen() && c.handshakeFailed() {
		return
	}
	why := lifecycle.ReasonComplete
	if x := c.current; x != nil {
		c.current = nil
		x.finish()
	} else if !c.sideBySide.Load() {
		why = c.wire.whyClosed(c.secured == nil)
	}
	c.end(why)
}

func (c *conn) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.collector != nil
}

// handshakeFailed reports the connection when it came to no more than the attempt of a handshake.
func (c *conn) handshakeFailed() bool {
	if c.secured == nil || c.secured.ConnectionState().HandshakeComplete {
		return false
	}
	c.emitHandshakeFailed(c.secured.HandshakeContext(context.Background())) // says again what it said to net/http
	return true
}
