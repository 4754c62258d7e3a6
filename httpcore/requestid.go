package httpcore

import (
	"net/http"
	"slices"
	"strings"
	"unsafe"

	"github.com/wirespan/wirespan/lifecycle"
)

// With Server.RequestIDs each request has an id, under which its handler, its client and the collectors know it.

// headerRequestID is X-Request-ID as the keys of an http.Header have it.
const headerRequestID = "X-Request-Id"

// identify gives x the id that a trusted proxy has sent, or a new one. known: the head was understood.
func (c *conn) identify(x *exchange, known bool) {
	if !c.set.requestIDs {
		return
	}
	sent := ""
	if known {
		sent = x.sentID()
	}
	if lifecycle.ValidRequestID(sent) && c.peers.TrustedBy(c.set.trustedProxies) {
		x.requestID = append(x.requestID[:0], sent...)
	} else {
		x.requestID = lifecycle.AppendRequestID(x.requestID[:0], lifecycle.MonotonicNS())
	}
	x.request.RequestID = unsafe.String(unsafe.SliceData(x.requestID), len(x.requestID))
}

// sentID returns the X-Request-ID that the client has sent; "" when there is none, or more than one.
func (x *exchange) sentID() (id string) {
	lines := 0
	for name, value := range x.fields.All() {
		if isRequestID(name) {
			id = value
			lines++
		}
	}
	if lines > 1 {
		return ""
	}
	return id
}

func isRequestID(name string) bool {
	return len(name) == len("x-request-id") && equalFold(name, "x-request-id")
}

// setRequestID puts the id of a request into the header that its Handler sees.
func setRequestID(h http.Header, id string) {
	if id != "" && !slices.Equal(h[headerRequestID], []string{id}) {
		h[headerRequestID] = []string{strings.Clone(id)}
	}
}
