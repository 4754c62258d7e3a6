package httpcore

import (
	"errors"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
	"github.com/wirespan/wirespan/lifecycle"
)

// What the server answers by itself. Every such answer is text/plain, names its code in X-Wirespan-Error,
// closes the connection and is reported as a RequestFailed.

var errBodyTooLarge = &http.MaxBytesError{}

// rejectHead answers a head that was refused: the request never started.
func (c *conn) rejectHead(why refusal) {
	x := c.x
	c.idle.Store(false)
	c.deadline.Store(0)
	x.isHead = x.request.Method == http.MethodHead
	c.identify(x, false)
	c.answer(x, why)
	c.answered(x)
}

// failUnanswered records a request that ended before there was anybody or anything to answer.
func (c *conn) failUnanswered(why refusal) {
	x := c.x
	x.failure = why
	c.identify(x, false)
	c.answered(x)
}

// answer builds the response of a refusal in out. Whatever the exchange had of a response must not have been sent.
func (c *conn) answer(x *exchange, why refusal) {
	x.failure = why
	x.status = why.status
	x.keepAlive = false
	c.closing, c.linger = true, true

	body := strconv.Itoa(why.status) + " " + http.StatusText(why.status) + ": " + why.reason + "\n"
	h := http1.AppendStatusLine(x.responseHead[:0], why.status)
	h = append(h, "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"...)
	h = http1.AppendField(h, "X-Wirespan-Error", why.code)
	if why.status == http.StatusServiceUnavailable {
		h = append(h, "Retry-After: 1\r\n"...)
	}
	h = appendContentLength(h, int64(len(body)))
	h = c.appendTraceFields(h, x)
	h = c.appendDate(h)
	h = c.appendConnection(h, x)
	x.responseHead = append(h, '\r', '\n')
	x.headSent = true
	c.out = append(c.out, x.responseHead...)
	if !x.isHead {
		c.out = append(c.out, body...)
		x.unsent = int64(len(body))
	}
}

// recovered takes what a handler panicked with, nil for a call of runtime.Goexit, and answers 500 when nothing of a
// response was sent. After that only the end of the connection can tell the client.
func (c *conn) recovered(x *exchange, value any) {
	why := refusal{status: 500, code: codePanic, reason: "the handler failed"}
	switch {
	case value == nil:
		why.err = errGoexit
	case isAbort(value):
		why.code, why.err = codeAborted, http.ErrAbortHandler
		x.failure, x.keepAlive, c.closing = why, false, true
		return
	default:
		stack := debug.Stack()
		why.err = &lifecycle.PanicError{Value: value, Stack: stack}
		c.set.errorLog.Printf("http: panic serving %s: %v\n%s", c.remoteAddr, value, stack)
	}
	if x.headSent || c.hijacked {
		x.failure, x.keepAlive, c.closing = why, false, true
		return
	}
	x.unsent = 0
	c.answer(x, why)
}

func isAbort(value any) bool {
	err, ok := value.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

func appendContentLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '\r', '\n')
}

func (c *conn) appendDate(dst []byte) []byte {
	dst = append(dst, "Date: "...)
	dst = append(dst, c.server.clock.date()...)
	return append(dst, '\r', '\n')
}

// appendConnection says what becomes of the connection where that is not the default of the client's version.
func (c *conn) appendConnection(dst []byte, x *exchange) []byte {
	if x.keepAlive && c.server.draining.Load() {
		x.keepAlive = false
		c.reason = lifecycle.ReasonDrain
	}
	switch {
	case !x.keepAlive:
		return append(dst, "Connection: close\r\n"...)
	case x.head.Minor == 0:
		return append(dst, "Connection: keep-alive\r\n"...)
	}
	return dst
}

func statusAllowsBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// unwound completes a request whose handler ended its goroutine (runtime.Goexit): nothing after the handler has run.
func (c *conn) unwound() {
	x := c.x
	if x == nil || x.failure.code == "" {
		return
	}
	c.unread(c.watcher.stop())
	if h := c.h; h != nil {
		h.ctx.finish()
		if h.body != nil {
			h.body.finish()
		}
		h.response.finish(true)
	}
	c.answered(x)
}

// unwoundHijacked is unwound for a handler that had taken the connection over: its return never came.
func (c *conn) unwoundHijacked() {
	if h := c.h; h != nil {
		c.h = nil
		h.ctx.finish()
		h.hijacked.leave()
	}
}
