package http1

import "bytes"

// emptyLines skips CRLF before the request line.
func (h *Head) emptyLines(b []byte) (needMore bool, err *Error) {
	for h.pos < len(b) && b[h.pos] == '\r' {
		if h.empty == maxEmptyLines {
			return true, badLine(h.pos, "too many empty lines before the request line")
		}
		if h.pos+1 == len(b) {
			return true, nil
		}
		if b[h.pos+1] != '\n' {
			return true, badLine(h.pos+1, "a CR that no LF follows")
		}
		h.pos += 2
		h.empty++
	}
	if h.pos == len(b) {
		return true, nil
	}
	h.state, h.start, h.mark = inMethod, h.pos, h.pos
	return false, nil
}

func (h *Head) method(b []byte) *Error {
	for ; h.pos < len(b); h.pos++ {
		c := b[h.pos]
		if isToken[c] {
			continue
		}
		if c != ' ' || h.pos == h.mark {
			return badLine(h.pos, "the method must be a token, with one space behind it")
		}
		h.Method = Range{uint32(h.mark), uint32(h.pos)}
		h.pos++
		h.state, h.mark = inTarget, h.pos
		return nil
	}
	return nil
}

func (h *Head) target(b []byte, lim Limits) *Error {
	for ; h.pos < len(b); h.pos++ {
		c := b[h.pos]
		if isTarget[c] {
			if h.pos-h.mark == lim.MaxTargetBytes {
				return &Error{414, CodeTargetTooLong, "the request target is too long", h.pos}
			}
			continue
		}
		if c != ' ' {
			return badLine(h.pos, "the request target must be followed by one space and the version")
		}
		h.Target = Range{uint32(h.mark), uint32(h.pos)}
		if err := h.targetForm(b); err != nil {
			return err
		}
		h.pos++
		h.state, h.mark = inVersion, h.pos
		return nil
	}
	return nil
}

// targetForm tells the form of the target and takes the authority out of it.
func (h *Head) targetForm(b []byte) *Error {
	t, method := h.Target.In(b), h.Method.In(b)
	at := int(h.Target.Start)
	connect := string(method) == "CONNECT"
	switch {
	case len(t) == 0:
		return badLine(at, "the request target is empty")
	case connect:
		if !validHost(t) || bytes.IndexByte(t, ':') < 0 {
			return badLine(at, "CONNECT takes host:port")
		}
		h.Form, h.Authority = AuthorityForm, h.Target
	case t[0] == '/':
	case string(t) == "*":
		if string(method) != "OPTIONS" {
			return badLine(at, "the target * goes with OPTIONS only")
		}
		h.Form = AsteriskForm
	default:
		return h.absoluteForm(t, at)
	}
	return nil
}

func (h *Head) absoluteForm(t []byte, at int) *Error {
	i := bytes.Index(t, []byte("://"))
	if i <= 0 || !validScheme(t[:i]) {
		return badLine(at, "the request target must begin with a slash or be an absolute URI")
	}
	authority := t[i+3:]
	if end := bytes.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	if len(authority) == 0 || !validHost(authority) {
		return badLine(at+i+3, "the authority of the request target is not host[:port]")
	}
	h.Form = AbsoluteForm
	from := uint32(at + i + 3)
	h.Authority = Range{from, from + uint32(len(authority))}
	return nil
}

func validScheme(s []byte) bool {
	for i, c := range s {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return true
}

// version reads what follows the target, to the end of the line. A well-formed version of another major number is 505;
// everything else that is not HTTP/1.0 or HTTP/1.1 is 400.
func (h *Head) version(b []byte) *Error {
	for ; h.pos < len(b); h.pos++ {
		i, c := h.pos-h.mark, b[h.pos]
		ok := false
		switch {
		case i < 5:
			ok = c == "HTTP/"[i]
		case i == 5:
			ok = '0' <= c && c <= '9'
		case i == 6:
			ok = c == '.'
		case i == 7:
			ok = '0' <= c && c <= '9' && (b[h.mark+5] != '1' || c <= '1')
		case i == 8:
			ok = c == '\r'
		case i == 9:
			ok = c == '\n'
		}
		if !ok {
			return badLine(h.pos, "the request line must end with HTTP/1.1 or HTTP/1.0 and CRLF")
		}
		if i < 9 {
			continue
		}
		if b[h.mark+5] != '1' {
			return &Error{505, CodeInvalidHTTPVersion, "only HTTP/1.1 and HTTP/1.0 are spoken here", h.pos}
		}
		h.Minor = int(b[h.mark+7] - '0')
		h.pos++
		h.state = atLine
		return nil
	}
	return nil
}
