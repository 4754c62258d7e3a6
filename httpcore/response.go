package httpcore

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

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
	continued     bool // 100 Continue was sent
	hijacked      bool
	done          bool
	hasDeadline   bool // the handler has set one

	// What the handler's header fields, which are serialised already, said.
	hasDate, hasContentType, hasEncoding bool
	trailers                             []string // announced names, canonical
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

// inform sends an informational response.
func (w *response) inform(status int) {
	if w.x.head.Minor == 0 {
		return // RFC 9110, 15.2: HTTP/1.0 knows no 1xx
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
	c.out = append(c.out, '\r', '\n')
	w.continued = w.continued || status == http.StatusContinue
	c.flush()
}

// writeHeader takes the status and serialises the header as it is now: later changes are too late.
func (w *response) writeHeader(status int) {
	w.wroteHeader = true
	x := w.x
	x.status = status
	head := http1.AppendStatusLine(x.responseHead[:0], status)
	for _, line := range w.header["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			w.trailers = append(w.trailers, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	for name, values := range w.header {
		if !w.takeField(name, values) {
			continue
		}
		for _, v := range values {
			head = http1.AppendField(head, name, v)
		}
	}
	x.responseHead = head
	if x.head.ExpectContinue && !w.continued {
		if some, _ := w.h.body.left(); some {
			x.keepAlive = false // the client may or may not send the body that nobody asked for
		}
	}
}

// takeField notes what a field says about the response, and reports whether it is sent as it is.
func (w *response) takeField(name string, values []string) bool {
	status := w.x.status
	switch name {
	case "Content-Length":
		if len(values) > 0 && statusAllowsBody(status) {
			if n, err := strconv.ParseInt(values[0], 10, 64); err == nil && n >= 0 {
				w.contentLength = n
			}
		}
		return false
	case "Transfer-Encoding":
		return false
	case "Content-Type":
		w.hasContentType = true
		return status != http.StatusNotModified
	case "Content-Encoding":
		w.hasEncoding = len(values) > 0 && values[0] != ""
	case "Date":
		w.hasDate = true
	case "Connection":
		return w.takeConnection(values)
	}
	if len(w.trailers) > 0 {
		for _, t := range w.trailers {
			if t == name {
				return false
			}
		}
	}
	return !strings.HasPrefix(name, http.TrailerPrefix)
}

// takeConnection leaves out what the server says by itself.
func (w *response) takeConnection(values []string) bool {
	if len(values) != 1 {
		return true
	}
	switch v := values[0]; {
	case strings.EqualFold(v, "close"):
		w.x.keepAlive = false
		return false
	case strings.EqualFold(v, "keep-alive"):
		return false
	}
	return true
}

// Write implements [io.Writer]. It fails with http.ErrBodyNotAllowed, http.ErrContentLength, http.ErrHijacked or
// the error of the socket.
func (w *response) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.beforeWrite(len(p)); err != nil || w.x.isHead {
		return ifNoError(len(p), err)
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
	if err := w.beforeWrite(len(s)); err != nil || w.x.isHead {
		return ifNoError(len(s), err)
	}
	if w.fits(len(s)) {
		w.buf = append(w.buf, s...)
		return len(s), nil
	}
	return w.send([]byte(s))
}

func ifNoError(n int, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return n, nil
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

// commit completes the head and puts it into out. final: what is in the buffer is the whole body.
func (w *response) commit(final bool, body []byte) {
	c, x := w.c, w.x
	if _, drainable := w.h.body.left(); !drainable {
		x.keepAlive = false
	}
	head := x.responseHead
	allowed := statusAllowsBody(x.status)
	if !w.hasContentType && !w.hasEncoding && allowed && len(body) > 0 {
		head = http1.AppendField(head, "Content-Type", http.DetectContentType(body))
	}
	switch {
	case !allowed:
	case w.contentLength >= 0:
		head = appendContentLength(head, w.contentLength)
	case final && (!x.isHead || w.written > 0):
		w.contentLength = w.written
		head = appendContentLength(head, w.written)
	case x.isHead && final:
	case x.head.Minor == 0:
		x.keepAlive = false
	default:
		w.chunked = true
		head = append(head, "Transfer-Encoding: chunked\r\n"...)
	}
	if !w.hasDate {
		head = c.appendDate(head)
	}
	if x.status != http.StatusSwitchingProtocols {
		head = c.appendConnection(head, x)
	}
	x.responseHead = append(head, '\r', '\n')
	x.headSent = true
	c.out = append(c.out, x.responseHead...)
}

func (w *response) hasTrailers() bool {
	if len(w.trailers) > 0 {
		return true
	}
	for name := range w.header {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

// send hands out, the buffer and p to the kernel.
func (w *response) send(p []byte) (int, error) {
	c, x := w.c, w.x
	if len(c.pending) > 0 && !c.flush() {
		return 0, c.broken
	}
	if !x.headSent {
		first := w.buf
		if len(first) == 0 {
			first = p
		}
		w.commit(false, first)
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
		c.writeFailed(err)
		c.blame(x)
		return 0, err
	}
	x.answered = true
	if x.phases.FirstResponseByte == 0 {
		x.phases.FirstResponseByte = c.clock()
	}
	return len(p), nil
}

var crlf = []byte("\r\n")

// ReadFrom implements [io.ReaderFrom]: the body of a declared length that comes from a file or a socket is sent
// without passing through this process, where the system can (sendfile, splice).
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	if n, ok, err := w.trySendFile(src); ok {
		return n, err
	}
	buf := buffers.get(32 << 10)
	defer buffers.put(buf)
	return io.CopyBuffer(writerOnly{w}, src, buf)
}

type writerOnly struct{ io.Writer }

// trySendFile sends src whole when it is known not to be longer than what is missing of the Content-Length.
func (w *response) trySendFile(src io.Reader) (n int64, ok bool, err error) {
	limited, isLimited := src.(*io.LimitedReader)
	if !isLimited || limited.N < minBuffer {
		return 0, false, nil
	}
	if _, isFile := limited.R.(*os.File); !isFile || w.c.tls != nil {
		return 0, false, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.beforeWrite(0); err != nil || w.x.isHead || !statusAllowsBody(w.x.status) || !w.hasContentType {
		return 0, false, nil
	}
	if w.contentLength < 0 || w.written+limited.N > w.contentLength {
		return 0, false, nil
	}
	if _, err := w.send(nil); err != nil {
		return 0, true, err
	}
	n, err = w.c.io.readFrom(limited)
	w.written += n
	w.x.bytesSent += n
	if err != nil {
		w.c.writeFailed(err)
		w.c.blame(w.x)
	}
	return n, true, err
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
	if w.contentLength < 0 || w.written < w.contentLength {
		w.c.emitStreamOpened(w.x)
	}
	_, err := w.send(nil)
	return err
}

// beforeRead sends what the client may be waiting for before the server waits for the client: earlier responses,
// 100 Continue.
func (w *response) beforeRead() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.c
	if !w.done && w.x.head.ExpectContinue && !w.continued && !w.wroteHeader {
		w.continued = true
		c.out = append(c.out, "HTTP/1.1 100 Continue\r\n\r\n"...)
	}
	if len(c.out) > 0 && !c.flush() {
		return c.broken
	}
	return nil
}

// finish ends the response when the handler has returned.
func (w *response) finish(panicked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	defer w.dropBuffer()
	if w.hasDeadline {
		w.c.io.(deadliner).clearUserDeadlines()
	}
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
	if x.status >= 400 && w.h.ctx.gone.Load() {
		x.gone = errClientGone // what failed, failed because the client had left; it is told all the same
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
	w.x.failure, w.x.keepAlive, w.c.closing = why, false, true
}

// complete puts what is missing of the response into out.
func (w *response) complete() {
	c, x := w.c, w.x
	if !x.headSent {
		w.commit(!w.hasTrailers() || x.head.Minor == 0, w.buf)
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
		w.appendTrailers()
		c.out = append(c.out, crlf...)
	}
}

func (w *response) appendTrailers() {
	c := w.c
	for _, name := range w.trailers {
		for _, v := range w.header[name] {
			c.out = http1.AppendField(c.out, name, v)
		}
	}
	for name, values := range w.header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			for _, v := range values {
				c.out = http1.AppendField(c.out, name, v)
			}
		}
	}
}

func (w *response) dropBuffer() {
	if w.buf != nil {
		buffers.put(w.buf[:cap(w.buf)])
		w.buf = nil
	}
}
