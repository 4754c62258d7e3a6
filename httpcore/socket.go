package httpcore

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// longAgo is a deadline that makes every pending operation of a socket fail now.
var longAgo = time.Unix(1, 0)

// socket is the stream of the goroutine engine: a net.Conn, plain or TLS, whose reads and writes block. Deadlines are
// the connection's, compared by the sweep: it interrupts the net.Conn, and the interrupted operation looks whether it
// was meant.
type socket struct {
	c    *conn
	top  net.Conn // what requests are read from: low, or TLS on top of it
	low  *lowConn
	vecs net.Buffers
	vec  [3][]byte

	ahead   chan struct{} // closed when watch has ended
	gotOne  bool
	oneByte [1]byte
	stop    atomic.Bool
}

// lowConn is the TCP or Unix connection itself. Under TLS too, it is the place where deadlines act: an interrupted
// write can then go on, which above TLS it could not.
type lowConn struct {
	net.Conn
	c    *conn
	stop *atomic.Bool // unwatch is waiting

	mu                  sync.Mutex
	detached            bool
	userRead, userWrite time.Time // as a handler set them by http.ResponseController
}

func newSocket(c *conn, nc net.Conn) *socket {
	s := &socket{c: c}
	s.low = &lowConn{Conn: nc, c: c, stop: &s.stop}
	s.top = s.low
	return s
}

// Read implements [io.Reader].
func (l *lowConn) Read(p []byte) (int, error) {
	for {
		n, err := l.receive(p)
		if n > 0 || err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || l.meant() {
			return n, err
		}
	}
}

// meant reports whether an interrupted Read is to give up, and clears the way for another one otherwise.
func (l *lowConn) meant() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop.Load() || l.c.expired() || passed(l.userRead) {
		return true
	}
	_ = l.Conn.SetReadDeadline(l.userRead)
	return false
}

func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// Write implements [io.Writer].
func (l *lowConn) Write(p []byte) (n int, err error) {
	m := l.startWrite()
	for {
		var k int
		k, err = l.send(p[n:])
		n += k
		if !l.retry(&m, k, err) {
			return n, m.result(err)
		}
	}
}

// writeBuffers is Write for several slices, with writev.
func (l *lowConn) writeBuffers(v *net.Buffers) (n int64, err error) {
	m := l.startWrite()
	for {
		var k int64
		k, err = l.sendBuffers(v)
		n += k
		if !l.retry(&m, int(k), err) {
			return n, m.result(err)
		}
	}
}

// readFrom sends src, by sendfile where the connection can.
func (l *lowConn) readFrom(src *io.LimitedReader) (n int64, err error) {
	to, ok := l.Conn.(*net.TCPConn)
	if !ok {
		return io.Copy(writerOnly{l}, src)
	}
	m, size := l.startWrite(), src.N
	for {
		var k int64
		k, err = to.ReadFrom(src)
		n += k
		if !l.retry(&m, int(k), err) {
			return n, m.result(err)
		}
		if err = rewind(src, size-n); err != nil {
			return n, err
		}
	}
}

// rewind takes back what was read of a file and not sent, where package net has copied it by itself: left bytes are still
// to be sent.
func rewind(src *io.LimitedReader, left int64) error {
	if src.N == left {
		return nil
	}
	file, ok := src.R.(io.Seeker)
	if !ok {
		return errors.ErrUnsupported
	}
	_, err := file.Seek(src.N-left, io.SeekCurrent)
	src.N = left
	return err
}

// SetDeadline and its halves are for whoever uses the connection through TLS, which cannot see that a deadline that is
// past may be the server's. They hold until clearUserDeadlines.
func (l *lowConn) SetDeadline(t time.Time) error {
	return errors.Join(l.SetReadDeadline(t), l.SetWriteDeadline(t))
}

// SetReadDeadline implements [net.Conn].
func (l *lowConn) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.userRead = t
	return l.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements [net.Conn].
func (l *lowConn) SetWriteDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.userWrite = t
	return l.Conn.SetWriteDeadline(t)
}

func (l *lowConn) startWrite() (m writeMeter) {
	m.begin(l.c)
	return m
}

// retry takes the result of a write, and reports whether it was interrupted within its limits.
func (l *lowConn) retry(m *writeMeter, n int, err error) bool {
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		m.done(l.c)
		return false
	}
	m.progress(l.c, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	if passed(l.userWrite) || m.late(l.c) {
		m.done(l.c)
		return false
	}
	_ = l.Conn.SetWriteDeadline(l.userWrite)
	return true
}

// Read implements [stream].
func (s *socket) Read(p []byte) (int, error) {
	if o := s.c.hooks.Load(); o != nil {
		return s.tellRead(o, p)
	}
	return s.top.Read(p)
}

// Write implements [stream].
func (s *socket) Write(p []byte) (int, error) {
	if o := s.c.hooks.Load(); o != nil {
		n, err := s.tellWrite(o, p, nil, nil)
		return int(n), err
	}
	return s.top.Write(p)
}

