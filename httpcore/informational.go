package httpcore

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
)

// inform sends an informational response, with the header as it is now.
func (w *response) inform(status int) {
	if w.x.head.Minor == 0 {
		return // RFC 9110, 15.2: HTTP/1.0 knows no 1xx
	}
	if !w.flushEarlier() {
		return
	}
	w.expected.mu.Lock()
	defer w.expected.mu.Unlock()
	if status == http.StatusContinue {
		w.expected.due.Store(false)
	}
	c := w.c
	c.out = http1.AppendStatusLine(c.out, status)
	for name, values := range w.header {
		if name == "Content-Length" || name == "Transfer-Encoding" {
			continue
		}
		for _, v := range values {
			c.out = http1.AppendField(c.out, name, v)
		}
	}
	c.out = append(c.out, crlf...)
	if !c.flush() {
		w.h.ctx.clientGone()
	}
}

// expectation is the 100 Continue that a client waits for before it sends the body (RFC 9110, 10.1.1). It is met when
// the handler first waits for the body, if nothing else was answered until then. It has a lock of its own, because the
// body may be read while a Write of the response is blocked.
type expectation struct {
	mu  sync.Mutex  // held while an informational response is written
	due atomic.Bool // the client waits
}

// meet sends 100 Continue when that is due.
func (e *expectation) meet(to stream) error {
	if !e.due.Load() {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.due.Swap(false) {
		return nil
	}
	_, err := to.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	return err
}

// settle rules 100 Continue out, because of a final response, and reports whether the client has been waiting for it.
func (e *expectation) settle() bool {
	if !e.due.Load() {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.due.Swap(false)
}
