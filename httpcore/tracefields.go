package httpcore

import (
	"net/http"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
	"github.com/wirespan/wirespan/lifecycle"
)

// The fields by which a response tells its client what the server knows about the request: X-Request-ID, traceresponse and
// Server-Timing, each when the Server is told so.

// reserved are the fields of one response that the server sets itself, whatever the handler has set.
type reserved struct{ requestID, traceResponse bool }

// reserve returns the fields that are the server's in a response with this status. An informational one, 101 included, is the
// handler's alone.
func (c *conn) reserve(x *exchange, status int) reserved {
	if status < http.StatusOK {
		return reserved{}
	}
	return reserved{requestID: c.set.requestIDs, traceResponse: c.set.traceResponse && x.request.Trace.IsValid()}
}

// has reports whether name is one of them.
func (r reserved) has(name string) bool {
	return r.requestID && isRequestID(name) ||
		r.traceResponse && len(name) == len("traceresponse") && equalFold(name, "traceresponse")
}

// appendTraceFields appends what the response is to tell. All that is read of x is known before the handler runs, because a
// goroutine of the handler may send the head.
func (c *conn) appendTraceFields(dst []byte, x *exchange) []byte {
	if !c.set.traceFields || x.status < http.StatusOK {
		return dst
	}
	mine := c.reserve(x, x.status)
	if mine.requestID {
		dst = http1.AppendField(dst, "X-Request-ID", x.request.RequestID)
	}
	if mine.traceResponse {
		dst = append(x.request.Trace.AppendTraceparent(append(dst, "traceresponse: "...)), crlf...)
	}
	if c.set.serverTiming {
		dst = appendServerTiming(dst, x)
	}
	return dst
}

func appendServerTiming(dst []byte, x *exchange) []byte {
	const name = "Server-Timing: "
	before := len(dst)
	dst = append(dst, name...)
	dst = lifecycle.AppendServerTiming(dst, &x.phases, &x.request.Trace, lifecycle.MonotonicNS())
	if len(dst) == before+len(name) {
		return dst[:before]
	}
	return append(dst, crlf...)
}
