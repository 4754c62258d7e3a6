package httpcore

import (
	"context"
	"time"
)

// A drain goes in this order. Idle connections are closed at once. Each listening socket takes what its queue holds, for a
// client of the queue has its connection already and would be reset; then all of the listener are closed together. A
// connection that is new has a while for its first request. A request under way gets its response, with Connection: close.
// Streams are last: nothing but Close, and their handlers, ends them.

const (
	// newDrainGrace is how long a connection that has not sent anything yet may still begin a request when the server
	// drains, from its own beginning or the drain's: its client may have sent it already.
	newDrainGrace = int64(time.Second)
	// A queue counts as empty when so many looks of this length in a row have found nothing. That leaves a handshake that
	// has begun the time to end, too.
	drainLooks = 2
	drainLook  = 25 * time.Millisecond
	// maxDrainLooks bounds all this while there are always new connections.
	maxDrainLooks = time.Second
	// sweepLook and maxSweep bound the very last look, just before the socket is closed.
	sweepLook = time.Millisecond
	maxSweep  = 1 << 10
)

// startDraining takes no more connections but those that wait, and no further requests.
func (s *server) startDraining() {
	s.mu.Lock()
	first := s.drainLocked()
	calls := s.onShutdown
	for t := range s.intakes {
		t.hurry()
	}
	s.goneLocked()
	s.mu.Unlock()
	if first {
		for _, f := range calls {
			go f()
		}
	}
	for c := range s.all() {
		c.drain()
	}
}

// drainLocked says that the server drains; false: that was so already.
func (s *server) drainLocked() bool {
	if s.draining.Load() {
		return false
	}
	s.graceEnd.Store(s.clock.after(newDrainGrace))
	s.looksEnd = time.Now().Add(maxDrainLooks)
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

// hurry ends the accept in progress of a server that drains.
func (t *intake) hurry() {
	if !t.until(longAgo) {
		_ = t.listener.Close()
	}
}

// goOn reports whether t is to accept once more, after so many looks in a row that have found nothing. When the server
// drains, it bounds the next look.
func (s *server) goOn(t *intake, looks int) bool {
	switch {
	case s.closed.Load():
		return false
	case !s.draining.Load():
		return true
	}
	now := time.Now()
	return looks < drainLooks && now.Before(s.looksEnd) && t.until(now.Add(drainLook))
}

// sweep takes what has come since the looks of a socket have ended, when those of all its listener have.
func (t *intake) sweep() {
	s := t.server
	for range maxSweep {
		if !s.draining.Load() || s.closed.Load() || !t.until(time.Now().Add(sweepLook)) || t.accept(t.to) != nil {
			return
		}
	}
}

// shutdown drains, and waits until nothing is left.
func (s *server) shutdown(ctx context.Context) error {
	s.startDraining()
	select {
	case <-s.whenEmpty():
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notClosed
}

// idle reports whether every connection waits for the first byte of a request.
func (s *server) idle() bool {
	for c := range s.all() {
		if !c.idle.Load() {
			return false
		}
	}
	return true
}

// close ends the server at once.
func (s *server) close() error {
	s.mu.Lock()
	s.drainLocked()
	s.closed.Store(true)
	err := s.closeListenersLocked()
	for nc := range s.refused {
		_ = nc.Close()
	}
	s.goneLocked()
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

// whenEmpty returns a channel that is closed when nothing is left of a server that drains.
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

// goneLocked stops the workers of which nothing is left, and tells Shutdown when nothing is left at all.
func (s *server) goneLocked() {
	s.stopWorkersLocked()
	if s.empty != nil && s.emptyLocked() {
		close(s.empty)
		s.empty = nil
	}
}

func (s *server) emptyLocked() bool {
	return s.open.Load() == 0 && len(s.refused) == 0 && len(s.listeners) == 0 && s.stopping == 0
}

func (s *server) onShutdownCall(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onShutdown = append(s.onShutdown, f)
}
