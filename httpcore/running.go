package httpcore

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/lifecycle/instrument"
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

	draining atomic.Bool  // no connections but those that are queued, no further requests
	graceEnd atomic.Int64 // until when new connections may begin a request although the server drains; coarse time
	looksEnd time.Time    // until when queued connections are looked for; set before draining
	closed   atomic.Bool  // no connections at all
	open     atomic.Int64

	starting    sync.Once // of the workers
	startFailed error     // what starting has come to; written with mu held

	reserve    reserve
	complaints complaints

	mu         sync.Mutex
	epoll      *epollEngine // the latest one; nil before the first
	listeners  map[net.Listener]struct{}
	intakes    map[*intake]struct{}
	certs      map[*Certificate]string // with the error that was logged last of each
	ticking    bool
	onShutdown []func()
	notClosed  error                 // of the first listener that failed to close
	stopping   int                   // calls of OnWorkerStop in progress
	refused    map[net.Conn]struct{} // connections that are being told that there are too many
	stop       chan struct{}         // closed when the server drains
	freed      chan struct{}         // closed when a connection is gone; nil unless an intake waits for a descriptor
	empty      chan struct{}         // closed when the last connection is gone; nil unless Shutdown waits
}

// worker is a set of connections with a number. Which one a connection belongs to is settled when it is accepted.
type worker struct {
	id      int
	mu      sync.Mutex
	conns   map[*conn]struct{}
	count   atomic.Int64
	started bool // OnWorkerStart was called, and OnWorkerStop was not; server.mu guards it
}

func newServer() *server {
	s := &server{
		listeners: make(map[net.Listener]struct{}),
		intakes:   make(map[*intake]struct{}),
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
	if !s.addListener(l, cert) {
		_ = l.Close()
		return ErrServerClosed
	}
	defer s.removeListener(l, cert)
	s.reserve.open()
	defer s.reserve.close()

	if err := s.startWorkers(); err != nil {
		return err
	}
	ctx := context.Background()
	if s.set.baseContext != nil {
		if ctx = s.set.baseContext(listener); ctx == nil {
			panic("httpcore: BaseContext returned nil")
		}
	}
	ctx = context.WithValue(ctx, http.ServerContextKey, s.facade)
	if s.set.hooks != nil {
		ctx = instrument.NewContext(ctx, instrument.Compose(instrument.FromContext(ctx), s.set.hooks))
	}
	e, err := s.engineFor(listener, config)
	if err != nil {
		return err
	}
	defer e.release()
	return s.accept(ctx, l, e)
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

// removeListener closes a listener that is not accepted from any longer.
func (s *server) removeListener(l net.Listener, cert *Certificate) {
	err := l.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	delete(s.certs, cert)
	if s.notClosed == nil && !errors.Is(err, net.ErrClosed) { // whoever made it may have closed it
		s.notClosed = err
	}
	s.goneLocked()
}

// enter registers a connection; false: there are too many, or it is too late.
func (s *server) enter(c *conn, late bool) (ok bool, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case late, s.closed.Load():
		return false, codeDraining
	case s.reserve.away.Load():
		return false, codeNoDescriptor
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
	if s.freed != nil {
		close(s.freed)
		s.freed = nil
	}
	s.goneLocked()
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
