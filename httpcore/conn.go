package httpcore

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"sync/atomic"

	"github.com/wirespan/wirespan/lifecycle"
)

// stream is what a connection asks of its engine. All methods but those that say so are called by
// the goroutine that serves the connection.
type stream interface {
	// Read waits for bytes. It fails with an error that matches os.ErrDeadlineExceeded once the deadline
	// (conn.deadline) has passed, and when an idle connection is to be drained.
	io.Reader
	// Write returns when all of p was handed to the kernel, however slowly the peer reads within the limits;
	// past them it fails with errWriteTimeout or errWriteRate.
	io.Writer
	// writev is Write(a), Write(b) and Write(c) in one go.
	writev(a, b, c []byte) (int64, error)
	// readFrom sends src, which reads a file, by sendfile where the system can.
	readFrom(src *io.LimitedReader) (int64, error)
	// watch calls gone, from another goroutine, if the peer goes away before unwatch. No Read meanwhile.
	watch(gone func(error))
	// unwatch ends watch and returns what was read meanwhile.
	unwatch() []byte
	// interrupt makes the Read in progress fail or be tried again, whichever its deadline says. Any goroutine.
	interrupt()
	// abort closes the socket under whatever is going on. Any goroutine.
	abort()
}

// conn is a connection as a state machine: an engine feeds it bytes (space, fed) and asks what is next.
// It makes no system call of its own; what it has to send waits in out until flush.
// All but the atomics belong to the goroutine that serves the connection.
type conn struct {
	server *server
	set    *settings
	worker *worker
	io     stream

	// What never changes after open.
	id                               uint64
	peers                            lifecycle.Peers
	remoteAddr                       string
	tls                              *tls.ConnectionState
	acceptedNS                       int64
	handshakeStartNS, handshakeEndNS int64
	ctx                              context.Context
	hijackable                       hijackable

	collector lifecycle.Collector // nil when nobody listens
	provider  lifecycle.ContextProvider

	// Input: buf[r:w] was received and not consumed; receivedNS is when its newest bytes came.
	buf        []byte
	r, w       int
	receivedNS int64
	inputEnded bool // the peer has shut its side down

	// Output: out waits to be written, and pending are the exchanges whose responses end in it, in order.
	out     []byte
	pending []*exchange
	broken  error // a write failed: nothing more can be sent
	held    heldTimer

	x          *exchange // the request that is arriving or being handled; nil between requests
	h          *handling // while the Handler runs
	idleSince  int64
	served     int
	graceEnd   int64 // until when its first request may begin although the server drains; coarse time
	totalBytes int64
	lastNS     int64
	reason     lifecycle.Reason
	closing    bool // no further request is taken
	linger     bool // unread input may be under way: close with patience
	hijacked   bool

	watcher watcher

	// hooks is nil while nobody is to be told what goes on below the requests.
	hooks atomic.Pointer[hooked]

	// deadline is when the present wait for bytes has lasted too long, writeDeadline the same of a write; on the
	// monotonic clock, 0: never. The sweep compares them and calls stream.interrupt.
	deadline, writeDeadline atomic.Int64
	// idle is true while no byte of a request has come.
	idle atomic.Bool
	// unwanted is true while a Read is to fail because nobody waits for its bytes any longer.
	unwanted atomic.Bool
}

// newConn makes a connection that has just been accepted.
func newConn(s *server, w *worker) *conn {
	return &conn{
		server:     s,
		set:        s.set,
		worker:     w,
		id:         lifecycle.NextConnectionID(),
		acceptedNS: lifecycle.MonotonicNS(),
		collector:  s.set.collector,
	}
}

// step is what a connection wants next.
type step int

const (
	stepRead  step = iota // bytes: space, Read, fed
	stepServe             // serve
	stepClose             // nothing: flush, then close
)

// next parses what has been received and says how to go on.
func (c *conn) next() step {
	if c.closing {
		return stepClose
	}
	if c.r == c.w {
		return c.await()
	}
	if c.x == nil {
		c.x = getExchange()
		c.x.phases.IdleSince = c.idleSince
		c.x.phases.FirstByte = c.receivedNS
	}
	n, err := c.x.head.Parse(c.buf[c.r:c.w], c.set.limits)
	switch {
	case err != nil:
		c.view(c.buf[c.r:c.w])
		c.rejectHead(refuse(err))
		return stepClose
	case n == 0:
		return c.await()
	}
	c.x.phases.HeadParsed = c.receivedNS
	c.begin(n)
	return stepServe
}

