package http1

import (
	"bytes"
	"math"
)

func (h *Head) fieldName(b []byte) *Error {
	for ; h.pos < len(b); h.pos++ {
		c := b[h.pos]
		if isToken[c] {
			continue
		}
		if c != ':' || h.pos == h.mark {
			return badField(h.pos, "a field line must begin with a name and a colon")
		}
		h.name = Range{uint32(h.mark), uint32(h.pos)}
		h.pos++
		h.state = beforeValue
		return nil
	}
	return nil
}

func (h *Head) skipSpace(b []byte) {
	for h.pos < len(b) && (b[h.pos] == ' ' || b[h.pos] == '\t') {
		h.pos++
	}
	if h.pos < len(b) {
		h.state, h.mark = inValue, h.pos
	}
}

// value reads to the end of the line and takes the field.
func (h *Head) value(b []byte) *Error {
	h.pos += valueLen(b[h.pos:])
	if h.pos == len(b) {
		return nil
	}
	if b[h.pos] != '\r' {
		return badField(h.pos, "a field value may not hold control characters, and a line ends with CRLF")
	}
	if h.pos+1 == len(b) {
		return nil
	}
	if b[h.pos+1] != '\n' {
		return badField(h.pos+1, "a line of the head ends with a CR that no LF follows")
	}
	end := h.pos
	for end > h.mark && (b[end-1] == ' ' || b[end-1] == '\t') {
		end--
	}
	f := Field{h.name, Range{uint32(h.mark), uint32(end)}}
	h.Fields = append(h.Fields, f)
	if err := h.classify(f, b); err != nil {
		err.Offset = h.pos + 1
		return err
	}
	h.pos += 2
	h.state = atLine
	return nil
}

// classify notes what the server itself must know of a field. The length picks the few names to compare with.
func (h *Head) classify(f Field, b []byte) *Error {
	name := f.Name.In(b)
	switch len(name) {
	case 4:
		if equalFold(name, "host") {
			return h.host(f.Value, b)
		}
	case 6:
		if equalFold(name, "expect") {
			return h.expect(f.Value.In(b))
		}
	case 7:
		if equalFold(name, "upgrade") {
			h.UpgradeProtocol = f.Value
		}
	case 10:
		if equalFold(name, "connection") {
			h.connection(f.Value.In(b))
		}
	case 11:
		if equalFold(name, "traceparent") {
			h.Traceparent = f.Value
		}
	case 14:
		if equalFold(name, "content-length") {
			return h.contentLength(f.Value.In(b))
		}
	case 15:
		if equalFold(name, "accept-encoding") {
			h.AcceptEncoding = f.Value
		}
	case 17:
		if equalFold(name, "transfer-encoding") {
			return h.transferEncoding(f.Value.In(b))
		}
	}
	return nil
}

func (h *Head) host(v Range, b []byte) *Error {
	if h.hasHost {
		return badField(0, "the request has two Host fields")
	}
	if !validHost(v.In(b)) {
		return badField(0, "the Host field is not host[:port]")
	}
	h.hasHost = true
	h.Host = v
	if h.Form != AbsoluteForm && h.Form != AuthorityForm {
		h.Authority = v
	}
	return nil
}

// expect takes the one expectation that there is. HTTP/1.0 has none, and ignores it (RFC 9110, 10.1.1).
func (h *Head) expect(v []byte) *Error {
	if h.Minor == 0 {
		return nil
	}
	if !bytes.EqualFold(v, []byte("100-continue")) {
		return &Error{417, CodeUnsupportedExpectation, "the only expectation that can be met is 100-continue", 0}
	}
	h.ExpectContinue = true
	return nil
}

func (h *Head) connection(v []byte) {
	for len(v) > 0 {
		item := v
		if i := bytes.IndexByte(v, ','); i >= 0 {
			item, v = v[:i], v[i+1:]
		} else {
			v = nil
		}
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

// contentLength takes digits only: no sign, no list, no second line (RFC 9112, 6.3, lets equal ones pass; they are
// where parsers disagree).
func (h *Head) contentLength(v []byte) *Error {
	if h.ContentLength >= 0 {
		return badField(0, "the request has two Content-Length fields")
	}
	if len(v) == 0 {
		return badField(0, "the Content-Length is empty")
	}
	n := int64(0)
	for _, c := range v {
		if c < '0' || c > '9' {
			return badField(0, "the Content-Length must be digits only")
		}
		d := int64(c - '0')
		if n > (math.MaxInt64-d)/10 {
			return badField(0, "the Content-Length is too large a number")
		}
		n = n*10 + d
	}
	h.ContentLength = n
	return nil
}

// transferEncoding takes chunked, once and alone; other codings are not implemented (RFC 9112, 6.1).
func (h *Head) transferEncoding(v []byte) *Error {
	switch {
	case h.Minor == 0:
		return badField(0, "HTTP/1.0 has no Transfer-Encoding")
	case h.hasTE:
		return badField(0, "the request has two Transfer-Encoding fields")
	}
	h.hasTE = true
	if equalFold(v, "chunked") {
		h.Chunked = true
		return nil
	}
	for rest := v; ; {
		item, after, more := bytes.Cut(rest, []byte(","))
		item = trimOWS(item)
		coding, _, _ := bytes.Cut(item, []byte(";"))
		if equalFold(trimOWS(coding), "chunked") || len(item) == 0 || !allToken(trimOWS(coding)) {
			return badField(0, "the Transfer-Encoding must be chunked, once, last and without parameters")
		}
		if rest = after; !more {
			return &Error{501, CodeUnsupportedCoding, "the only transfer coding that is understood is chunked", 0}
		}
	}
}

func allToken(b []byte) bool {
	for _, c := range b {
		if !isToken[c] {
			return false
		}
	}
	return len(b) > 0
}

// check judges the head as a whole; at is where it ends.
func (h *Head) check(at int) *Error {
	switch {
	case h.Minor == 1 && !h.hasHost:
		return badField(at, "an HTTP/1.1 request needs a Host field")
	case h.hasTE && h.ContentLength >= 0:
		return badField(at, "the request has both Transfer-Encoding and Content-Length")
	}
	return nil
}
