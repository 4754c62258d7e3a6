package httpcore

import (
	"cmp"
	"net/http"
	"net/url"

	"github.com/wirespan/wirespan/lifecycle"
)

// handling is what an http.Handler is given for one request, in one allocation. The handler may keep any of it:
// nothing is used again, and after finish nothing of it reaches the connection.
type handling struct {
	ctx      requestContext
	response response
	body     *body // nil when the request has none

	request  http.Request
	url      url.URL       // of request
	values   [4]string     // of the request's header, when they are few
	hijacked *hijackedConn // nil unless the handler took the connection over
}

// serveHandler runs the Handler. The body that it leaves is drained.
func (c *conn) serveHandler(x *exchange) {
	text := x.own(c.buf, c.r)
	h := new(handling)
	h.ctx.parent, h.ctx.c, h.ctx.x, h.ctx.provider = c.ctx, c, x, c.provider
	h.response.c, h.response.x, h.response.h, h.response.contentLength = c, x, h, -1
	if x.head.Chunked || x.head.ContentLength > 0 {
		h.body = newBody(h)
		h.response.expected.due.Store(x.head.ExpectContinue)
	}
	if err := h.newRequest(text); err != nil {
		h.ctx.finish()
		c.taskEnds(x, failed, err.err)
		c.answer(x, *err)
		c.answered(x)
		return
	}
	if h.body != nil && !c.hasWhole(x) && len(c.out) > 0 && !c.flush() {
		h.ctx.finish()
		c.taskEnds(x, cancelled, c.broken)
		x.gone = c.broken
		c.answered(x)
		return
	}
	c.watcher.begin(h.body == nil)
	if x.phases.HandlerStart == 0 {
		x.phases.HandlerStart = c.lap()
	}
	c.h = h
	panicked := c.callHandler(h)
	c.h = nil
	x.phases.HandlerEnd = c.lap()
	x.route = lifecycle.RouteOf(h.request.Pattern)
	c.unread(c.watcher.stop())
	h.ctx.finish()
	if h.body != nil {
		h.body.finish()
	}
	if c.hijacked {
		c.x = nil
		h.hijacked.leave()
		return
	}
	h.response.finish(panicked)
	some, _ := h.body.left()
	c.linger = c.linger || some
	c.answered(x)
	if some && !c.closing {
		if !c.flush() || !h.body.drain() {
			c.closing = true
			c.reason = cmp.Or(h.body.failure.ends(), c.reason)
		}
		c.linger = c.closing
	}
}

// callHandler runs the Handler and says whether it failed to return.
func (c *conn) callHandler(h *handling) (panicked bool) {
	returned, x := false, h.response.x
	defer func() {
		if !returned {
			panicked = true
			value := recover()
			c.taskPanicked(x, value, func() { c.handlerFailed(h, value) })
			c.taskEnds(x, failed, cmp.Or(x.failure.err, x.gone))
		}
	}()
	c.taskRuns(x)
	if len(c.out) > 0 {
		c.held.begin(&h.response)
		defer c.held.end()
	}
	if h.request.RequestURI == "*" && h.request.Method == http.MethodOptions {
		answerOptions(&h.response, &h.request)
	} else {
		c.set.handler.ServeHTTP(&h.response, &h.request)
	}
	returned = true
	c.taskReturned(x, h.ctx.gone.Load())
	return false
}

func (c *conn) handlerFailed(h *handling, value any) {
	h.response.mu.Lock()
	defer h.response.mu.Unlock()
	x := h.response.x
	if isAbort(value) && !c.hijacked && (c.broken != nil || h.ctx.gone.Load()) {
		// A reverse proxy gives up like this when its client has left. The client is the reason then, and not the application.
		x.keepAlive, c.closing = false, true
		c.blame(x)
		return
	}
	c.recovered(x, value)
}

// answerOptions answers "OPTIONS *", which asks about the server and no resource of a handler, as net/http's server does.
func answerOptions(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "0") }

// hasWhole reports whether the body of x is in the buffer. Otherwise the client may be waiting for earlier responses
// before it sends more.
func (c *conn) hasWhole(x *exchange) bool {
	return !x.head.Chunked && int64(c.w-c.r) >= x.head.ContentLength
}

// setTrailer makes the trailer fields of the request's body its Request.Trailer.
func (h *handling) setTrailer(fields []trailerField) {
	if len(fields) == 0 {
		return
	}
	if h.request.Trailer == nil {
		h.request.Trailer = make(http.Header, len(fields))
	}
	for _, f := range fields {
		h.request.Trailer.Add(f.Name, f.Value)
	}
}

// unread puts back what was read ahead of its turn.
func (c *conn) unread(b []byte) {
	if len(b) == 0 {
		return
	}
	n := copy(c.space(), b)
	c.w += n
	c.receivedNS = c.clock()
}