// await arms the deadline of the head or of the idle connection and asks for bytes.
func (c *conn) await() step {
	if c.inputEnded {
		c.endOfInput()
		return stepClose
	}
	if c.x != nil && c.x.head.Started() {
		if c.idle.Swap(false) || c.deadline.Load() == 0 {
			c.setDeadline(c.set.readHeaderTimeout)
		}
		return stepRead
	}
	if !c.idle.Swap(true) { // before the look at draining: whoever drains does it the other way round
		if c.served == 0 {
			c.graceEnd = c.server.clock.after(newDrainGrace)
		}
		c.setDeadline(c.set.idleTimeout)
	}
	if c.drained() {
		c.reason = lifecycle.ReasonDrain
		return stepClose
	}
	return stepRead
}

func (c *conn) setDeadline(timeout int64) {
	if timeout == 0 {
		c.deadline.Store(0)
		return
	}
	c.deadline.Store(c.server.clock.after(timeout))
}

// expired reports whether a Read that was interrupted is to give up. It is called within Read.
func (c *conn) expired() bool {
	return c.deadlinePassed() || c.unwanted.Load() || c.idle.Load() && c.drained()
}

// drained reports whether the connection, which is idle, is to be closed because the server is shutting down. Before its
// first request it has a grace.
func (c *conn) drained() bool {
	s := c.server
	return s.draining.Load() && (c.served > 0 || s.clock.coarse() >= max(c.graceEnd, s.graceEnd.Load()))
}

func (c *conn) deadlinePassed() bool {
	d := c.deadline.Load()
	return d != 0 && c.server.clock.coarse() >= d
}

// space returns room for the next Read, at least as much as a small request.
func (c *conn) space() []byte {
	if c.r == c.w {
		c.r, c.w = 0, 0
		if len(c.buf) > minBuffer && c.idle.Load() {
			c.dropBuffer()
		}
	}
	if c.buf == nil {
		c.buf = buffers.get(minBuffer)
	}
	if len(c.buf)-c.w < minBuffer/4 {
		c.grow()
	}
	return c.buf[c.w:]
}

// grow moves the unconsumed bytes to the front, or to a larger buffer.
func (c *conn) grow() {
	unread := c.w - c.r
	if c.r == 0 || unread > len(c.buf)/2 {
		larger := buffers.get(2 * len(c.buf))
		copy(larger, c.buf[c.r:c.w])
		c.dropBuffer()
		c.buf = larger
	} else {
		copy(c.buf, c.buf[c.r:c.w])
	}
	c.r, c.w = 0, unread
}

// rest gives the buffers back while the connection waits for the next request.
func (c *conn) rest() {
	if c.r == c.w && c.buf != nil {
		c.r, c.w = 0, 0
		c.dropBuffer()
	}
	if c.out != nil {
		buffers.put(c.out[:cap(c.out)])
		c.out = nil
	}
}

// dropBuffer gives the input buffer back, unless strings of a request may still look into it.
func (c *conn) dropBuffer() {
	if c.x == nil || !c.x.started {
		buffers.put(c.buf)
	}
	c.buf = nil
}

// fed takes what a Read into space returned, and when its bytes could be read.
func (c *conn) fed(n int, readableNS int64, err error) {
	if n > 0 {
		c.w += n
		c.receivedNS = max(readableNS, c.idleSince)
		return
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		c.inputEnded = true
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.waitedTooLong()
	default:
		c.peerGone(err)
	}
}

// waitedTooLong ends the wait for a request: silently when nothing of it came, with 408 otherwise.
func (c *conn) waitedTooLong() {
	started := c.x != nil && c.x.head.Started()
	switch {
	case !started && c.drained():
		c.reason, c.closing = lifecycle.ReasonDrain, true
	case !started:
		c.reason, c.closing = lifecycle.ReasonTimeout, true
	case c.deadlinePassed():
		c.view(c.buf[c.r:c.w])
		c.rejectHead(refusal{408, codeHeadTimeout, "the head of the request did not arrive in time", errHeadTimeout})
	}
}

