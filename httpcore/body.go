package httpcore

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
)

// maxDrain is how much of a body that the handler left unread is read and thrown away to keep the connection.
const maxDrain = 256 << 10

// body is the body of a request, for its handler. A handler may read it from another goroutine, and even after it
// has returned: from then on every Read fails.
type body struct {
	mu sync.Mutex // held while reading

	c *conn
	x *exchange
	h *handling

	remaining int64 // of the Content-Length
	chunked   bool
	chunks    http1.Chunked
	data      []byte // decoded and not yet read: a view of the connection's buffer, which is not filled before it is read
	last      bool   // data is the last of it
	limit     int64  // how much more may come; -1: any
	max       int64

	received int64
	waitedNS int64   // how long Read has waited for bytes in all
	err      error   // sticky; io.EOF when the body is consumed
	failure  refusal // why the body cannot be had; the answer, unless the handler gives one
	closed   bool
	over     bool // the handler has returned: nothing but drain reads

	wake    sync.Mutex // guards the two below; mu is held through the wait that they end
	waiting bool       // Read waits for the client
	stopped bool       // and must not any longer
}

// newBody makes the body of a request that has one.
func newBody(h *handling) *body {
	c, x := h.response.c, h.response.x
	b := &body{c: c, x: x, h: h, remaining: x.head.ContentLength, chunked: x.head.Chunked, limit: -1}
	if b.chunked {
		b.chunks.Reset(c.set.limits)
		b.limit, b.max = c.set.maxBodyBytes, c.set.maxBodyBytes
	}
	return b
}

// Read implements [io.Reader]. It fails with io.ErrUnexpectedEOF when the body is cut short, with
// *http.MaxBytesError when it is too large and with http.ErrBodyReadAfterClose after the handler has returned.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.readLocked(p)
}

