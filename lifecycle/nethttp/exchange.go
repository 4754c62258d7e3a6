package nethttp

import (
	"io"
	"net/http"
	"strconv"

	"github.com/wirespan/wirespan/lifecycle"
)

// exchange is one request and its response. It is all that a request costs: one allocation, with the request, context and
// body that the handler is given. It is never used again, so a handler may keep any of it.
type exchange struct {
	conn       *conn
	inner      http.ResponseWriter // net/http's
	request    http.Request        // the handler's
	ctx        requestContext
	body       countedBody
	sideBySide bool // HTTP/2

	head    lifecycle.Request
	fields  *fields // of head
	started lifecycle.RequestStarted
	phases  lifecycle.Phases

	// The response.
	header       http.Header // nil until the handler asks for it: net/http makes a copy once it was asked for
	status       int         // the final one that the handler has decided on; 0: none yet
	declared     int64       // its Content-Length; -1: none
	sentBefore   int64       // what the connection had sent when the status was decided
	written      int64       // body bytes that net/http has taken
	flushed      bool
	sent         int64 // of written, what was handed to the kernel
	streamOpened int64 // when; 0: not streaming
	route        string
	tunnel       *tunnel // not nil once the connection was taken over

	// How it ended, when not well.
	failure failure
	gone    error // the client left
	handled bool  // the handler returned
}

// ServeHTTP implements [http.Handler].
func (a *attachment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, ok := r.Context().Value(contextKey{}).(*conn)
	if !ok { // not from a listener of ours, or a request within one
		a.handler().ServeHTTP(w, r)
		return
	}
	x := newExchange(c, w, r)
	c.start(x, r)
	x.phases.HandlerStart = x.phases.HeadParsed // nothing lies between them
	if !x.sideBySide {
		c.current = x
	}
	defer x.returned(r)
	a.handler().ServeHTTP(x.writer(), &x.request)
	x.handled = true
}

// newExchange begins a request. The handler gets a copy of r, because only that can have a context of its own; and because
// net/http asks for the type of the body of its own one.
func newExchange(c *conn, w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{conn: c, inner: w, declared: -1, sideBySide: r.ProtoMajor >= 2}
	x.ctx.Context, x.ctx.x = r.Context(), x
	x.request = *r.WithContext(&x.ctx)
	if r.Body != nil && r.Body != http.NoBody {
		x.body.ReadCloser = r.Body
		x.request.Body = &x.body
	}
	x.fields = fieldsOf(r.Host, r.Header)
	x.head = lifecycle.Request{
		Method: r.Method, Target: r.RequestURI, HTTPVersion: version(r), Host: r.Host, Scheme: "http", Fields: x.fields,
	}
	if r.TLS != nil {
		x.head.Scheme = "https"
	}
	if x.sideBySide {
		c.sideBySide.Store(true)
		now := lifecycle.MonotonicNS()
		x.phases = lifecycle.Phases{FirstByte: now, HeadParsed: now}
	} else {
		x.phases = lifecycle.Phases{FirstByte: c.firstByte, HeadParsed: c.headRead}
	}
	x.identify()
	return x
}

func version(r *http.Request) string {
	switch {
	case r.ProtoMajor >= 2:
		return "2"
	case r.ProtoMinor == 0:
		return "1.0"
	}
	return "1.1"
}

// decide takes the status of the final response.
func (x *exchange) decide(status int) {
	x.status = status
	x.tell()
	if v := x.header["Content-Length"]; len(v) == 1 {
		if n, err := strconv.ParseInt(v[0], 10, 64); err == nil && n >= 0 {
			x.declared = n
		}
	}
	if !x.sideBySide {
		x.sentBefore = x.conn.wire.expectHead(x.conn.secured == nil)
	}
}

// mayGoOn reports whether more of the body may come.
func (x *exchange) mayGoOn() bool {
	return x.hasBody() && (x.declared < 0 || x.written < x.declared)
}