// endOfInput is the orderly end, or a request that was cut short.
func (c *conn) endOfInput() {
	if c.x != nil && c.x.head.Started() {
		c.view(c.buf[c.r:c.w])
		c.failUnanswered(refusal{code: codeHeadCutShort, err: errHeadCutShort})
	}
	c.closing = true
}

// peerGone is a socket that failed while the connection waited for a request.
func (c *conn) peerGone(err error) {
	c.broken, c.closing = err, true
	c.reason = lifecycle.ReasonClientDisconnect
	if c.server.closed.Load() {
		c.reason = lifecycle.ReasonDrain
	}
	if c.x != nil && c.x.head.Started() {
		c.view(c.buf[c.r:c.w])
		c.failUnanswered(refusal{code: codeHeadCutShort, err: err})
	}
}

// view makes the request a view of raw, which begins with its head, or with what has come of it.
func (c *conn) view(raw []byte) {
	c.x.view(raw)
	c.x.request.Scheme = "http"
	if c.tls != nil {
		c.x.request.Scheme = "https"
	}
}

// begin turns a parsed head of n bytes into a request.
func (c *conn) begin(n int) {
	x := c.x
	c.idle.Store(false)
	c.deadline.Store(0)
	if c.out == nil {
		c.out = buffers.get(minBuffer)[:0]
	}
	raw := c.buf[c.r : c.r+n]
	c.r += n
	x.headLen = n
	c.view(raw)
	x.isHead = x.request.Method == "HEAD"
	x.keepAlive = x.persistent()
	if limit := c.set.maxRequestsPerConnection; limit > 0 && c.served+1 >= limit {
		x.keepAlive = false
		c.reason = lifecycle.ReasonLimit
	}
	c.identify(x, true)
	c.emitStarted(x)
}

// serve answers the request that next has found. It returns when the handler has returned and its response is in
// out or sent, and the rest of the body is consumed.
func (c *conn) serve() {
	x := c.x
	if c.set.maxBodyBytes >= 0 && x.head.ContentLength > c.set.maxBodyBytes {
		c.answer(x, refusal{status: 413, code: codeBodyTooLarge, reason: "the body of the request is too large", err: errBodyTooLarge})
		c.answered(x)
		return
	}
	if c.set.sync != nil && x.head.ContentLength <= maxSyncBody && !x.head.Chunked && !x.head.ExpectContinue {
		if c.serveSync(x) {
			c.answered(x)
			return
		}
		if c.mayMove(x) {
			c.flush() // the requests of what waits are views of the buffer
		}
	}
	c.serveHandler(x)
}

// mayMove reports whether the input buffer may be moved while a Handler serves x: for its body, or for what was read ahead.
func (c *conn) mayMove(x *exchange) bool {
	return x.head.Chunked || x.head.ContentLength > 0 || len(c.buf)-c.w < minBuffer/4
}

// serveSync reads a small body whole and offers the request to the SyncHandler. It consumes the body only when
// the request was taken.
func (c *conn) serveSync(x *exchange) (taken bool) {
	size := int(max(x.head.ContentLength, 0))
	if c.w-c.r < size && !c.readWhole(x, size) {
		return true
	}
	var body []byte
	if size > 0 {
		body = c.buf[c.r : c.r+size]
	}
	x.phases.HandlerStart = c.lap()
	taken = c.trySync(x, body)
	if taken {
		x.phases.HandlerEnd = c.lap()
		x.received = int64(size)
		c.r += size
	}
	return taken
}

// readWhole reads on until size bytes of the body are in the buffer; false: it has answered that they did not come.
func (c *conn) readWhole(x *exchange, size int) bool {
	x.own(c.buf, c.r)
	waited := int64(0)
	for c.w-c.r < size {
		if !c.flush() {
			x.gone = c.broken
			return false
		}
		for len(c.buf)-c.r < size {
			c.grow()
		}
		n, late, err := c.readPaced(c.buf[c.w:], int64(c.w-c.r), &waited)
		c.w += n
		if err != nil {
			c.bodyFailed(x, late, err)
			return false
		}
	}
	return true
}

