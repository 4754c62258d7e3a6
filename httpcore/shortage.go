package httpcore

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
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

// reserve is a descriptor that is kept for the time when there is no other: given back, it lets one client be accepted, and
// told.
type reserve struct {
	// away is true while the descriptor is not held. What is accepted then may have it, and is turned away, too.
	away atomic.Bool

	mu    sync.Mutex
	users int // Serves that have it open
	file  *os.File
	next  time.Time // when somebody may be told again
}

// open opens the reserve for one more Serve.
func (r *reserve) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users++
	r.openLocked()
}

// close is the end of what open has begun.
func (r *reserve) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users--; r.users == 0 {
		r.closeLocked()
		r.away.Store(false)
	}
}

// reopen has the reserve back if it was away and there is a descriptor.
func (r *reserve) reopen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users > 0 {
		r.openLocked()
	}
}

func (r *reserve) openLocked() {
	if r.file == nil {
		file, err := os.Open(os.DevNull)
		r.file = file
		r.away.Store(isOneOf(err, noDescriptor[:])) // where there is no such file, there is no reserve
	}
}

func (r *reserve) closeLocked() {
	if r.file != nil {
		r.away.Store(true)
		_ = r.file.Close()
		r.file = nil
	}
}

// lend calls use while the reserve's descriptor is free. True: use has had a use for it, or it is too early for that.
func (r *reserve) lend(use func() bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.openLocked()
	switch {
	case r.file == nil:
		return false
	case time.Now().Before(r.next):
		return true
	}
	r.closeLocked()
	defer r.openLocked()
	if !use() {
		return false
	}
	r.next = time.Now().Add(tellEvery)
	return true
}

// listening is a connection that can be told something.
type listening interface {
	io.ReadWriteCloser
	CloseWrite() error
	SetDeadline(t time.Time) error
}

// turnAway tells a connection why it is not served, and closes it, all without another descriptor. With TLS it is told by
// its end.
func (s *server) turnAway(c *conn, to io.Closer, code string) {
	defer to.Close()
	listens, ok := to.(listening)
	if !ok {
		s.emitRejected(c, 0, code)
		return
	}
	s.emitRejected(c, http.StatusServiceUnavailable, code)
	if listens.SetDeadline(time.Now().Add(tellTime)) != nil {
		return
	}
	_, err := io.WriteString(listens, s.refusalOf(code))
	if err == nil && listens.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{listens}) // what it has sent would draw a reset, see lingerTime
	}
}

// giveBack is turnAway for a connection that was accepted with the reserve's descriptor by somebody whom that was not lent
// to.
func (s *server) giveBack(c *conn, to io.Closer) {
	s.turnAway(c, to, codeNoDescriptor)
	s.reserve.reopen()
}

// refusalOf is what a connection that is not served is told.
func (s *server) refusalOf(code string) string {
	body := "503 Service Unavailable: " + refusedReason[code] + "\n"
	return "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nX-Wirespan-Error: " + code +
		"\r\nRetry-After: 1\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nDate: " + s.clock.date() + "\r\nConnection: close\r\n\r\n" + body
}