// hasBody reports whether the response is one with a body (RFC 9110, 6.4.1).
func (x *exchange) hasBody() bool {
	return x.head.Method != http.MethodHead && x.status >= 200 && x.status != http.StatusNoContent && x.status != http.StatusNotModified
}

// returned runs when the handler has returned, or panicked. What it panicked with is net/http's to log.
func (x *exchange) returned(original *http.Request) {
	var value any
	if !x.handled {
		value = recover()
		x.failure = panicked(value)
	}
	x.phases.HandlerEnd = lifecycle.MonotonicNS()
	x.route = x.request.Pattern
	if original.MultipartForm == nil {
		original.MultipartForm = x.request.MultipartForm // whose files net/http removes
	}
	switch {
	case x.tunnel != nil:
	case x.failure.code == "":
		x.judge()
	case x.failure.code == codeAborted:
		if err := x.clientGone(); err != nil { // as a reverse proxy gives up then
			x.failure = failure{}
			x.blame(err)
		}
	}
	x.ctx.finish()
	switch {
	case x.tunnel != nil:
		x.tunnel.leave()
	case x.sideBySide:
		x.finish()
	}
	if value != nil {
		panic(value)
	}
}

// judge looks at a response whose handler has returned.
func (x *exchange) judge() {
	begun := x.begun()
	if x.status == 0 {
		defer x.decide(http.StatusOK) // as net/http does
	}
	if err := x.clientGone(); err != nil && (x.status == 0 || x.status >= 400 || begun) {
		// What failed, failed because the client had left, and what was streamed ended for the same reason. A client that
		// has only shut its side down is told all the same.
		x.blame(err)
		return
	}
	if x.hasBody() && x.declared > x.written {
		x.failure = failure{codeContentLengthMismatch, errShortBody}
	}
}

// http2Buffer is how much of a body net/http's HTTP/2 server gathers before it sends.
const http2Buffer = 4 << 10

// begun reports whether some of the final response has been sent.
func (x *exchange) begun() bool {
	if x.sideBySide {
		return x.flushed || x.written > http2Buffer
	}
	sent, _, _, _ := x.conn.wire.response(x.sentBefore)
	return x.status != 0 && sent > 0
}

// clientGone returns why the client can have no answer; nil when it can. net/http ends the context of a request when it
// can no longer read, and so may the application.
func (x *exchange) clientGone() error {
	if x.ctx.Context.Err() == nil || x.conn.parent.Err() != nil {
		return nil
	}
	if err := x.conn.wire.inputError(); err != nil && err != io.EOF {
		return err
	}
	return errGone
}

// finish records the outcome, when net/http has handed out what is left of the response.
func (x *exchange) finish() {
	var head []byte
	switch {
	case x.tunnel != nil:
		head = x.tunnel.settle(x)
	case x.sideBySide:
		x.settleStream()
	default:
		head = x.settle()
	}
	if x.head.Method == http.MethodHead {
		x.sent = 0
	}
	x.conn.emitOutcome(x, head)
	putFields(x.fields)
	x.fields, x.head.Fields = nil, nil
}

// settle compares what the handler has written with what was sent, and returns the head as it was.
func (x *exchange) settle() (head []byte) {
	if x.status == 0 {
		return nil
	}
	sent, firstByte, lastByte, err := x.conn.wire.response(x.sentBefore)
	if err != nil && x.failure.code == "" && x.gone == nil {
		x.blame(err)
	}
	if sent == 0 {
		x.status = 0
		return nil
	}
	head = x.conn.wire.responseHead()
	x.sent = min(x.written, sent-int64(len(head)))
	x.phases.FirstResponseByte, x.phases.LastByte = firstByte, lastByte
	return head
}

// settleStream takes what the handler has written to an HTTP/2 stream for sent, unless it failed before any of it was.
func (x *exchange) settleStream() {
	if (x.failure.code != "" || x.gone != nil) && !x.begun() {
		x.status = 0
		return
	}
	x.sent = x.written
}