// writev implements [stream].
func (s *socket) writev(a, b, c []byte) (n int64, err error) {
	if o := s.c.hooks.Load(); o != nil {
		return s.tellWrite(o, a, b, c)
	}
	return s.write(a, b, c)
}

// write writes the slices: one by one through TLS, which makes records of its own.
func (s *socket) write(a, b, c []byte) (n int64, err error) {
	if s.top != net.Conn(s.low) {
		for _, p := range [...][]byte{a, b, c} {
			if len(p) == 0 {
				continue
			}
			k, err := s.top.Write(p)
			n += int64(k)
			if err != nil {
				return n, err
			}
		}
		return n, nil
	}
	if len(b) == 0 && len(c) == 0 {
		k, err := s.low.Write(a)
		return int64(k), err
	}
	s.vec = [3][]byte{a, b, c}
	s.vecs = s.vec[:]
	n, err = s.low.writeBuffers(&s.vecs)
	s.vec = [3][]byte{}
	return n, err
}

// readFrom implements [stream].
func (s *socket) readFrom(src *io.LimitedReader) (int64, error) {
	if s.top != net.Conn(s.low) || s.c.showsFiles() {
		return io.Copy(writerOnly{s}, src)
	}
	return s.low.readFrom(src)
}

// watch implements [stream]: a goroutine reads one byte; it ends with that byte, with the connection or in unwatch.
func (s *socket) watch(gone func(error)) {
	ahead := make(chan struct{})
	s.ahead = ahead
	go func() {
		defer close(ahead)
		n, err := s.top.Read(s.oneByte[:])
		s.gotOne = n > 0
		if err != nil && !s.stop.Load() {
			gone(err)
		}
	}()
}

// unwatch implements [stream].
func (s *socket) unwatch() []byte {
	s.stop.Store(true)
	s.low.mu.Lock()
	_ = s.low.Conn.SetReadDeadline(longAgo)
	s.low.mu.Unlock()
	<-s.ahead
	s.stop.Store(false)
	s.low.mu.Lock()
	_ = s.low.Conn.SetReadDeadline(s.low.userRead)
	s.low.mu.Unlock()
	if s.gotOne {
		s.gotOne = false
		s.tellReadAhead()
		return s.oneByte[:]
	}
	return nil
}

// interrupt implements [stream].
func (s *socket) interrupt() {
	s.low.mu.Lock()
	defer s.low.mu.Unlock()
	if !s.low.detached {
		_ = s.low.Conn.SetDeadline(longAgo)
	}
}

// abort implements [stream].
func (s *socket) abort() { _ = s.low.Conn.Close() }

// detach implements [hijackable].
func (s *socket) detach() (net.Conn, error) {
	s.low.mu.Lock()
	defer s.low.mu.Unlock()
	s.low.detached = true
	s.c.deadline.Store(0)
	_ = s.low.Conn.SetDeadline(time.Time{})
	if s.top == net.Conn(s.low) {
		return s.low.Conn, nil
	}
	return s.top, nil
}

// setUserDeadline is http.ResponseController's: it holds until the end of the request.
func (s *socket) setUserDeadline(read, write *time.Time) error {
	if read != nil {
		return s.low.SetReadDeadline(*read)
	}
	return s.low.SetWriteDeadline(*write)
}

// clearUserDeadlines undoes setUserDeadline.
func (s *socket) clearUserDeadlines() {
	s.low.mu.Lock()
	defer s.low.mu.Unlock()
	s.low.userRead, s.low.userWrite = time.Time{}, time.Time{}
	_ = s.low.Conn.SetDeadline(time.Time{})
}

// Lingering: how long, how quietly and how much is read from a peer that may still be sending when the connection is
// closed, so that the reset which its bytes would draw does not destroy the response (RFC 9112, 9.6).
const (
	lingerTime  = 5 * time.Second
	lingerQuiet = time.Second
	lingerBytes = 32 << 20
)

// close ends the socket; patiently, when the peer may be sending still.
func (s *socket) close(linger bool) {
	if linger {
		s.linger()
	}
	_ = s.top.Close()
	_ = s.low.Conn.Close()
}

func (s *socket) linger() {
	if s.top != net.Conn(s.low) {
		_ = closeWrite(s.top) // TLS: the close_notify, without which the client must suspect a truncation
	}
	if closeWrite(s.low.Conn) != nil {
		return
	}
	buf := buffers.get(minBuffer)
	defer buffers.put(buf)
	end := time.Now().Add(lingerTime)
	for left := lingerBytes; left > 0; {
		quiet := time.Now().Add(lingerQuiet)
		if quiet.After(end) {
			quiet = end
		}
		if s.low.Conn.SetReadDeadline(quiet) != nil {
			return
		}
		n, err := s.low.Conn.Read(buf)
		if err != nil {
			return
		}
		left -= n
	}
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
