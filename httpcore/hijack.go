package httpcore

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/wirespan/wirespan/lifecycle"
)

// hijackable is the part of an engine's stream that can leave the engine as a net.Conn.
type hijackable interface {
	// detach takes the connection from the engine: no deadline, no watch, nothing that interrupts it. When it fails, the
	// connection is the engine's still.
	detach() (net.Conn, error)
}

// Hijack implements [http.Hijacker]. The connection leaves the engine; the request lasts until it is closed.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.c
	switch {
	case w.hijacked:
		return nil, nil, http.ErrHijacked
	case w.done:
		return nil, nil, errHandlerReturned
	}
	if w.wroteHeader {
		if _, err := w.send(nil); err != nil {
			return nil, nil, err
		}
	}
	if !c.flush() {
		return nil, nil, c.broken
	}
	if b := w.h.body; b != nil {
		_ = b.Close()
	}
	w.expected.settle()
	w.deadlines.end(c.io, http.ErrHijacked)
	c.unread(c.watcher.stop())
	nc, err := c.hijackable.detach()
	if err != nil {
		return nil, nil, err
	}
	w.hijacked, c.hijacked = true, true
	c.emitStreamOpened(w.x, true)
	leftover := append([]byte(nil), c.buf[c.r:c.w]...)
	c.r = c.w
	conn := &hijackedConn{Conn: nc, c: c, x: w.x, headDone: w.wroteHeader}
	w.h.hijacked = conn
	conn.received.Store(int64(len(leftover)))
	c.server.leave(c)
	return conn, bufio.NewReadWriter(readerWith(leftover, conn), bufio.NewWriter(conn)), nil
}

// readerWith returns a reader of from that has all of leftover in its buffer: WebSocket libraries take what is buffered and
// read the rest from the connection.
func readerWith(leftover []byte, from io.Reader) *bufio.Reader {
	if len(leftover) == 0 {
		return bufio.NewReader(from)
	}
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(leftover), from), max(len(leftover), minBuffer))
	_, _ = r.Peek(len(leftover)) // cannot fail: it is there
	return r
}

// hijackedConn is what a handler gets: the connection, with what it carries counted. Its Close ends the request and
// the connection for the collectors.
type hijackedConn struct {
	net.Conn
	c *conn
	x *exchange

	sent, received atomic.Int64
	left           atomic.Int32 // Close, and the handler's return

	mu       sync.Mutex
	headDone bool   // the response's head has passed, or was written before Hijack
	sawHead  bool   // it has passed
	head     []byte // what of the head has passed
	lastErr  error
	closed   bool
}

// Read implements [io.Reader].
func (h *hijackedConn) Read(p []byte) (int, error) {
	n, err := h.read(p)
	h.received.Add(int64(n))
	h.note(err)
	return n, err
}

// Write implements [io.Writer].
func (h *hijackedConn) Write(p []byte) (int, error) {
	n, err := h.write(p)
	h.sent.Add(int64(n))
	h.seeHead(p[:n])
	h.note(err)
	return n, err
}

// ReadFrom implements [io.ReaderFrom], so that a copy between sockets stays in the kernel.
func (h *hijackedConn) ReadFrom(src io.Reader) (int64, error) {
	to, ok := h.Conn.(io.ReaderFrom)
	if !ok || !h.headSeen() || h.c.showsFiles() {
		return io.Copy(writerOnly{h}, src)
	}
	n, err := to.ReadFrom(src)
	h.sent.Add(n)
	h.note(err)
	return n, err
}

// CloseWrite shuts down the writing side where the connection can.
func (h *hijackedConn) CloseWrite() error {
	return closeWrite(h.Conn)
}

// RemoteAddr implements [net.Conn]. A socket knows no peer any longer when that was gone before it was taken over.
func (h *hijackedConn) RemoteAddr() net.Addr {
	if a := h.Conn.RemoteAddr(); a != nil {
		return a
	}
	if a, err := netip.ParseAddrPort(h.c.remoteAddr); err == nil {
		return net.TCPAddrFromAddrPort(a)
	}
	return nil
}

// NetConn returns the connection underneath.
func (h *hijackedConn) NetConn() net.Conn { return h.Conn }

func (h *hijackedConn) headSeen() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.headDone
}

// maxSeenHead bounds how much of what a handler writes is looked through for the end of a head.
const maxSeenHead = 8 << 10

// seeHead takes the status from the response's head that the handler writes by itself.
func (h *hijackedConn) seeHead(p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.headDone || h.closed {
		return
	}
	h.head = append(h.head, p[:min(len(p), maxSeenHead-len(h.head))]...)
	end := bytes.Index(h.head, []byte("\r\n\r\n"))
	if end < 0 && len(h.head) < maxSeenHead {
		return
	}
	h.headDone = true
	if end < 0 || len(h.head) < 12 || !bytes.HasPrefix(h.head, []byte("HTTP/1.")) {
		return
	}
	status, err := strconv.Atoi(string(h.head[9:12]))
	if err != nil || status < 100 {
		return
	}
	h.sawHead = true
	h.x.status = status
	h.x.responseHead = append(h.x.responseHead[:0], h.head[:end+4]...)
	h.x.phases.FirstResponseByte = lifecycle.MonotonicNS()
}

// note keeps the first error that is not an orderly end.
func (h *hijackedConn) note(err error) {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return
	}
	if t, ok := err.(net.Error); ok && t.Timeout() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lastErr == nil {
		h.lastErr = err
	}
}

// Close implements [io.Closer]. The request and the connection end, for the collectors, when it was called and the
// handler has returned, whichever comes last. It may be called from any goroutine and more than once.
func (h *hijackedConn) Close() error {
	err := h.Conn.Close()
	h.mu.Lock()
	first := !h.closed
	h.closed = true
	h.mu.Unlock()
	if first {
		h.c.tellClosed(string(lifecycle.ReasonUpgrade))
		h.leave()
	}
	return err
}

// leave is called once by Close and once when the handler has returned.
func (h *hijackedConn) leave() {
	if h.left.Add(1) < 2 {
		return
	}
	c, x := h.c, h.x
	h.mu.Lock()
	x.answered = h.headDone
	x.received += h.received.Load()
	x.bytesSent += h.sent.Load()
	if h.sawHead {
		x.bytesSent -= int64(len(x.responseHead))
	}
	if h.lastErr != nil && x.failure.code == "" {
		x.gone = h.lastErr
	}
	h.mu.Unlock()
	x.phases.LastByte = lifecycle.MonotonicNS()
	if c.reason = reasonFor(x); c.reason == "" {
		c.reason = lifecycle.ReasonUpgrade
	}
	c.finish(x)
	c.emitCompleted()
}
