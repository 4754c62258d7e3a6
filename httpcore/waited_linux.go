package httpcore

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/wirespan/wirespan/httpcore/internal/poll"
)

// waitedRead is c.Read, and returns how long it has waited for the peer: of a socket, from the first time that there was
// nothing to be read.
func waitedRead(c net.Conn, p []byte) (n int, wait time.Duration, err error) {
	raw := rawOf(c)
	if raw == nil || len(p) == 0 {
		return timedRead(c, p)
	}
	var w rawWait
	failed := raw.Read(func(fd uintptr) bool {
		n, err = poll.Receive(int(fd), p)
		return w.goesOn(err)
	})
	return n, w.took(), rawError(c, "read", failed, err)
}

// waitedWrite is v.WriteTo(c), and returns how long it has waited for the peer.
func waitedWrite(c net.Conn, v *net.Buffers) (n int64, wait time.Duration, err error) {
	raw := rawOf(c)
	if raw == nil {
		return timedWrite(c, v)
	}
	var w rawWait
	failed := raw.Write(func(fd uintptr) bool {
		for {
			skip(v, 0)
			if len(*v) == 0 {
				return true
			}
			var slices [3][]byte
			copy(slices[:], *v)
			var k int
			if k, err = poll.SendAll(int(fd), &slices); err != nil {
				return w.goesOn(err)
			}
			skip(v, k)
			n += int64(k)
		}
	})
	return n, w.took(), rawError(c, "write", failed, err)
}

// skip takes the first n bytes, and what is empty then, out of v.
func skip(v *net.Buffers, n int) {
	for len(*v) > 0 && n >= len((*v)[0]) {
		n -= len((*v)[0])
		*v = (*v)[1:]
	}
	if n > 0 {
		(*v)[0] = (*v)[0][n:]
	}
}

// rawOf returns the socket of c; nil: it is none.
func rawOf(c net.Conn) syscall.RawConn {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil // it is closed, as a Read or Write will say
	}
	return raw
}

// rawWait measures how long package net waits until a socket is ready.
type rawWait struct{ since time.Time }

// goesOn takes the result of a call; false: it could do nothing, and is to be tried again when the socket is ready.
func (w *rawWait) goesOn(err error) bool {
	if err != poll.WouldBlock {
		return true
	}
	if w.since.IsZero() {
		w.since = time.Now()
	}
	return false
}

func (w *rawWait) took() time.Duration {
	if w.since.IsZero() {
		return 0
	}
	return max(time.Since(w.since), 1)
}

// rawError is the error of a call that was made on a net.Conn's socket, as the net.Conn itself would have it. failed is what
// kept it from being made.
func rawError(c net.Conn, op string, failed, err error) error {
	var own *net.OpError
	switch {
	case errors.As(failed, &own):
		own.Op = op
		return own
	case failed != nil:
		return failed
	case err == nil, err == io.EOF:
		return err
	}
	e := &net.OpError{Op: op, Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(op, err)}
	if e.Source != nil { // Addr is nil when the peer was gone before c was made of the socket
		e.Net = e.Source.Network()
	}
	return e
}