// answered takes the end of the handler: the response is in out, or sent but for what is in out.
func (c *conn) answered(x *exchange) {
	c.x = nil
	if !x.keepAlive || x.failure.code != "" || x.gone != nil {
		c.closing = true
		c.linger = c.linger || x.failure.code == "" && x.gone == nil // the client may be sending what nobody will read
	}
	if r := reasonFor(x); r != "" {
		c.reason = r
	}
	c.pending = append(c.pending, x)
	if c.closing || c.r == c.w || !c.mayBatch(x) {
		c.flush()
	}
}

// maxBatch and maxBatchBytes bound how many pipelined responses wait to be sent with one write.
const (
	maxBatch      = 64
	maxBatchBytes = 64 << 10
	// maxKeptOut is the largest output buffer that a connection holds on to while it is idle.
	maxKeptOut = 32 << 10
	// quickHandlerNS is how fast a handler must have been for its response to wait for the next one.
	quickHandlerNS = 1_000_000
)

// mayBatch reports whether x's response may wait for that of the next pipelined request.
func (c *conn) mayBatch(x *exchange) bool {
	return len(c.pending) < maxBatch && len(c.out) < maxBatchBytes && !x.hooked &&
		x.phases.HandlerEnd-x.phases.HandlerStart < quickHandlerNS
}

// lap reads the clock at the start and the end of a handler: for the collector, and for mayBatch when a request waits.
func (c *conn) lap() int64 {
	if c.collector == nil && c.r == c.w {
		return 0
	}
	return lifecycle.MonotonicNS()
}

// flush sends what waits in out and records the outcomes of the pending exchanges; false: the connection is broken.
func (c *conn) flush() bool {
	if len(c.out) > 0 && c.broken == nil {
		if _, err := c.io.Write(c.out); err != nil {
			c.writeFailed(err)
		}
	}
	c.out = c.out[:0]
	if cap(c.out) > maxKeptOut {
		c.out = nil
	}
	if len(c.pending) == 0 {
		return c.broken == nil
	}
	now := c.clock()
	for i, x := range c.pending {
		c.pending[i] = nil
		if c.broken != nil && x.gone == nil && x.failure.code == "" {
			c.blame(x)
		}
		if c.broken == nil {
			c.sent(x, now)
		}
		c.finish(x)
	}
	c.pending = c.pending[:0]
	c.idleSince = now
	return c.broken == nil
}

// sent notes that all of x that was in out has been handed to the kernel.
func (c *conn) sent(x *exchange, now int64) {
	x.bytesSent += x.unsent
	x.unsent = 0
	if !x.headSent {
		return
	}
	x.answered = true
	x.phases.LastByte = now
	if x.phases.FirstResponseByte == 0 {
		x.phases.FirstResponseByte = now
	}
}

// finish is the end of every request, whatever became of it.
func (c *conn) finish(x *exchange) {
	c.totalBytes += x.bytesSent
	if !x.answered {
		x.status = 0 // nothing of it left
	}
	c.emitOutcome(x)
	if x.hooked {
		c.hooks.Load().restore()
	}
	putExchange(x)
}

// writeFailed notes that nothing more can be sent.
func (c *conn) writeFailed(err error) {
	if c.broken == nil {
		c.broken = err
	}
	c.closing = true
}

// blame says in x why its response could not be sent.
func (c *conn) blame(x *exchange) {
	switch {
	case errors.Is(c.broken, errWriteRate):
		x.failure = refusal{code: codeResponseRate, err: c.broken}
	case errors.Is(c.broken, errWriteTimeout), errors.Is(c.broken, os.ErrDeadlineExceeded):
		x.failure = refusal{code: codeResponseTimeout, err: c.broken}
	case c.server.closed.Load():
		x.failure = refusal{code: codeWriteCanceled, err: errClosed}
	default:
		x.gone = cmp.Or(c.broken, errClientGone)
	}
	if r := reasonFor(x); r != "" {
		c.reason = r
	}
}

// end runs when the engine is done with the connection: every byte and every outcome is out.
func (c *conn) end() {
	c.idle.Store(false)
	c.deadline.Store(0)
	c.flush()
	if c.x != nil {
		putExchange(c.x)
		c.x = nil
	}
	if c.buf != nil {
		buffers.put(c.buf)
		c.buf = nil
	}
	if c.out != nil {
		buffers.put(c.out[:cap(c.out)])
		c.out = nil
	}
}
