package httpcore

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
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

// short are the errors of accept that say that the system, or the process, is short of something.
var short = [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}

// isTemporary reports whether an accept may go better in a while.
func isTemporary(err error) bool {
	if t, ok := err.(interface{ Temporary() bool }); ok && t.Temporary() {
		return true
	}
	return isOneOf(err, short[:])
}

// wait lets some time pass after an accept that failed with err, unless a connection ends, whose descriptor the next one
// may have, or the server begins to drain. Where descriptors are short, it tells one client that waits.
func (t *intake) wait(err error) {
	s := t.server
	t.pause = min(max(2*t.pause, minAcceptPause), maxAcceptPause)
	told := (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) &&
		s.reserve.lend(func() bool { return t.turnAway(codeNoDescriptor) })
	if told {
		t.pause = min(t.pause, tellEvery) // there may be more
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
	mu    sync.Mutex
	users int      // Serves that have it open
	file  *os.File // nil: closed, or somebody else was quicker to have its descriptor
	next  time.Time
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
	}
}

func (r *reserve) openLocked() {
	if r.file == nil {
		r.file, _ = os.Open(os.DevNull) // if there is none, lend tries again
	}
}

func (r *reserve) closeLocked() {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
}

// lend calls use while the reserve's descriptor is free, unless it was called a moment ago, and returns what use returns.
func (r *reserve) lend(use func() bool) bool {
	if !r.mu.TryLock() {
		return false // it is lent
	}
	defer r.mu.Unlock()
	r.openLocked()
	now := time.Now()
	if r.file == nil || now.Before(r.next) {
		return false
	}
	r.next = now.Add(tellEvery)
	r.closeLocked()
	defer r.openLocked()
	return use()
}

// listening is a connection that can be told something.
type listening interface {
	io.ReadWriteCloser
	CloseWrite() error
	SetDeadline(t time.Time) error
}

// turnAway tells a connection why it is not served, and closes it, all without another descriptor.
func (s *server) turnAway(c *conn, to listening, code string) {
	s.emitRejected(c, http.StatusServiceUnavailable, code)
	defer to.Close()
	if to.SetDeadline(time.Now().Add(tellTime)) != nil {
		return
	}
	_, err := io.WriteString(to, s.refusalOf(code))
	if err == nil && to.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{to}) // what it has sent would draw a reset, see lingerTime
	}
}

// refusalOf is what a connection that is not served is told.
func (s *server) refusalOf(code string) string {
	body := "503 Service Unavailable: " + refusedReason[code] + "\n"
	return "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nX-Wirespan-Error: " + code +
		"\r\nRetry-After: 1\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nDate: " + s.clock.date() + "\r\nConnection: close\r\n\r\n" + body
}

// turnAway implements [acceptor]. With TLS, a connection is told by its end.
func (g *goroutineSource) turnAway(code string) bool {
	if !g.until(time.Now().Add(sweepLook)) {
		return false
	}
	defer g.until(time.Time{})
	nc, err := g.l.Accept()
	if err != nil {
		return false
	}
	c := newConn(g.server, g.server.leastBusy())
	c.peers, _ = peersOf(nc.RemoteAddr(), nc.LocalAddr())
	if to, ok := nc.(listening); ok && g.config == nil {
		g.server.turnAway(c, to, code)
		return true
	}
	g.server.emitRejected(c, 0, code)
	_ = nc.Close()
	return true
}
