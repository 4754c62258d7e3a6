package http1

import "bytes"

// kind is what the server itself must know of a field.
type kind uint8

const (
	ordinary kind = iota // nothing
	connection
	upgrade
	acceptEncoding
	traceparent

	strict // from here on the value is judged as it comes; see strictValue
	kindHost
	contentLength
	transferEncoding
	expect

	kinds // how many there are
)

// kindOf finds the kind of a name. Its length leaves one or two names to compare with.
func kindOf(name []byte) kind {
	word, k := "", ordinary
	switch len(name) {
	case 4:
		word, k = "host", kindHost
	case 6:
		word, k = "expect", expect
	case 7:
		word, k = "upgrade", upgrade
	case 10:
		word, k = "connection", connection
	case 11:
		word, k = "traceparent", traceparent
	case 14:
		word, k = "content-length", contentLength
	case 15:
		word, k = "accept-encoding", acceptEncoding
	case 17:
		word, k = "transfer-encoding", transferEncoding
	}
	if k == ordinary || !equalFold(name, word) {
		return ordinary
	}
	return k
}

// note keeps what a field of a known kind says. Its value was judged.
func (h *Head) note(b []byte, v Range) {
	switch h.kind {
	case connection:
		h.connectionTokens(v.In(b))
	case upgrade:
		h.UpgradeProtocol = v
	case acceptEncoding:
		h.AcceptEncoding = v
	case traceparent:
		if h.Traceparent = v; h.seen[traceparent] {
			h.Traceparent = Range{}
		}
	case kindHost:
		h.Host = v
		if h.Form == OriginForm || h.Form == AsteriskForm {
			h.Authority = v
		}
	case contentLength:
		h.ContentLength = h.value.number
	case transferEncoding:
		h.Chunked = true
	case expect:
		h.ExpectContinue = h.Minor == 1
	}
	h.seen[h.kind] = true
}

// connectionTokens compares the members of a Connection list whole, as tokens (RFC 9110, 7.6.1).
func (h *Head) connectionTokens(v []byte) {
	for more := true; more; {
		var item []byte
		item, v, more = bytes.Cut(v, comma)
		switch item = trimOWS(item); {
		case equalFold(item, "close"):
			h.Close = true
		case equalFold(item, "keep-alive"):
			h.KeepAlive = true
		case equalFold(item, "upgrade"):
			h.Upgrade = true
		}
	}
}

var comma = []byte{','}
