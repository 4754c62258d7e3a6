package httpcore

import (
	"sync"
	"syscall"
	"time"
)

// The pause after an accept that failed for want of something, doubled each time. It ends when a connection does.
const (
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

const (
	// tellEvery is how often one of the clients that wait is told, while descriptors are short; tellTime is how long one
	// may take to listen.
	tellEvery = 100 * time.Millisecond
	tellTime  = 100 * time.Millisecond
	// complainEvery is how often a failing accept is logged.
	complainEvery = time.Second
)

// The errors of accept that say that the process, or the system, has no descriptor left, or no memory.
var (
	noDescriptor = [...]error{syscall.EMFILE, syscall.ENFILE}
	noMemory     = [...]error{syscall.ENOBUFS, syscall.ENOMEM}
)

// isTemporary reports whether an accept may go better in a while.
func isTemporary(err error) bool {
	if t, ok := err.(interface{ Temporary() bool }); ok && t.Temporary() {
		return true
	}
	return isOneOf(err, noDescriptor[:]) || isOneOf(err, noMemory[:])
}

// wait lets some time pass after an accept that failed with err, unless a connection ends, whose descriptor the next one
// may have, or the server begins to drain. Where descriptors are short, it tells one client that waits.
func (t *intake) wait(err error) {
	s := t.server
	t.pause = min(max(2*t.pause, minAcceptPause), maxAcceptPause)
	if isOneOf(err, noDescriptor[:]) && s.reserve.lend(func() bool { return t.turnAway(codeNoDescriptor) }) {
		t.pause = min(t.pause, tellEvery) // there may be more who wait
	}
	s.complaints.print(s, err, t.pause)
	timer := time.NewTimer(t.pause)
	defer timer.Stop()
	stop := s.stop
	if s.draining.Load() {
		stop = nil
	}
	select {
	case <-timer.C:
	case <-t.freed:
	case <-stop:
	}
	t.freed = s.whenFreed()
}

// whenFreed returns a channel that is closed when a connection is gone.
func (s *server) whenFreed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.freed == nil {
		s.freed = make(chan struct{})
	}
	return s.freed
}

// complaints keep the log to one line a complainEvery.
type complaints struct {
	mu   sync.Mutex
	next time.Time
}

func (c *complaints) print(s *server, err error, pause time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); !now.Before(c.next) {
		c.next = now.Add(complainEvery)
		s.set.errorLog.Printf("http: accept: %v; trying again in %v", err, pause)
	}
}
