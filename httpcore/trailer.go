package httpcore

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
)

// appendAnnouncement notes the names that the handler has put into the Trailer field, and announces them. What they have as
// values when the handler returns is sent behind the body.
func (w *response) appendAnnouncement(head []byte) []byte {
	for _, line := range w.header["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(textproto.TrimString(name))
			if http1.ValidFieldName(name) && !forbiddenTrailer(name) && !slices.Contains(w.trailers, name) {
				w.trailers = append(w.trailers, name)
			}
		}
	}
	if len(w.trailers) == 0 {
		return head
	}
	return http1.AppendField(head, "Trailer", strings.Join(w.trailers, ", "))
}

// forbiddenTrailer has the fields that frame or route a message: they must not come behind its body (RFC 9110, 6.5.1).
func forbiddenTrailer(name string) bool {
	switch name {
	case "Connection", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Keep-Alive", "Set-Cookie",
		"Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

func (w *response) hasTrailers() bool {
	if len(w.trailers) > 0 {
		return true
	}
	for name := range w.header {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

// appendTrailers appends the trailer section but for the empty line.
func (w *response) appendTrailers(dst []byte) []byte {
	for _, name := range w.trailers {
		for _, v := range w.header[name] {
			dst = http1.AppendField(dst, name, v)
		}
	}
	for name, values := range w.header {
		name, ok := strings.CutPrefix(name, http.TrailerPrefix)
		if !ok || forbiddenTrailer(http.CanonicalHeaderKey(name)) {
			continue
		}
		for _, v := range values {
			dst = http1.AppendField(dst, name, v)
		}
	}
	return dst
}
