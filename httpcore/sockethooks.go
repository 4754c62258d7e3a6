package httpcore

import (
	"net"
	"time"
)

// What hooks are told of the goroutine engine's reads and writes: through TLS, of the plain text. How long they have waited
// is seen at the connection below, by whatever the system shows of it (waited_linux.go).

func (s *socket) tellRead(o *hooked, p []byte) (int, error) {
	r, before := o.startRecv(), o.readWait.Load()
	n, err := s.top.Read(p)
	o.endRecv(r, time.Duration(o.readWait.Load()-before), p[:n], err)
	return n, err
}

// tellReadAhead tells of the byte that watch has read.
func (s *socket) tellReadAhead() {
	if o := s.c.hooks.Load(); o != nil {
		o.endRecv(o.startRecv(), 0, s.oneByte[:], nil)
	}
}

func (s *socket) tellWrite(o *hooked, a, b, c []byte) (int64, error) {
	t, before := o.startSend(len(a)+len(b)+len(c)), o.writeWait.Load()
	n, err := s.write(a, b, c)
	t.took(n, [3][]byte{a, b, c}, err)
	t.end(time.Duration(o.writeWait.Load()-before), err)
	return n, err
}

// receive is a Read of the net.Conn.
func (l *lowConn) receive(p []byte) (int, error) {
	o := l.c.hooks.Load()
	if o == nil || o.inForce.Load().RecvReady == nil {
		return l.Conn.Read(p)
	}
	n, wait, err := waitedRead(l.Conn, p)
	o.readWait.Add(int64(wait))
	return n, err
}

// send is a Write to the net.Conn.
func (l *lowConn) send(p []byte) (int, error) {
	if o := l.c.hooks.Load(); o == nil || o.inForce.Load().SendReady == nil {
		return l.Conn.Write(p)
	}
	v := net.Buffers{p}
	n, err := l.sendBuffers(&v)
	return int(n), err
}

// sendBuffers is a Write of all that is in v, which it takes out.
func (l *lowConn) sendBuffers(v *net.Buffers) (int64, error) {
	o := l.c.hooks.Load()
	if o == nil || o.inForce.Load().SendReady == nil {
		return v.WriteTo(l.Conn)
	}
	n, wait, err := waitedWrite(l.Conn, v)
	o.writeWait.Add(int64(wait))
	return n, err
}

// timedRead is c.Read, all of which counts as waiting.
func timedRead(c net.Conn, p []byte) (n int, wait time.Duration, err error) {
	start := time.Now()
	n, err = c.Read(p)
	return n, max(time.Since(start), 1), err
}

// timedWrite is v.WriteTo(c), all of which counts as waiting.
func timedWrite(c net.Conn, v *net.Buffers) (n int64, wait time.Duration, err error) {
	start := time.Now()
	n, err = v.WriteTo(c)
	return n, max(time.Since(start), 1), err
}

// A connection that its handler has taken over is told about, too.

func (h *hijackedConn) read(p []byte) (int, error) {
	o := h.c.hooks.Load()
	if o == nil {
		return h.Conn.Read(p)
	}
	r := o.startRecv()
	n, wait, err := waitedRead(h.Conn, p)
	o.endRecv(r, wait, p[:n], err)
	return n, err
}

func (h *hijackedConn) write(p []byte) (int, error) {
	o := h.c.hooks.Load()
	if o == nil {
		return h.Conn.Write(p)
	}
	t, v := o.startSend(len(p)), net.Buffers{p}
	n, wait, err := waitedWrite(h.Conn, &v)
	t.took(n, [3][]byte{p}, err)
	t.end(wait, err)
	return int(n), err
}
