package httpcore_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/httpcore"
)

// memoryListener accepts connections that exist in this process only: in a synctest bubble the server's timeouts then
// pass in no time, and to the nanosecond.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemoryListener() *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }

// connect returns the client's end of a new connection. Each direction holds as many bytes as window says before a
// write blocks.
func (l *memoryListener) connect(window int) *memoryConn {
	up, down := newQueue(window), newQueue(window)
	select {
	case l.conns <- &memoryConn{in: up, out: down}:
	case <-l.closed:
		up.abort()
		down.abort()
	}
	return &memoryConn{in: down, out: up}
}

// memoryConn is one end of a connection, with the half-close of TCP.
type memoryConn struct{ in, out *queue }

func (c *memoryConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *memoryConn) CloseWrite() error           { c.out.end(); return nil }
func (c *memoryConn) LocalAddr() net.Addr         { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr        { return memoryAddr{} }

func (c *memoryConn) Close() error {
	c.out.end()
	c.in.abort()
	return nil
}

// reset ends both directions as a RST does.
func (c *memoryConn) reset() {
	c.out.abort()
	c.in.abort()
}

func (c *memoryConn) SetDeadline(t time.Time) error {
	c.in.reader.set(c.in, t)
	c.out.writer.set(c.out, t)
	return nil
}
func (c *memoryConn) SetReadDeadline(t time.Time) error  { c.in.reader.set(c.in, t); return nil }
func (c *memoryConn) SetWriteDeadline(t time.Time) error { c.out.writer.set(c.out, t); return nil }

// queue is one direction of a connection.
type queue struct {
	mu             sync.Mutex
	changed        *sync.Cond
	data           []byte
	window         int
	ended, aborted bool
	reader, writer deadline
}

func newQueue(window int) *queue {
	q := &queue{window: window}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// deadline is that of one end of a queue; the queue's lock guards it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(q *queue, t time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = t
	if !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), q.wake)
	}
	q.changed.Broadcast()
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changed.Broadcast()
}

func (q *queue) read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case q.aborted:
			return 0, syscall.ECONNRESET
		case q.reader.passed():
			return 0, os.ErrDeadlineExceeded
		case len(q.data) > 0:
			n := copy(p, q.data)
			q.data = q.data[n:]
			q.changed.Broadcast()
			return n, nil
		case q.ended:
			return 0, io.EOF
		}
		q.changed.Wait()
	}
}

func (q *queue) write(p []byte) (n int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case q.aborted, q.ended:
			return n, syscall.EPIPE
		case q.writer.passed():
			return n, os.ErrDeadlineExceeded
		}
		if k := min(q.window-len(q.data), len(p)-n); k > 0 {
			q.data = append(q.data, p[n:n+k]...)
			n += k
			q.changed.Broadcast()
		}
		if n == len(p) {
			return n, nil
		}
		q.changed.Wait()
	}
}

func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Broadcast()
}

func (q *queue) abort() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.aborted, q.data = true, nil
	q.changed.Broadcast()
}

// bubble is a server in virtual time.
type bubble struct {
	*site
	l *memoryListener
}

// inBubble runs f with a server on an in-memory listener.
func inBubble(t *testing.T, s *httpcore.Server, f func(b bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newBubble(t, s)) })
}

// newBubble starts s in a bubble: for a test whose handler has channels, which must be made in it.
func newBubble(t *testing.T, s *httpcore.Server) bubble {
	enterBubble(t)
	l := newMemoryListener()
	return bubble{startOn(t, s, l), l}
}

// enterBubble makes a bubble fit for a server. The time in it begins in the year 2000, before the base of the
// lifecycle clock, and stops when the test is done, while the server's ticking goroutine still has to notice its end.
func enterBubble(t *testing.T) {
	time.Sleep(100 * 365 * 24 * time.Hour)
	t.Cleanup(func() { time.Sleep(time.Second) })
}

// window is that of the connections of dial: about what a socket's buffers hold.
const window = 64 << 10

func (b bubble) dial() *client { return b.dialWindow(window) }

func (b bubble) dialWindow(window int) *client {
	nc := b.l.connect(window)
	b.t.Cleanup(func() { _ = nc.Close() })
	return &client{Conn: nc, t: b.t, r: bufio.NewReader(nc)}
}
