package httpcore

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wirespan/wirespan/httpcore/internal/poll"
	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// epollEngine polls the connections of a server, from as many workers as that has. It begins with the first listener, and
// ends when neither a listener nor a connection is left.
type epollEngine struct {
	server   *server
	workers  []*pollWorker // by the number of the worker
	runners  *runners
	watchdog *watchdog
	stale    atomic.Uint64 // events that came too late for their connection
	detached atomic.Int64  // connections that are run by goroutines without a baton

	users atomic.Int64 // listeners and connections
}

// canPoll reports whether the engine can serve l: it must be a socket itself, for a wrapper may have something to say about
// each connection.
func canPoll(l net.Listener) bool {
	switch l.(type) {
	case *net.TCPListener, *net.UnixListener, *groupListener:
		return true
	}
	return false
}

// useEpoll returns the server's epoll engine, which lasts until release.
func (s *server) useEpoll() (engine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoll != nil && s.epoll.use() {
		return s.epoll, nil
	}
	e := &epollEngine{server: s, runners: newRunners()}
	e.users.Store(1)
	for _, w := range s.workers {
		pw, err := newPollWorker(w, e)
		if err != nil {
			e.closePollers()
			return nil, err
		}
		e.workers = append(e.workers, pw)
	}
	e.watchdog = newWatchdog(e.workers)
	go e.watchdog.run()
	for _, w := range e.workers {
		e.runners.run(task{w: w})
	}
	s.epoll = e
	return e, nil
}

// retireRunners lets goroutines go that are not needed.
func (s *server) retireRunners() {
	s.mu.Lock()
	e := s.epoll
	s.mu.Unlock()
	if e != nil {
		e.runners.retire()
	}
}

