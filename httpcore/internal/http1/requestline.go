package http1

// requestLine reads the request line, as far as it has arrived (RFC 9112, 3).
func (h *Head) requestLine(b []byte, maxTarget int) *Error {
	if h.state == inMethod {
		if err := h.method(b); err != nil {
			return err
		}
	}
	if inTarget <= h.state && h.state < inVersion {
		if err := h.target(b, maxTarget); err != nil {
			return err
		}
	}
	if h.state == inVersion {
		return h.version(b)
	}
	return nil
}

func (h *Head) method(b []byte) *Error {
	pos := h.pos
	for pos < len(b) && isToken[b[pos]] {
		pos++
	}
	h.pos = pos
	if pos == len(b) {
		return nil
	}
	if b[pos] != ' ' || pos == h.mark {
		return badLine(pos, "the method must be a token, with one space behind it")
	}
	h.Method = makeRange(h.mark, pos)
	h.pos++
	h.state, h.mark = inTarget, h.pos
	return nil
}

// version reads what follows the target, to the end of the line. A well-formed version of another major number is 505;
// everything else that is not HTTP/1.0 or HTTP/1.1 is 400.
func (h *Head) version(b []byte) *Error {
	const usual = "HTTP/1.1\r\n"
	if h.pos == h.mark && len(b)-h.pos >= len(usual) && string(b[h.pos:h.pos+len(usual)]) == usual {
		h.Minor = 1
		h.pos += len(usual)
		h.state = atLine
		return nil
	}
	for ; h.pos < len(b); h.pos++ {
		i, c := h.pos-h.mark, b[h.pos]
		ok := false
		switch {
		case i < 5:
			ok = c == "HTTP/"[i]
		case i == 5:
			ok = isDigit(c)
		case i == 6:
			ok = c == '.'
		case i == 7:
			ok = isDigit(c) && (b[h.mark+5] != '1' || c <= '1')
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
