package httpcore

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// acceptedConn is what Server.ConnContext is shown of a connection of the epoll engine: who it is, and its socket's options.
// Its bytes are the server's; Close ends it.
type acceptedConn struct {
	p             *polled
	local, remote net.Addr
}

var (
	_ net.Conn     = (*acceptedConn)(nil)
	_ syscall.Conn = (*acceptedConn)(nil)
)

var errServersBytes = errors.New("httpcore: the bytes of this connection are the server's, unless a handler takes it over")

func (a *acceptedConn) LocalAddr() net.Addr              { return a.local }
func (a *acceptedConn) RemoteAddr() net.Addr             { return a.remote }
func (a *acceptedConn) Read([]byte) (int, error)         { return 0, errServersBytes }
func (a *acceptedConn) Write([]byte) (int, error)        { return 0, errServersBytes }
func (a *acceptedConn) SetDeadline(time.Time) error      { return errServersBytes }
func (a *acceptedConn) SetReadDeadline(time.Time) error  { return errServersBytes }
func (a *acceptedConn) SetWriteDeadline(time.Time) error { return errServersBytes }

// Close implements [net.Conn].
func (a *acceptedConn) Close() error {
	a.p.abort()
	return nil
}

// SyscallConn implements [syscall.Conn]; of what it returns, Control alone works.
func (a *acceptedConn) SyscallConn() (syscall.RawConn, error) { return acceptedRaw{a.p}, nil }

type acceptedRaw struct{ p *polled }

func (a acceptedRaw) Control(f func(fd uintptr)) error {
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	if a.p.state.Load() == stateClosed {
		return os.ErrClosed
	}
	a.p.shown = true
	f(uintptr(a.p.fd))
	return nil
}

func (acceptedRaw) Read(func(uintptr) bool) error  { return errServersBytes }
func (acceptedRaw) Write(func(uintptr) bool) error { return errServersBytes }
