package httpcore

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
)

// writeHeader takes the status and serialises the header as it is now: later changes are too late.
func (w *response) writeHeader(status int) {
	w.wroteHeader = true
	x := w.x
	x.status = status
	w.reserved = w.c.reserve(x, status)
	head := http1.AppendStatusLine(x.responseHead[:0], status)
	for name, values := range w.header {
		if !w.takeField(name, values) {
			continue
		}
		for _, v := range values {
			head = http1.AppendField(head, name, v)
		}
	}
	x.responseHead = w.appendAnnouncement(head)
	if w.expected.settle() {
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
			w.takeLength(values[0])
		}
		return false
	case "Transfer-Encoding":
		w.isIdentity = len(values) > 0 && values[0] == "identity"
		return false
	case "Content-Type":
		w.hasContentType = true
		return status != http.StatusNotModified
	case "Content-Encoding":
		w.hasEncoding = len(values) > 0 && values[0] != ""
	case "Date":
		w.hasDate = true
	case "Trailer":
		return false // appended when it is known to name trailers only
	case "Connection":
		return w.takeConnection(values)
	}
	return !strings.HasPrefix(name, http.TrailerPrefix) && !w.reserved.has(name)
}

func (w *response) takeLength(value string) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		w.c.set.errorLog.Printf("http: invalid Content-Length of %q", value)
		return
	}
	w.contentLength = n
}

// takeConnection notes the options that are about the connection itself, which the server announces, and reports
// whether there are others.
func (w *response) takeConnection(values []string) (others bool) {
	for _, v := range values {
		for option := range strings.SplitSeq(v, ",") {
			switch option = textproto.TrimString(option); {
			case strings.EqualFold(option, "close"):
				w.x.keepAlive = false
			case strings.EqualFold(option, "keep-alive"), option == "":
			default:
				others = true
			}
		}
	}
	return others
}

// commit completes the head and puts it into out. final: what is in the buffer is the whole body; otherwise next
// follows it.
func (w *response) commit(final bool, next []byte) {
	c, x := w.c, w.x
	if _, drainable := w.h.body.left(); !drainable && !w.fullDuplex.Load() {
		x.keepAlive = false
	}
	head := x.responseHead
	if !w.hasContentType && !w.hasEncoding && statusAllowsBody(x.status) {
		if first := w.first(next); len(first) > 0 {
			head = http1.AppendField(head, "Content-Type", http.DetectContentType(first))
		}
	}
	head = w.appendFraming(head, final)
	head = c.appendTraceFields(head, x)
	if !w.hasDate {
		head = c.appendDate(head)
	}
	if w.switches() {
		x.keepAlive = false // what follows is not HTTP
	} else {
		head = c.appendConnection(head, x)
	}
	x.responseHead = append(head, '\r', '\n')
	x.headSent = true
	c.out = append(c.out, x.responseHead...)
}

// appendFraming says where the body will end (RFC 9112, 6.3).
func (w *response) appendFraming(head []byte, final bool) []byte {
	x := w.x
	switch {
	case !statusAllowsBody(x.status), w.switches():
		return head
	case w.contentLength >= 0:
		return appendContentLength(head, w.contentLength)
	case final && (!x.isHead || w.written > 0):
		w.contentLength = w.written
		return appendContentLength(head, w.written)
	case x.isHead:
		return head // a handler that writes nothing for HEAD has not told what a GET would be
	case x.head.Minor == 0, w.isIdentity:
		x.keepAlive = false
		return head
	}
	w.chunked = true
	return append(head, "Transfer-Encoding: chunked\r\n"...)
}

// switches reports whether the response turns the connection into something else: 101, or the tunnel of a successful
// CONNECT, which has neither Content-Length nor Transfer-Encoding (RFC 9110, 9.3.6).
func (w *response) switches() bool {
	status := w.x.status
	return status == http.StatusSwitchingProtocols || status/100 == 2 && w.x.request.Method == http.MethodConnect
}

// sniffLength is as much of a body as http.DetectContentType looks at.
const sniffLength = 512

// first returns the beginning of the body when next is to follow what is in the buffer.
func (w *response) first(next []byte) []byte {
	missing := min(sniffLength-len(w.buf), len(next))
	switch {
	case missing <= 0:
		return w.buf
	case len(w.buf) == 0:
		return next
	}
	return append(w.buf, next[:missing]...) // behind the end of buf, where there is room
}

// keepFirst keeps the beginning of a body that will not be sent.
func (w *response) keepFirst(p []byte) {
	if missing := min(sniffLength-len(w.buf), len(p)); missing > 0 && !w.x.headSent && w.fits(missing) {
		w.buf = append(w.buf, p[:missing]...)
	}
}
