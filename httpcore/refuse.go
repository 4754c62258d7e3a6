package httpcore

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// A connection that is accepted only to be refused is told so, and reported as ConnectionRejected. Usually that is done with
// patience (refuseConn); when descriptors are short, quickly and without another one (turnAway).

// maxRefusing bounds how many refused connections are told so at the same time; the rest are just closed.
const maxRefusing = 64

// refuseConn tells a connection that it is one too many. With TLS that is told by its end.
func (s *server) refuseConn(c *conn, nc net.Conn, code string, secure bool) {
	status := http.StatusServiceUnavailable
	if secure || !s.mayTell(nc) {
		status = 0
	}
	s.emitRejected(c, status, code)
	if status == 0 {
		_ = nc.Close()
		c.tellClosed(code)
		return
	}
	go s.tell(c, nc, code)
}

func (s *server) emitRejected(c *conn, status int, code string) {
	if c.collector == nil {
		return
	}
	c.collector.Record(&lifecycle.ConnectionRejected{
		Stamp: c.stamp(lifecycle.MonotonicNS()), Peers: c.peers, Status: status, Code: code,
	})
}

// mayTell notes a connection that is refused; false: it is to be closed without a word.
func (s *server) mayTell(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() || len(s.refused) >= maxRefusing {
		return false
	}
	s.refused[nc] = struct{}{}
	return true
}

// tell answers a connection that mayTell has noted, and closes it.
func (s *server) tell(c *conn, nc net.Conn, code string) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.refused, nc)
		s.goneLocked()
	}()
	_ = nc.SetWriteDeadline(time.Now().Add(lingerQuiet))
	_, err := io.WriteString(nc, s.refusalOf(code))
	so := &socket{low: &lowConn{Conn: nc}}
	so.top = so.low
	so.close(err == nil)
	c.tellClosed(code)
}

var refusedReason = map[string]string{
	codeTooManyConnections: "the server has as many connections as it may",
	codeTooManyBlocked:     "the server has as many requests in progress as it may",
	codeDraining:           "the server is shutting down",
	codeNoDescriptor:       "the server has no descriptor left",
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
	defer c.tellClosed(code)
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
