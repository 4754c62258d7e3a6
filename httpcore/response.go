package httpcore

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
)

var errHandlerReturned = errors.New("httpcore: the handler of this response has returned")

// response is the http.ResponseWriter of one request. The head is serialised when WriteHeader is called, but for what
// frames the body: that is known when the body outgrows its buffer, is flushed or is complete.
type response struct {
	mu sync.Mutex // a handler may have goroutines that outlive it; they find done

	c *conn
	x *exchange
	h *handling

	header        http.Header
	wroteHeader   bool
	contentLength int64 // as the handler declared it; -1: not
	written       int64 // body bytes that the handler wrote
	buf           []byte
	chunked       bool
	hijacked      bool
	done          bool

	// What the handler's header fields, which are serialised already, said.
	hasDate, hasContentType, hasEncoding, isIdentity bool
	trailers                                         []string // announced names, canonical
	reserved                                         reserved

	// What may be used while a Write holds mu, blocked by a client that does not read.
	expected   expectation
	deadlines  deadlines
	fullDuplex atomic.Bool
}

var (
	_ http.ResponseWriter = (*response)(nil)
	_ http.Flusher        = (*response)(nil)
	_ http.Hijacker       = (*response)(nil)
	_ io.ReaderFrom       = (*response)(nil)
	_ io.StringWriter     = (*response)(nil)
	_ http.CloseNotifier  = (*response)(nil) //nolint:staticcheck // frameworks still assert it
)

// Header implements [http.ResponseWriter].
func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

// WriteHeader implements [http.ResponseWriter]: a status of 1xx but 101 is sent at once and may be followed by another.
func (w *response) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic("invalid WriteHeader code " + strconv.Itoa(status))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.done || w.hijacked:
		w.c.set.errorLog.Printf("http: WriteHeader(%d) on a response that is no longer the handler's", status)
	case w.wroteHeader:
		w.c.set.errorLog.Printf("http: superfluous WriteHeader(%d) after WriteHeader(%d)", status, w.x.status)
	case status < 200 && status != http.StatusSwitchingProtocols:
		w.inform(status)
	default:
		w.writeHeader(status)
	}
}

// Write implements [io.Writer]. It fails with http.ErrBodyNotAllowed, http.ErrContentLength, http.ErrHijacked or
// the error of the socket.
func (w *response) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.beforeWrite(len(p)); err != nil {
		return 0, err
	}
	if w.x.isHead {
		w.keepFirst(p)
		return len(p), nil
	}
	if w.fits(len(p)) {
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	return w.send(p)
}

// WriteString implements [io.StringWriter].
func (w *response) WriteString(s string) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.beforeWrite(len(s)); err != nil {
		return 0, err
	}
	if !w.x.isHead && w.fits(len(s)) {
		w.buf = append(w.buf, s...)
		return len(s), nil
	}
	p := unsafe.Slice(unsafe.StringData(s), len(s)) // nobody writes to it
	if w.x.isHead {
		w.keepFirst(p)
		return len(s), nil
	}
	return w.send(p)
}

// beforeWrite checks that n more bytes of body may be written.
func (w *response) beforeWrite(n int) error {
	switch {
	case w.hijacked:
		return http.ErrHijacked
	case w.done:
		return errHandlerReturned
	}
	if !w.wroteHeader {
		w.writeHeader(http.StatusOK)
	}
	switch {
	case n == 0:
		return nil
	case !statusAllowsBody(w.x.status):
		return http.ErrBodyNotAllowed
	case w.contentLength >= 0 && w.written+int64(n) > w.contentLength:
		w.x.keepAlive = false // whatever the rest was meant to be, nothing can follow it
		return http.ErrContentLength
	case w.c.broken != nil:
		return w.c.broken
	}
	w.written += int64(n)
	return nil
}

// fits reports whether n more bytes go into the buffer, which it provides.
func (w *response) fits(n int) bool {
	if w.buf == nil {
		if n > minBuffer {
			return false
		}
		w.buf = buffers.get(minBuffer)[:0]
	}
	return len(w.buf)+n <= cap(w.buf)
}