// use notes one more listener or connection; false: the engine has ended.
func (e *epollEngine) use() bool {
	for {
		n := e.users.Load()
		if n == 0 {
			return false
		}
		if e.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release implements [engine]: it notes one less, and ends the engine with the last.
func (e *epollEngine) release() {
	if e.users.Add(-1) > 0 {
		return
	}
	close(e.watchdog.stop)
	close(e.runners.stop)
	e.closePollers()
}

func (e *epollEngine) closePollers() {
	for _, w := range e.workers {
		_ = w.poller.Close()
	}
}

// epollSource accepts from one socket: through a descriptor of its own, because that of package net is for nothing but
// Accept.
type epollSource struct {
	engine   *epollEngine
	listener syscall.RawConn // as it was given
	file     *os.File        // the same socket
	raw      syscall.RawConn // of file
	addr     net.Addr
	// ctx is the context of connections whose local address is the listener's: one for all of them.
	ctx      context.Context
	parent   context.Context
	wildcard bool              // each connection has a local address of its own
	hooks    *instrument.Hooks // of parent; may be nil
	// lacking are the options that connections do not have from the listener: all of tuning until the queue has been empty
	// once, for what is in it may be older than tuneListener; then those that the listener has refused.
	lacking, refused []socketOption

	// Of the accept in progress.
	told *accepting
	next func(fd uintptr) bool
	fd   int
	peer net.Addr
	err  error
}

// acceptor implements [engine].
func (e *epollEngine) acceptor(ctx context.Context, l net.Listener) (acceptor, error) {
	listener, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var file *os.File
	if err := control(listener, func(fd int) (err error) { file, err = poll.Duplicate(fd); return err }); err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	s := &epollSource{engine: e, listener: listener, file: file, raw: raw, addr: l.Addr(), parent: ctx, hooks: instrument.FromContext(ctx)}
	s.ctx = context.WithValue(ctx, http.LocalAddrContextKey, s.addr)
	if a, ok := s.addr.(*net.TCPAddr); ok {
		s.wildcard = len(a.IP) == 0 || a.IP.IsUnspecified()
		s.lacking, s.refused = tuning, tuneListener(listener)
	}
	s.next = func(fd uintptr) bool {
		if s.fd, s.peer, s.err = poll.Accept(int(fd)); s.err == poll.WouldBlock {
			s.told.waits()
			s.lacking = s.refused
			return false
		}
		return true
	}
	return s, nil
}

// until implements [acceptor].
func (s *epollSource) until(t time.Time) bool { return s.file.SetReadDeadline(t) == nil }

// look implements [acceptor]: a socket is closed when all its descriptors are.
func (s *epollSource) look() {
	if s.listener.Control(func(uintptr) {}) != nil {
		s.close()
	}
}

// close implements [acceptor].
func (s *epollSource) close() { _ = s.file.Close() }

// accept implements [acceptor].
func (s *epollSource) accept(to func() *worker) error {
	s.told = startAccept(s.hooks, s.addr)
	if err := s.wait(); err != nil {
		s.told.failed(err)
		return err
	}
	s.take(s.fd, s.peer, to())
	return nil
}

// wait returns when next has taken a connection.
func (s *epollSource) wait() error {
	if err := s.raw.Read(s.next); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		return &net.OpError{Op: "accept", Net: s.addr.Network(), Addr: s.addr, Err: net.ErrClosed}
	}
	return s.err
}

// local returns the server's address of an accepted connection.
func (s *epollSource) local(fd int) net.Addr {
	if s.wildcard {
		return poll.LocalAddr(fd)
	}
	return s.addr
}

// take starts the life of an accepted connection.
func (s *epollSource) take(fd int, remote net.Addr, to *worker) {
	e := s.engine
	server := e.server
	tune(fd, s.lacking)
	c := newConn(server, to)
	p := &polled{c: c, w: e.workers[to.id], fd: fd}
	c.io, c.watcher.io, c.hijackable = p, p, p

	local, ctx := s.local(fd), s.ctx
	if s.wildcard {
		ctx = context.WithValue(s.parent, http.LocalAddrContextKey, local)
	}
	c.peers, c.remoteAddr = peersOf(remote, local)
	var shown net.Conn
	if server.set.connHooks != nil || server.set.connContext != nil {
		shown = &acceptedConn{p: p, local: local, remote: remote}
	}
	ctx = c.accepted(ctx, s.hooks, shown)
	s.told.ended(c)
	if limit := server.set.maxBlockedHandlers; limit > 0 && e.detached.Load() >= int64(limit) {
		s.refuse(p, codeTooManyBlocked)
		return
	}
	if ok, code := server.enter(c, false); !ok {
		s.refuse(p, code)
		return
	}
	if c.ctx = ctx; server.set.connContext != nil {
		if c.ctx = server.set.connContext(ctx, shown); c.ctx == nil {
			panic("httpcore: ConnContext returned nil")
		}
		c.connected()
	}
	e.use()
	p.w.slots.take(p)
	c.emitOpened()
	p.start()
}

// start parks a new connection in its epoll set. It is running until it is in there: nobody may close it before.
func (p *polled) start() {
	if p.c.next() != stepRead {
		p.runOn(p.finish())
		return
	}
	put := p.c.tellPut(instrument.QueueWorker)
	err := p.w.poller.Add(p.fd, parkedEvents, p.key)
	p.c.tellGot(instrument.QueueWorker, put, true) // also where it did not get in: it is not in the queue any longer
	if err != nil {
		p.c.writeFailed(os.NewSyscallError("epoll_ctl", err))
		p.finish()
		return
	}
	p.c.parkRead()
	p.runOn(turnWait)
}

// refuse tells a connection that it is one too many.
func (s *epollSource) refuse(p *polled, code string) {
	c, fd := p.c, p.fd
	p.mu.Lock()
	p.state.Store(stateClosed) // for whoever was shown it
	p.mu.Unlock()
	if code == codeNoDescriptor {
		go s.engine.server.giveBack(c, newFileConn(fd))
		return
	}
	nc, err := poll.NetConn(fd)
	_ = poll.Close(fd)
	if err != nil { // there is no descriptor left to tell it with
		s.engine.server.emitRejected(c, 0, code)
		c.tellClosed(code)
		return
	}
	s.engine.server.refuseConn(c, nc, code, false)
}

// turnAway implements [acceptor].
func (s *epollSource) turnAway(code string) bool {
	s.told = nil
	if s.raw.Control(func(fd uintptr) { s.next(fd) }) != nil || s.err != nil {
		return false
	}
	server := s.engine.server
	c := newConn(server, server.leastBusy())
	c.peers, c.remoteAddr = peersOf(s.peer, s.local(s.fd))
	c.attach(s.hooks)
	s.told.ended(c)
	server.turnAway(c, newFileConn(s.fd), code)
	return true
}

// fileConn is a socket that takes no other descriptor than its own, as a net.Conn would for a moment.
type fileConn struct {
	*os.File
	fd int
}

func newFileConn(fd int) fileConn { return fileConn{os.NewFile(uintptr(fd), "connection"), fd} }

// CloseWrite implements [listening].
func (f fileConn) CloseWrite() error { return poll.CloseWrite(f.fd) }
