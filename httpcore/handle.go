package httpcore

import (
	"net/http"

	"github.com/wirespan/wirespan/lifecycle"
)

// handling is what an http.Handler is given for one request, in one allocation. The handler may keep any of it:
// nothing is used again, and after finish nothing of it reaches the connection.
type handling struct {
	ctx      requestContext
	response response
	body     body

	request  *http.Request
	hijacked *hijackedConn // nil unless the handler took the connection over
}

// serveHandler runs the Handler. The body that it leaves is drained.
func (c *conn) serveHandler(x *exchange) {
	h := &handling{}
	text := x.own(c.buf[c.r-x.headLen : c.r])
	h.ctx = requestContext{parent: c.ctx, c: c, x: x, provider: c.provider}
	h.response = response{c: c, x: x, h: h, contentLength: -1}
	h.body = body{c: c, x: x, h: h, remaining: x.head.ContentLength, chunked: x.head.Chunked, limit: -1}
	if x.head.Chunked {
		h.body.chunks.Reset(c.set.limits)
		h.body.limit, h.body.max = c.set.maxBodyBytes, c.set.maxBodyBytes
	}
	if err := h.newRequest(text); err != nil {
		h.ctx.finish()
		c.answer(x, *err)
		c.answered(x)
		return
	}
	hasBody := h.request.Body != http.NoBody
	h.body.none = !hasBody
	if !hasBody {
		c.watcher.bodyConsumed()
	}
	if x.phases.HandlerStart == 0 {
		x.phases.HandlerStart = c.clock()
	}
	c.h = h
	panicked := c.callHandler(h)
	c.h = nil
	x.phases.HandlerEnd = c.clock()
	x.route = lifecycle.RouteOf(h.request.Pattern)
	c.unread(c.watcher.stop())
	h.ctx.finish()
	if c.hijacked {
		c.x = nil
		h.hijacked.leave()
		return
	}
	if hasBody {
		h.body.finish()
	}
	h.response.finish(panicked)
	some, _ := h.body.left()
	c.linger = c.linger || some
	c.answered(x)
	if some && !c.closing {
		if !c.flush() || !h.body.drain() {
			c.closing = true
		}
		c.linger = c.closing
	}
}

// callHandler runs the Handler and says whether it failed to return.
func (c *conn) callHandler(h *handling) (panicked bool) {
	returned := false
	defer func() {
		if !returned {
			panicked = true
			c.handlerFailed(h, recover())
		}
	}()
	c.set.handler.ServeHTTP(&h.response, h.request)
	returned = true
	return false
}

func (c *conn) handlerFailed(h *handling, value any) {
	h.response.mu.Lock()
	defer h.response.mu.Unlock()
	c.recovered(h.response.x, value)
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