// send hands out, the buffer and p to the kernel.
func (w *response) send(p []byte) (int, error) {
	c, x := w.c, w.x
	if !w.flushEarlier() {
		return 0, c.broken
	}
	if !x.headSent {
		w.commit(false, p)
	}
	if x.isHead {
		w.buf = w.buf[:0] // was only for the Content-Type
	}
	var tail []byte
	size := len(w.buf) + len(p)
	if w.chunked && size > 0 {
		c.out = http1.AppendChunkHeader(c.out, size)
		tail = crlf
	}
	framing := len(c.out)
	c.out = append(c.out, w.buf...)
	w.buf = w.buf[:0]
	n, err := c.io.writev(c.out, p, tail)
	c.out = c.out[:0]
	x.bytesSent += min(max(n-int64(framing), 0), int64(size))
	if err != nil {
		w.failed(err)
		return 0, err
	}
	x.answered = true
	if x.phases.FirstResponseByte == 0 {
		x.phases.FirstResponseByte = c.clock()
	}
	return len(p), nil
}

var crlf = []byte("\r\n")

// flushEarlier sends what waits in front of this response: those to earlier, pipelined requests.
func (w *response) flushEarlier() bool {
	if len(w.c.pending) == 0 || w.c.flush() {
		return true
	}
	w.h.ctx.clientGone()
	return false
}

// flushHeld sends the responses to earlier requests that were to leave with this one: its handler is not quick, and may
// even wait for what the client does when it has them.
func (w *response) flushHeld() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.done && !w.hijacked {
		w.flushEarlier()
	}
}

// failed notes that nothing more can be sent. The handler finds its context ended.
func (w *response) failed(err error) {
	w.c.writeFailed(err)
	w.c.blame(w.x)
	w.h.ctx.clientGone()
}

// Flush implements [http.Flusher].
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is Flush for http.ResponseController.
func (w *response) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.beforeWrite(0); err != nil {
		return err
	}
	if w.c.broken != nil {
		return w.c.broken
	}
	if w.mayGoOn() {
		w.c.emitStreamOpened(w.x, false)
	}
	_, err := w.send(nil)
	return err
}

// mayGoOn reports whether more of the body may come.
func (w *response) mayGoOn() bool {
	return !w.x.isHead && statusAllowsBody(w.x.status) && (w.contentLength < 0 || w.written < w.contentLength)
}

// finish ends the response when the handler has returned.
func (w *response) finish(panicked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	defer w.dropBuffer()
	w.expected.settle()
	w.deadlines.end(w.c.io, errHandlerReturned)
	c, x := w.c, w.x
	if panicked || w.hijacked || c.broken != nil {
		return
	}
	if !w.wroteHeader {
		if b := w.h.body; b != nil && b.failure.code != "" {
			c.answer(x, b.failure)
			return
		}
		if w.h.ctx.gone.Load() {
			x.gone = errClientGone
			return
		}
		w.writeHeader(http.StatusOK)
	}
	if (x.status >= 400 || x.headSent) && w.h.ctx.gone.Load() {
		// What failed, failed because the client had left, and what was streamed ended for the same reason. A client that
		// has only shut its side down is told all the same.
		x.gone = errClientGone
	}
	if w.contentLength >= 0 && w.written < w.contentLength && !x.isHead && statusAllowsBody(x.status) {
		w.tooShort()
		return
	}
	w.complete()
}

var errClientGone = errors.New("the client closed the connection before it was answered")

// tooShort ends a response whose handler promised more than it wrote.
func (w *response) tooShort() {
	why := refusal{500, codeContentLengthMismatch, "the handler wrote less than it announced", errShortBody}
	if !w.x.headSent {
		w.c.answer(w.x, why)
		return
	}
	w.complete()
	w.x.failure, w.x.keepAlive, w.c.closing = why, false, true
}

// complete puts what is missing of the response into out.
func (w *response) complete() {
	c, x := w.c, w.x
	if !x.headSent {
		w.commit(!w.hasTrailers() || x.head.Minor == 0, nil)
	}
	if x.isHead || !statusAllowsBody(x.status) {
		return
	}
	if n := len(w.buf); n > 0 {
		if w.chunked {
			c.out = http1.AppendChunkHeader(c.out, n)
		}
		c.out = append(c.out, w.buf...)
		if w.chunked {
			c.out = append(c.out, crlf...)
		}
		x.unsent += int64(n)
	}
	if w.chunked {
		c.out = append(c.out, "0\r\n"...)
		c.out = w.appendTrailers(c.out)
		c.out = append(c.out, crlf...)
	}
}

func (w *response) dropBuffer() {
	if w.buf != nil {
		buffers.put(w.buf[:cap(w.buf)])
		w.buf = nil
	}
}
