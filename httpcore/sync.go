package httpcore

import (
	"net/http"
	"unsafe"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
)

// maxSyncBody is the largest request body that a SyncHandler is offered.
const maxSyncBody = 64 << 10

// SyncHandler answers a request from memory: without an http.Request, without an allocation.
//
// ServeSync is tried before the Server's Handler for every request whose body is absent or, with a
// Content-Length of at most 64 KiB, can be read whole first. It returns false to leave the request, and its body,
// to the Handler; whatever it has set on w is then forgotten. It runs on the connection's goroutine and must not
// block. w and r, and all that they return, are valid until it returns. A panic is answered with 500.
type SyncHandler interface {
	ServeSync(w *SyncResponse, r *SyncRequest) bool
}

// SyncHandlerFunc lets a function serve as a [SyncHandler].
type SyncHandlerFunc func(w *SyncResponse, r *SyncRequest) bool

// ServeSync calls f(w, r).
func (f SyncHandlerFunc) ServeSync(w *SyncResponse, r *SyncRequest) bool { return f(w, r) }

// SyncRequest is a request as a [SyncHandler] sees it. Its strings and bytes are views of the connection's
// buffer: copy what is to be kept.
type SyncRequest struct {
	c    *conn
	x    *exchange
	body []byte
}

// Method returns the method.
func (r *SyncRequest) Method() string { return r.x.request.Method }

// Path returns the path of the request target as received: not unescaped, without the query.
func (r *SyncRequest) Path() string { path, _ := splitTarget(r.x.request.Target); return path }

// Query returns what follows the first '?' of the request target as received.
func (r *SyncRequest) Query() string { _, query := splitTarget(r.x.request.Target); return query }

// Host returns the authority that the request names.
func (r *SyncRequest) Host() string { return r.x.request.Host }

// HTTPVersion returns "1.0" or "1.1".
func (r *SyncRequest) HTTPVersion() string { return r.x.request.HTTPVersion }

// Header returns the first value of the header field with this name, or "". With [Server.RequestIDs], that of X-Request-ID is
// the id of the request.
func (r *SyncRequest) Header(name string) string {
	if r.c.set.requestIDs && isRequestID(name) {
		return r.x.request.RequestID
	}
	return r.x.request.Header(name)
}

// Body returns the whole body, nil when there is none.
func (r *SyncRequest) Body() []byte { return r.body }

// RemoteAddr returns the peer as http.Request.RemoteAddr has it.
func (r *SyncRequest) RemoteAddr() string { return r.c.remoteAddr }

// SyncResponse is the response that a [SyncHandler] fills in. Date, Content-Length and, where it ends the
// connection, Connection are added by the server.
type SyncResponse struct {
	status         int
	fields         []byte // serialised header fields
	body           []byte // what SetBody was given
	text           string // what SetBodyString was given
	hasContentType bool
	reserved       reserved
}

func (w *SyncResponse) reset(r reserved) {
	*w = SyncResponse{status: 200, fields: w.fields[:0], reserved: r}
}

// SetStatus sets the status, 200 to 999; 200 is the default.
func (w *SyncResponse) SetStatus(status int) {
	if status < 200 || status > 999 {
		panic("httpcore: SyncResponse.SetStatus takes 200 to 999")
	}
	w.status = status
}

// SetHeader adds a header field. Control characters in value are replaced; the fields that frame the message
// (Content-Length, Transfer-Encoding, Connection, Date) are the server's and are left out, and so are those that
// [Server.RequestIDs] and [Server.TraceResponse] have it send.
func (w *SyncResponse) SetHeader(name, value string) {
	switch {
	case len(name) == 12 && equalFold(name, "content-type"):
		w.hasContentType = true
	case isFraming(name), w.reserved.has(name):
		return
	}
	w.fields = http1.AppendField(w.fields, name, value)
}

// SetBody makes body the response's body. It is not copied: it must stay unchanged until ServeSync has
// returned and the response has been built, which happens before any other call of the handler on this connection.
func (w *SyncResponse) SetBody(body []byte) { w.body, w.text = body, "" }

// SetBodyString is SetBody for a string.
func (w *SyncResponse) SetBodyString(body string) { w.body, w.text = nil, body }

func isFraming(name string) bool {
	switch len(name) {
	case 4:
		return equalFold(name, "date")
	case 10:
		return equalFold(name, "connection")
	case 14:
		return equalFold(name, "content-length")
	case 17:
		return equalFold(name, "transfer-encoding")
	}
	return false
}

// equalFold compares ASCII letters without case; b is lower case.
func equalFold(a, b string) bool {
	for i := 0; i < len(a); i++ {
		c := a[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != b[i] {
			return false
		}
	}
	return true
}

// trySync offers the request to the SyncHandler and, when that takes it, writes the response.
// The request's body is in c.buf by then, or there is none.
func (c *conn) trySync(x *exchange, body []byte) (taken bool) {
	x.syncRequest = SyncRequest{c: c, x: x, body: body}
	x.syncResponse.reset(c.reserve(x, http.StatusOK))
	if !c.callSync(x) {
		return false
	}
	c.writeSync(x)
	return true
}

func (c *conn) callSync(x *exchange) (taken bool) {
	returned := false
	defer func() {
		if !returned {
			value := recover()
			c.taskPanicked(x, value, func() { c.recovered(x, value) })
			c.taskEnds(x, failed, x.failure.err)
			taken = true
		}
	}()
	c.taskRuns(x)
	taken = c.set.sync.ServeSync(&x.syncResponse, &x.syncRequest)
	returned = true
	if taken {
		c.taskReturned(x, false)
	} else {
		c.taskLeft(x)
	}
	return taken
}

// writeSync builds the response of a SyncHandler in c.out.
func (c *conn) writeSync(x *exchange) {
	if x.failure.code != "" {
		return
	}
	w := &x.syncResponse
	n := len(w.body) + len(w.text)
	x.status = w.status
	bodyAllowed := statusAllowsBody(w.status)
	h := http1.AppendStatusLine(x.responseHead[:0], w.status)
	h = append(h, w.fields...)
	if bodyAllowed {
		if !w.hasContentType && n > 0 {
			h = append(h, "Content-Type: text/plain; charset=utf-8\r\n"...)
		}
		h = appendContentLength(h, int64(n))
	}
	h = c.appendTraceFields(h, x)
	h = c.appendDate(h)
	h = c.appendConnection(h, x)
	x.responseHead = append(h, '\r', '\n')
	x.headSent = true
	c.out = append(c.out, x.responseHead...)
	switch {
	case !bodyAllowed || x.isHead:
	case n > maxCopiedBody:
		c.sendSync(x, w)
	default:
		c.out = append(append(c.out, w.body...), w.text...)
		x.unsent = int64(n)
	}
}

// maxCopiedBody is the largest body of a SyncHandler that is copied, to leave in one piece with its head and the responses
// around it.
const maxCopiedBody = 16 << 10

// sendSync sends a body that is too large to be copied, behind what is in c.out.
func (c *conn) sendSync(x *exchange, w *SyncResponse) {
	body := w.body
	if w.text != "" {
		body = unsafe.Slice(unsafe.StringData(w.text), len(w.text))
	}
	framing := int64(len(c.out))
	n, err := c.io.writev(c.out, body, nil)
	c.out = c.out[:0]
	x.bytesSent = max(n-framing, 0)
	if err != nil {
		c.writeFailed(err)
	}
}
