package httpcore

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// server is a running Server: its settings, workers and listeners.
//
// Lock order: server.mu before worker.mu.
type server struct {
	clock coarseClock

	// What configure makes. Only Shutdown and Close may come before it.
	set     *settings
	facade  *http.Server // the value of http.ServerContextKey
	workers []*worker

	draining atomic.Bool  // no new connections, no further requests
	graceEnd atomic.Int64 // until when new connections may begin a request although the server drains; coarse time
	closed   atomic.Bool  // no connections at all
	open     atomic.Int64

	mu         sync.Mutex
	epoll      *epollEngine // the latest one; nil before the first
	listeners  map[net.Listener]struct{}
	acceptors  map[acceptor]struct{}
	certs      map[*Certificate]string // with the error that was logged last of each
	ticking    bool
	onShutdown []func()
	refused    map[net.Conn]struct{} // connections that are being told that there are too many
	stop       chan struct{}         // closed when the server drains
	empty      chan struct{}         // closed when the last connection is gone; nil unless Shutdown waits
}

// worker is a set of connections with a number. Which one a connection belongs to is settled when it is accepted.
type worker struct {
	id    int
	mu    sync.Mutex
	conns map[*conn]struct{}
	count atomic.Int64
}

func newServer() *server {
	s := &server{
		listeners: make(map[net.Listener]struct{}),
		acceptors: make(map[acceptor]struct{}),
		certs:     make(map[*Certificate]string),
		refused:   make(map[net.Conn]struct{}),
		stop:      make(chan struct{}),
	}
	s.clock.renew()
	return s
}

// configure takes the settings, the first time that it is called.
func (s *server) configure(from *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set != nil {
		return
	}
	set := from.settings()
	s.set = set
	s.facade = &http.Server{Addr: from.Addr, Handler: set.handler, ErrorLog: set.errorLog, MaxHeaderBytes: set.limits.MaxHeaderBytes}
	for i := range set.workers {
		s.workers = append(s.workers, &worker{id: i, conns: make(map[*conn]struct{})})
	}
}

// serve accepts from l until it is closed.
func (s *server) serve(listener net.Listener, config *tls.Config, cert *Certificate) error {
	l := &onceListener{Listener: listener}
	defer func() { _ = l.Close() }()
	if !s.addListener(l, cert) {
		return ErrServerClosed
	}
	defer s.removeListener(l, cert)

	ctx := context.Background()
	if s.set.baseContext != nil {
		if ctx = s.set.baseContext(listener); ctx == nil {
			panic("httpcore: BaseContext returned nil")
		}
	}
	ctx = context.WithValue(ctx, http.ServerContextKey, s.facade)
	e, err := s.engineFor(listener, config)
	if err != nil {
		return err
	}
	defer e.release()
	return s.accept(ctx, l, e)
}

// onceListener lets Serve, Shutdown and Close all close it.
type onceListener struct {
	net.Listener
	once sync.Once
	err  error
}

func (l *onceListener) Close() error {
	l.once.Do(func() { l.err = l.Listener.Close() })
	return l.err
}

// accept runs one loop for each socket of the listener, and returns when they all have ended.
func (s *server) accept(ctx context.Context, l *onceListener, e engine) error {
	group, ok := l.Listener.(*groupListener)
	if !ok {
		return s.acceptFrom(ctx, l.Listener, e, s.leastBusy)
	}
	members := group.members()
	results := make(chan error, len(members))
	for i, m := range members {
		w := s.workers[i%len(s.workers)]
		go func() {
			results <- s.acceptFrom(ctx, m, e, func() *worker { return w })
			_ = l.Close() // the group lives and dies together
		}()
	}
	var errs []error
	for range members {
		errs = append(errs, <-results)
	}
	return firstOf(errs)
}

// firstOf returns the error that is not ErrServerClosed, if there is one.
func firstOf(errs []error) error {
	for _, err := range errs {
		if !errors.Is(err, ErrServerClosed) {
			return err
		}
	}
	return ErrServerClosed
}

// The pause after an accept that failed for want of something, doubled each time.
const (
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// acceptFrom accepts until that fails; to chooses the worker of each connection.
func (s *server) acceptFrom(ctx context.Context, l net.Listener, e engine, to func() *worker) error {
	a, err := e.acceptor(ctx, l)
	if err != nil {
		return err
	}
	defer a.close()
	s.addAcceptor(a)
	defer s.removeAcceptor(a)
	pause := time.Duration(0)
	for {
		err := a.accept(to)
		if err == nil {
			pause = 0
			continue
		}
		if s.draining.Load() {
			return ErrServerClosed
		}
		if !temporary(err) {
			return err
		}
		pause = min(max(2*pause, minAcceptPause), maxAcceptPause)
		s.set.errorLog.Printf("http: accept: %v; trying again in %v", err, pause)
		select {
		case <-time.After(pause):
		case <-s.stop:
			return ErrServerClosed
		}
	}
}

// passing are the errors of accept that say nothing about the listener: the system is short of something, or it reports
// what became of the connection (accept(2), "Error handling").
var passing = [...]error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.ECONNABORTED, syscall.EPROTO, syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTUNREACH,
}

