package httpcore

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// canShare: SO_REUSEPORT spreads the connections over the sockets (since Linux 3.9).
const canShare = true

// share marks a socket before it is bound, so that others may be bound to its address.
func share(_, _ string, c syscall.RawConn) error {
	return control(c, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
}

// restrict gives the file of a Unix socket its mode from its first moment on: bind takes it from the socket, less the
// umask. Otherwise anybody could connect until it is changed.
func restrict(_, _ string, c syscall.RawConn) error {
	return control(c, func(fd int) error { return unix.Fchmod(fd, unixMode) })
}

// tuneConn sets what an accepted connection needs beyond what package net does: TCP_USER_TIMEOUT. Without it a peer that
// vanished in the middle of a response is waited for by the kernel for a quarter of an hour.
func tuneConn(c net.Conn) {
	if wrapper, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = wrapper.NetConn() // *tls.Conn
	}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return // it is closed already
	}
	_ = control(raw, func(fd int) error { // a connection that lacks it works, too
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
	})
}

// socketOption is an option of setsockopt(2).
type socketOption struct{ level, name, value int }

// tuning is what every TCP connection has: TCP_NODELAY, which those that package net accepts have from there, and what
// tuneConn and keepAlive set.
var tuning = []socketOption{
	{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
	{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds())},
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAlive.Idle.Seconds())},
	{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAlive.Interval.Seconds())},
	{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAlive.Count},
}

// tuneListener sets tuning on a listening socket, whose connections take it over, but for those that are queued already. It
// returns what they do not: a socket for Multipath TCP, which package net listens with by default, has no TCP_USER_TIMEOUT.
func tuneListener(c syscall.RawConn) (refused []socketOption) {
	_ = control(c, func(fd int) error { refused = tune(fd, tuning); return nil })
	return refused
}

// tune sets options on a socket, and returns those that it does not take. Connections that lack some work, too.
func tune(fd int, options []socketOption) (refused []socketOption) {
	for _, o := range options {
		if unix.SetsockoptInt(fd, o.level, o.name, o.value) != nil {
			refused = append(refused, o)
		}
	}
	return refused
}

func control(c syscall.RawConn, f func(fd int) error) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = f(int(fd)) }); e != nil {
		return e
	}
	return err
}
