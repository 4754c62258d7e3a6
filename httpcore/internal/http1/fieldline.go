package http1

// fieldLines reads field lines as far as they have arrived; n > 0: the head is complete. Each case goes on with the
// next one; a call that has more bytes goes on where the last one stopped.
func (h *Head) fieldLines(b []byte, maxFields int) (n int, err *Error) {
	pos := h.pos
	for {
		switch h.state {
		case atLine:
			if pos == len(b) {
				h.pos = pos
				return 0, nil
			}
			if c := b[pos]; !isToken[c] {
				if c == '\r' {
					h.pos, h.state = pos+1, atEnd
					return h.end(b)
				}
				return 0, badLineStart(c, pos)
			}
			if len(h.Fields) >= maxFields {
				return 0, &Error{431, CodeTooManyHeaders, "the request has too many header fields", pos}
			}
			h.mark = pos
			fallthrough

		case inName:
			for pos < len(b) && isToken[b[pos]] {
				pos++
			}
			if pos == len(b) {
				h.pos, h.state = pos, inName
				return 0, nil
			}
			if b[pos] != ':' {
				return 0, badField(pos, "a field line must begin with a name and a colon")
			}
			h.name = makeRange(h.mark, pos)
			if h.kind = kindOf(b[h.mark:pos]); h.kind != ordinary {
				if err := h.expectValue(pos); err != nil {
					return 0, err
				}
			}
			pos++
			fallthrough

		case beforeValue:
			for pos < len(b) && isOWS(b[pos]) {
				pos++
			}
			if pos == len(b) {
				h.pos, h.state = pos, beforeValue
				return 0, nil
			}
			h.mark = pos
			fallthrough

		case inValue:
			if h.kind < strict {
				pos += valueLen(b[pos:])
			} else if pos, err = h.strictValue(b, pos); err != nil {
				return 0, err
			}
			if pos == len(b) {
				h.pos, h.state = pos, inValue
				return 0, nil
			}
			if b[pos] != '\r' {
				return 0, badField(pos, "a field value may not hold control characters, and a line ends with CRLF")
			}
			h.takeField(b, pos)
			pos++
			fallthrough

		case afterValue:
			if pos == len(b) {
				h.pos, h.state = pos, afterValue
				return 0, nil
			}
			if b[pos] != '\n' {
				return 0, badField(pos, "a line of the head ends with a CR that no LF follows")
			}
			pos++
			h.state = atLine

		default:
			return h.end(b)
		}
	}
}

func badLineStart(c byte, pos int) *Error {
	switch {
	case isOWS(c):
		return badField(pos, "a field line may not begin with white space")
	case c == '\n':
		return badField(pos, "a line of the head ends with a LF that is not behind a CR")
	}
	return badField(pos, "a field line must begin with a name and a colon")
}

// takeField adds the field line whose value ends at the CR at pos.
func (h *Head) takeField(b []byte, pos int) {
	end := pos
	for end > h.mark && isOWS(b[end-1]) {
		end--
	}
	value := makeRange(h.mark, end)
	h.Fields = append(h.Fields, Field{h.name, value})
	if h.kind != ordinary {
		h.note(b, value)
	}
}

// end takes the LF of the empty line and judges the head as a whole.
func (h *Head) end(b []byte) (n int, err *Error) {
	switch {
	case h.pos == len(b):
		return 0, nil
	case b[h.pos] != '\n':
		return 0, badField(h.pos, "a line of the head ends with a CR that no LF follows")
	case h.Minor == 1 && !h.seen[kindHost]:
		return 0, badField(h.pos, "an HTTP/1.1 request needs a Host field")
	case h.seen[transferEncoding] && h.seen[contentLength]:
		return 0, badField(h.pos, "the request has both Transfer-Encoding and Content-Length")
	}
	h.pos++
	return h.pos, nil
}
