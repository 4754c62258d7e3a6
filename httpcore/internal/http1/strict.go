package http1

import "math"

// value is how far the value of a strict field was judged.
type value struct {
	matched int   // bytes that agree with the only word that is understood
	number  int64 // Content-Length so far
	ended   bool  // only white space may follow
}

// The only values that Transfer-Encoding and Expect may have.
const (
	chunkedWord  = "chunked"
	continueWord = "100-continue"
)

// expectValue makes h ready for the value of a field of a known kind, whose colon is at pos, and refuses a second
// line of a field that there may be only once: even two equal ones, on which parsers disagree.
func (h *Head) expectValue(pos int) *Error {
	h.value = value{}
	switch h.kind {
	case kindHost:
		h.host = authority{}
		if h.seen[kindHost] {
			return badField(pos, "the request has two Host fields")
		}
	case contentLength:
		if h.seen[contentLength] {
			return badField(pos, "the request has two Content-Length fields")
		}
	case transferEncoding:
		if h.Minor == 0 {
			return badField(pos, "HTTP/1.0 has no Transfer-Encoding")
		}
		if h.seen[transferEncoding] {
			return badField(pos, "the request has two Transfer-Encoding fields")
		}
	}
	return nil
}

// strictValue takes b[pos:] as far as the value may go on so, and returns where its CR is, or len(b).
func (h *Head) strictValue(b []byte, pos int) (int, *Error) {
	if !h.value.ended {
		if pos = h.strictBytes(b, pos); pos == len(b) {
			return pos, nil
		}
		c := b[pos]
		if c != '\r' && !isOWS(c) || !h.strictWhole(pos) {
			return pos, h.strictRefusal(c, pos)
		}
		h.value.ended = true
	}
	for pos < len(b) && isOWS(b[pos]) {
		pos++
	}
	if pos < len(b) && b[pos] != '\r' {
		return pos, h.strictRefusal(b[pos], pos)
	}
	return pos, nil
}

// strictBytes returns where the bytes that may stand in the value end.
func (h *Head) strictBytes(b []byte, pos int) int {
	v := &h.value
	switch h.kind {
	case kindHost:
		return h.host.scan(b, pos)
	case contentLength:
		for pos < len(b) && isDigit(b[pos]) {
			d := int64(b[pos] - '0')
			if v.number > (math.MaxInt64-d)/10 {
				return pos
			}
			v.number = v.number*10 + d
			pos++
		}
		return pos
	}
	word := h.word()
	for pos < len(b) && v.matched < len(word) && lower[b[pos]] == word[v.matched] {
		pos++
		v.matched++
	}
	return pos
}

// word is what the value must be.
func (h *Head) word() string {
	if h.kind == expect {
		return continueWord
	}
	return chunkedWord
}

// strictWhole reports whether the value may end at pos.
func (h *Head) strictWhole(pos int) bool {
	switch h.kind {
	case kindHost:
		return h.host.whole()
	case contentLength:
		return pos > h.mark
	}
	return h.value.matched == len(h.word())
}

// strictRefusal says what is wrong with c at pos.
func (h *Head) strictRefusal(c byte, pos int) *Error {
	if c != '\r' && !isValue[c] {
		return badField(pos, "a field value may not hold control characters, and a line ends with CRLF")
	}
	switch h.kind {
	case kindHost:
		return badField(pos, "the Host field is not host[:port]")
	case expect:
		return &Error{417, CodeUnsupportedExpectation, "the only expectation that can be met is 100-continue", pos}
	case transferEncoding:
		return h.codingRefusal(c, pos)
	}
	switch {
	case isDigit(c) && !h.value.ended:
		return badField(pos, "the Content-Length is too large a number")
	case pos == h.mark && c == '\r':
		return badField(pos, "the Content-Length is empty")
	}
	return badField(pos, "the Content-Length must be digits only")
}

// codingRefusal tells a coding that is not understood, 501, from a chunked that is not alone and from what is no coding
// at all (RFC 9112, 6.1).
func (h *Head) codingRefusal(c byte, pos int) *Error {
	begun := isToken[c] || h.value.matched > 0 && (c == ',' || c == ';' || c == '\r' || isOWS(c))
	alone := h.value.matched < len(chunkedWord) || !h.value.ended && isToken[c]
	if begun && alone {
		return &Error{501, CodeUnsupportedCoding, "the only transfer coding that is understood is chunked", pos}
	}
	return badField(pos, "the Transfer-Encoding must be chunked, once, alone and without parameters")
}
