package nethttp

import (
	"net/http"
	"strings"

	"github.com/wirespan/wirespan/lifecycle"
)

// The fields by which a response tells its client what is known about the request: X-Request-ID, traceresponse and
// Server-Timing, each when the Server is told so.

// identify gives x the id that a trusted proxy has sent, or a new one, and shows it to the handler.
func (x *exchange) identify() {
	site := x.conn.attached.site
	if !site.RequestIDs {
		return
	}
	h := x.request.Header
	if sent := h["X-Request-Id"]; len(sent) == 1 && lifecycle.ValidRequestID(sent[0]) {
		if peers := peersOf(x.conn.Conn); peers.TrustedBy(site.TrustedProxies) {
			x.head.RequestID = sent[0]
			return
		}
	}
	x.head.RequestID = string(lifecycle.AppendRequestID(nil, x.phases.HeadParsed))
	h["X-Request-Id"] = []string{x.head.RequestID}
}

// tell adds to the header of the response, whose status is decided, what it is to tell. An informational one, 101 included, is
// the handler's alone.
func (x *exchange) tell() {
	site := x.conn.attached.site
	if x.status < http.StatusOK || !site.RequestIDs && !site.TraceResponse && !site.ServerTiming {
		return
	}
	x.header = x.inner.Header()
	if site.RequestIDs {
		replace(x.header, "X-Request-Id", x.head.RequestID)
	}
	if site.TraceResponse && x.head.Trace.IsValid() {
		replace(x.header, "Traceresponse", string(x.head.Trace.AppendTraceparent(nil)))
	}
	if site.ServerTiming {
		now := lifecycle.MonotonicNS()
		x.header.Add("Server-Timing", string(lifecycle.AppendServerTiming(nil, &x.phases, &x.head.Trace, now)))
	}
}

// replace makes value the only one of a field, however a handler has written its name, which is given in canonical form.
func replace(h http.Header, name, value string) {
	for other := range h {
		if strings.EqualFold(other, name) {
			delete(h, other)
		}
	}
	h[name] = []string{value}
}
