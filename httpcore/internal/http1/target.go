package http1

// target reads the request target and the space behind it.
func (h *Head) target(b []byte, maxBytes int) *Error {
	view := b
	if len(b)-h.mark > maxBytes {
		view = b[:h.mark+maxBytes]
	}
	h.targetBytes(view)
	if h.pos == len(b) {
		return nil
	}
	c := b[h.pos]
	if h.pos == len(view) && isTarget[c] {
		return &Error{414, CodeTargetTooLong, "the request target is too long", h.pos}
	}
	if c != ' ' || !h.targetWhole() {
		return badLine(h.pos, h.targetReason())
	}
	h.Target = makeRange(h.mark, h.pos)
	h.pos++
	h.state, h.mark = inVersion, h.pos
	return nil
}

// targetBytes takes what may stand in the target: to the end of b, or to the first byte that may not.
func (h *Head) targetBytes(b []byte) {
	for h.pos < len(b) {
		c := b[h.pos]
		switch h.state {
		case inTarget:
			if !h.targetStart(b, c) {
				return
			}
		case inScheme:
			if c == ':' {
				h.state = inSlash1
			} else if !isLetter(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
				return
			}
			h.pos++
		case inSlash1, inSlash2:
			if c != '/' {
				return
			}
			h.state++
			h.pos++
			h.Authority.Start = uint32(h.pos)
		case inAuthority:
			h.pos = h.host.scan(b, h.pos)
			if h.pos == len(b) || b[h.pos] != '/' && b[h.pos] != '?' || !h.targetWhole() {
				return
			}
			h.state = inPath
		case inConnect:
			h.pos = h.host.scan(b, h.pos)
			return
		case inPath:
			h.pos += cleanLen(b[h.pos:], '!')
			return
		default:
			return
		}
	}
}

// targetStart tells the form of the target by its first byte, and reports whether there is one that begins so.
func (h *Head) targetStart(b []byte, c byte) bool {
	switch {
	case string(h.Method.In(b)) == "CONNECT":
		h.Form, h.state = AuthorityForm, inConnect
		return true
	case c == '/':
		h.state = inPath
	case c == '*' && string(h.Method.In(b)) == "OPTIONS":
		h.Form, h.state = AsteriskForm, inAsterisk
	case isLetter(c):
		h.Form, h.state = AbsoluteForm, inScheme
	default:
		return false
	}
	h.pos++
	return true
}

// targetWhole reports whether the target may end at pos. It notes the authority, whose end that is at the latest.
func (h *Head) targetWhole() bool {
	switch h.state {
	case inPath, inAsterisk:
		return true
	case inAuthority:
		h.Authority.End = uint32(h.pos)
		return h.host.part != hostStart && h.host.whole()
	case inConnect:
		// RFC 9110, 9.3.6: an empty or invalid port must be refused.
		h.Authority = makeRange(h.mark, h.pos)
		return h.host.part == hostPort && h.host.port > 0
	}
	return false
}

func (h *Head) targetReason() string {
	switch h.state {
	case inConnect:
		return "CONNECT takes host:port"
	case inAuthority:
		return "the authority of the request target is not host[:port]"
	case inPath, inAsterisk:
		return "the request target must be followed by one space and the version"
	}
	return "the request target must begin with a slash or be an absolute URI; * goes with OPTIONS only"
}

func isLetter(c byte) bool { return 'a' <= lower[c] && lower[c] <= 'z' }
