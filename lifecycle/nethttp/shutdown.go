package nethttp

import (
	"context"
	"sync"
)

// Shutdown is [http.Server.Shutdown], which is not to be called itself: net/http does not wait for the goroutines of the
// connections that were idle, which have their ends still to report. When it returns nil, the collector knows of the end of every
// connection that no handler has taken over, and may be shut down. It returns the error of ctx when that ends first.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.attached == nil {
		return s.Server.Shutdown(ctx)
	}
	s.attached.draining.Store(true)
	err := s.Server.Shutdown(ctx)
	if waited := s.attached.unreported.wait(ctx); err == nil {
		err = waited
	}
	return err
}

// census counts connections.
type census struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when there are none any more; nil while nobody waits for it
}

func (c *census) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}

func (c *census) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 && c.none != nil {
		close(c.none)
		c.none = nil
	}
}

// wait waits until there are none, or returns the error of ctx.
func (c *census) wait(ctx context.Context) error {
	none := c.untilNone()
	if none == nil {
		return nil
	}
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// untilNone returns what is closed when there are none; nil: there are none.
func (c *census) untilNone() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n > 0 && c.none == nil {
		c.none = make(chan struct{})
	}
	return c.none
}