// temporary reports whether an accept may go better in a while.
func temporary(err error) bool {
	if t, ok := err.(interface{ Temporary() bool }); ok && t.Temporary() {
		return true
	}
	return slices.ContainsFunc(passing[:], func(e error) bool { return errors.Is(err, e) })
}

func (s *server) leastBusy() *worker {
	least := s.workers[0]
	for _, w := range s.workers[1:] {
		if w.count.Load() < least.count.Load() {
			least = w
		}
	}
	return least
}

func (s *server) addListener(l net.Listener, cert *Certificate) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.listeners[l] = struct{}{}
	if cert != nil {
		s.certs[cert] = ""
	}
	s.tickLocked()
	return true
}

func (s *server) removeListener(l net.Listener, cert *Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	delete(s.certs, cert)
}

func (s *server) addAcceptor(a acceptor) {
	s.mu.Lock()
	s.acceptors[a] = struct{}{}
	s.mu.Unlock()
	a.look() // the listener may be closed already
}

func (s *server) removeAcceptor(a acceptor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.acceptors, a)
}

// lookLocked has every acceptor look whether its listener was closed: by the server, or by whoever made it.
func (s *server) lookLocked() {
	for a := range s.acceptors {
		a.look()
	}
}

// enter registers a connection; false: there are too many, or none are wanted.
func (s *server) enter(c *conn) (ok bool, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining.Load():
		return false, codeDraining
	case s.set.maxConnections > 0 && s.open.Load() >= int64(s.set.maxConnections):
		return false, codeTooManyConnections
	}
	s.open.Add(1)
	s.tickLocked()
	w := c.worker
	w.count.Add(1)
	w.mu.Lock()
	w.conns[c] = struct{}{}
	w.mu.Unlock()
	return true, ""
}

// leave takes a connection out: it is closed, or its handler's.
func (s *server) leave(c *conn) {
	w := c.worker
	w.mu.Lock()
	_, here := w.conns[c]
	delete(w.conns, c)
	w.mu.Unlock()
	if !here {
		return
	}
	w.count.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.Add(-1)
	s.goneLocked()
}

// goneLocked tells Shutdown when there is no connection left.
func (s *server) goneLocked() {
	if s.empty != nil && s.emptyLocked() {
		close(s.empty)
		s.empty = nil
	}
}

func (s *server) emptyLocked() bool { return s.open.Load() == 0 && len(s.refused) == 0 }

func (s *server) onShutdownCall(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onShutdown = append(s.onShutdown, f)
}

// newDrainGrace is how long a connection that has not sent anything yet may still begin a request when the server
// drains: its client may have sent it already.
const newDrainGrace = time.Second

func (s *server) shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := s.drainLocked()
	calls := s.onShutdown
	err := s.closeListenersLocked()
	s.mu.Unlock()
	if first {
		for _, f := range calls {
			go f()
		}
	}
	for c := range s.all() {
		c.drain()
	}
	select {
	case <-s.whenEmpty():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drainLocked has no more connections accepted, and no further requests; false: that was so already.
func (s *server) drainLocked() bool {
	if s.draining.Load() {
		return false
	}
	s.graceEnd.Store(s.clock.after(int64(newDrainGrace)))
	s.draining.Store(true)
	close(s.stop)
	return true
}

// drain has an idle connection look whether it is to be closed. One that is in a request finds out by itself.
func (c *conn) drain() {
	if c.idle.Load() {
		c.io.interrupt()
	}
}

func (s *server) close() error {
	s.mu.Lock()
	s.drainLocked()
	s.closed.Store(true)
	err := s.closeListenersLocked()
	for nc := range s.refused {
		_ = nc.Close()
	}
	s.mu.Unlock()
	for c := range s.all() {
		c.io.abort()
	}
	return err
}

func (s *server) closeListenersLocked() error {
	var err error
	for l := range s.listeners {
		if e := l.Close(); e != nil && err == nil {
			err = e
		}
	}
	s.lookLocked()
	return err
}

// whenEmpty returns a channel that is closed when there is no connection left.
func (s *server) whenEmpty() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.emptyLocked() {
		none := make(chan struct{})
		close(none)
		return none
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	return s.empty
}

// all yields the connections of this moment; no lock is held meanwhile.
func (s *server) all() func(yield func(*conn) bool) {
	return func(yield func(*conn) bool) {
		s.mu.Lock()
		workers := s.workers
		s.mu.Unlock()
		for _, w := range workers {
			w.mu.Lock()
			conns := make([]*conn, 0, len(w.conns))
			for c := range w.conns {
				conns = append(conns, c)
			}
			w.mu.Unlock()
			for _, c := range conns {
				if !yield(c) {
					return
				}
			}
		}
	}
}
