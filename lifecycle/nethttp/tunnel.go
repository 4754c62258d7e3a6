package nethttp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/wirespan/wirespan/lifecycle"
)

// tunnel is what a handler gets that takes the connection over: the connection, with what it carries counted.
type tunnel struct {
	net.Conn
	x *exchange

	sent, received atomic.Int64
	left           atomic.Int32 // Close, and the handler's return

	mu        sync.Mutex
	head      headTap // of the response, where the handler writes that by itself
	firstByte int64
	lastErr   error
	closed    bool
}

// takeOver makes a tunnel of the connection that net/http has given up.
func (x *exchange) takeOver(nc net.Conn, rw *bufio.ReadWriter) (net.Conn, *bufio.ReadWriter, error) {
	leftover, err := rw.Reader.Peek(rw.Reader.Buffered())
	if err != nil {
		return nil, nil, err
	}
	leftover = bytes.Clone(leftover)
	t := &tunnel{Conn: nc, x: x}
	t.received.Store(int64(len(leftover)))
	if x.status == 0 {
		t.head.expect()
	}
	x.tunnel = t
	x.conn.current = nil
	if x.streamOpened == 0 {
		x.conn.emitStreamOpened(x, true)
	}
	return t, bufio.NewReadWriter(readerWith(leftover, t), bufio.NewWriter(t)), nil
}

// readerWith returns a reader of from that has all of leftover in its buffer: WebSocket libraries take what is buffered and
// read the rest from the connection.
func readerWith(leftover []byte, from io.Reader) *bufio.Reader {
	if len(leftover) == 0 {
		return bufio.NewReader(from)
	}
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(leftover), from), max(len(leftover), 4<<10))
	_, _ = r.Peek(len(leftover)) // cannot fail: it is there
	return r
}

// Read implements [io.Reader].
func (t *tunnel) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.received.Add(int64(n))
	t.note(err)
	return n, err
}

// Write implements [io.Writer].
func (t *tunnel) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	t.wrote(p[:n])
	t.note(err)
	return n, err
}

// ReadFrom implements [io.ReaderFrom], so that a copy between sockets stays in the kernel.
func (t *tunnel) ReadFrom(src io.Reader) (int64, error) {
	to, ok := t.Conn.(io.ReaderFrom)
	if !ok || t.awaitsHead() {
		return io.Copy(onlyWriter{t}, src)
	}
	n, err := to.ReadFrom(src)
	t.sent.Add(n)
	t.note(err)
	return n, err
}

// CloseWrite shuts down the writing side where the connection can.
func (t *tunnel) CloseWrite() error { return closeWrite(t.Conn) }

// NetConn returns the connection underneath.
func (t *tunnel) NetConn() net.Conn { return asAccepted(t.Conn) }

func (t *tunnel) awaitsHead() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head.open
}

func (t *tunnel) wrote(p []byte) {
	t.sent.Add(int64(len(p)))
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.firstByte == 0 {
		t.firstByte = lifecycle.MonotonicNS()
	}
	t.head.see(p)
}

// note keeps the first error that is not an orderly end.
func (t *tunnel) note(err error) {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return
	}
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lastErr == nil {
		t.lastErr = err
	}
}

// Close implements [io.Closer]. It may be called from any goroutine and more than once.
func (t *tunnel) Close() error {
	err := t.Conn.Close()
	t.mu.Lock()
	first := !t.closed
	t.closed = true
	t.mu.Unlock()
	if first {
		t.leave()
	}
	return err
}

// leave is called once by Close and once when the handler has returned. The later call ends the request and the connection,
// for the collectors.
func (t *tunnel) leave() {
	if t.left.Add(1) < 2 {
		return
	}
	t.x.finish()
	t.x.conn.end(lifecycle.ReasonUpgrade)
}

// settle gives x what the tunnel knows, and returns the head of the response where that was seen.
func (t *tunnel) settle(x *exchange) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	x.body.received.Add(t.received.Load())
	x.sent = x.written + t.sent.Load()
	if t.lastErr != nil && x.failure.code == "" {
		x.gone = t.lastErr
	}
	x.phases.LastByte = lifecycle.MonotonicNS()
	if x.status != 0 { // the response was begun before the connection was taken over
		_, x.phases.FirstResponseByte, _, _ = x.conn.wire.response(x.sentBefore)
		return x.conn.wire.responseHead()
	}
	head := t.head.text()
	if x.status = statusOf(head); x.status == 0 {
		return nil
	}
	x.phases.FirstResponseByte = t.firstByte
	x.sent -= int64(len(head))
	return head
}