// Close implements [io.Closer]. It ends a Read that waits for the client in another goroutine. What was not read is
// dealt with when the handler has returned.
func (b *body) Close() error {
	b.takeFromReader()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// takeFromReader locks mu, which a Read that waits gives up.
func (b *body) takeFromReader() {
	if b.mu.TryLock() {
		return
	}
	b.wake.Lock()
	b.stopped = true
	if b.waiting {
		b.c.unwanted.Store(true)
		b.c.io.interrupt()
	}
	b.wake.Unlock()
	b.mu.Lock()
}

func (b *body) readLocked(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.readSome(p)
	b.received += int64(n)
	if b.limit >= 0 {
		b.limit -= int64(n)
	}
	if err != nil {
		b.err = err
		if err == io.EOF {
			b.c.watcher.bodyConsumed()
		}
	}
	return n, err
}

func (b *body) readSome(p []byte) (int, error) {
	if b.chunked {
		return b.readChunked(p)
	}
	if b.remaining < int64(len(p)) {
		p = p[:b.remaining]
	}
	n, err := b.readSized(p)
	b.remaining -= int64(n)
	if err == nil && b.remaining == 0 {
		err = io.EOF
	}
	return n, err
}

// readSized copies from the connection's buffer, or reads straight into p when that is empty and p is large.
func (b *body) readSized(p []byte) (int, error) {
	c := b.c
	if c.r == c.w {
		if len(p) >= minBuffer/4 {
			return b.wait(p)
		}
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buf[c.r:c.w])
	c.r += n
	return n, nil
}

func (b *body) readChunked(p []byte) (int, error) {
	for len(b.data) == 0 {
		if b.last {
			if !b.over {
				b.h.setTrailer(b.chunks.Trailer())
			}
			return 0, io.EOF
		}
		if err := b.nextChunk(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.data)
	if b.limit >= 0 && int64(n) > b.limit {
		return int(b.limit), b.tooLarge()
	}
	b.data = b.data[n:]
	return n, nil
}

// nextChunk decodes what the buffer holds into b.data, or reads more.
func (b *body) nextChunk() error {
	c := b.c
	if c.r < c.w {
		data, n, done, err := b.chunks.Next(c.buf[c.r:c.w])
		if err != nil {
			b.fail(refuse(err))
			return err
		}
		c.r += n
		b.data, b.last = data, done
		if n > 0 || done {
			return nil
		}
	}
	return b.fill()
}

func (b *body) tooLarge() error {
	err := &http.MaxBytesError{Limit: b.max}
	b.fail(refusal{status: 413, code: codeBodyTooLarge, reason: "the body of the request is too large", err: err})
	return err
}

// fill reads more into the connection's buffer.
func (b *body) fill() error {
	c := b.c
	n, err := b.wait(c.space())
	c.w += n
	return err
}

// wait reads into p once, within the limits on a body's pace, and after it has asked for the body where the client
// waits to be asked.
func (b *body) wait(p []byte) (int, error) {
	c := b.c
	if err := b.h.response.expected.meet(c.io); err != nil {
		return 0, b.cutShort(err)
	}
	if !b.startWaiting() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, late, err := c.readPaced(p, b.received, &b.waitedNS)
	stopped := b.endWaiting()
	switch {
	case err == nil:
		return n, nil
	case stopped:
		return 0, http.ErrBodyReadAfterClose
	case late != nil:
		b.fail(*late)
		return 0, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, err
	}
	return 0, b.cutShort(err)
}

// startWaiting notes that Read waits; false: nobody wants the bytes any longer.
func (b *body) startWaiting() bool {
	b.wake.Lock()
	defer b.wake.Unlock()
	b.waiting = !b.stopped
	return b.waiting
}

// endWaiting reports whether the wait was made to end.
func (b *body) endWaiting() (stopped bool) {
	b.wake.Lock()
	defer b.wake.Unlock()
	b.waiting = false
	b.c.unwanted.Store(false)
	return b.stopped
}

func (b *body) cutShort(err error) error {
	why := b.c.bodyCutShort(err)
	b.fail(why)
	return why.err
}

// bodyCutShort is the refusal of a request whose body did not come whole because reading it failed.
func (c *conn) bodyCutShort(err error) refusal {
	if c.server.closed.Load() {
		return refusal{503, codeWriteCanceled, "the server closed the connection", errClosed}
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return refusal{400, codeBodyCutShort, "the body of the request ended too early", err}
}

// fail notes why the body cannot be had: the connection is not used again, and if the handler answers
// nothing, the server does.
func (b *body) fail(why refusal) {
	b.failure = why
	if why.code == codeBodyCutShort || why.code == codeWriteCanceled {
		b.h.ctx.clientGone()
	}
}

// finish takes the body from the handler. A Read that is still under way in another goroutine is interrupted.
func (b *body) finish() {
	b.takeFromReader()
	defer b.mu.Unlock()
	b.wake.Lock()
	b.stopped = false
	b.wake.Unlock()
	b.closed, b.over = true, true
	b.x.received = b.received
	if b.failure.code != "" {
		b.c.linger = true
		b.c.inputEnded = b.failure.code == codeBodyCutShort
	}
	b.settle()
}

// settle decodes what is left of the framing when all of the content was read, so that a handler that stopped at the
// end of the content leaves nothing.
func (b *body) settle() {
	c := b.c
	if !b.chunked || b.err != nil || len(b.data) > 0 || b.last || c.r == c.w {
		return
	}
	data, n, done, err := b.chunks.Next(c.buf[c.r:c.w])
	if err != nil {
		b.err = err
		b.fail(refuse(err))
		return
	}
	c.r += n
	b.data, b.last = data, done
}

// left reports whether any of the body has not been read, and whether it is little enough to be drained. While another
// goroutine reads, it is taken for little. There may be none: b may be nil.
func (b *body) left() (some, drainable bool) {
	if b == nil || !b.mu.TryLock() {
		return false, true
	}
	defer b.mu.Unlock()
	switch {
	case b.err == io.EOF:
		return false, true
	case b.err != nil:
		return true, false
	case b.chunked:
		return !b.last || len(b.data) > 0, true
	}
	return b.remaining > 0, b.remaining <= maxDrain
}

// drain reads the rest of a body that the handler has left; false: the connection cannot be used again.
func (b *body) drain() bool {
	scratch := buffers.get(minBuffer)
	defer buffers.put(scratch)
	for left := maxDrain; left >= 0; { // the end of what is just little enough is asked for at 0
		n, err := b.readLocked(scratch)
		if err != nil {
			return err == io.EOF
		}
		left -= n
	}
	return false
}

// bodyFailed answers a request whose small body was awaited for a SyncHandler and did not come.
func (c *conn) bodyFailed(x *exchange, late *refusal, err error) {
	if late != nil {
		c.answer(x, *late)
		return
	}
	c.inputEnded = true
	c.answer(x, c.bodyCutShort(err))
}
