package http1

// TrailerField is one field of a trailer section, its name in canonical form, its value without the white space around
// it. The strings are its own.
type TrailerField struct{ Name, Value string }

// trailers is how far a trailer section has come. A line is collected, because its bytes need not come at once.
type trailers struct {
	state  trailerState
	bytes  int // so far
	count  int // of lines so far, those of dropped fields included
	name   string
	line   []byte // the name or the value that is being read
	fields []TrailerField
}

type trailerState uint8

const (
	trailerStart trailerState = iota
	inTrailerName
	inTrailerValue
	trailerLF
	lastLF
)

// trailerSection takes src[n:] by the rules of a head (RFC 9112, 7.1.2), up to the end of the body.
func (c *Chunked) trailerSection(src []byte, n int) (int, *Error) {
	t := &c.trailers
	over := len(src)-n > c.lim.MaxHeaderBytes-t.bytes
	if over {
		src = src[:n+c.lim.MaxHeaderBytes-t.bytes]
	}
	begin := n
	for n < len(src) && c.state == inTrailers {
		var err *Error
		if n, err = c.trailerPart(src, n); err != nil {
			return n, err
		}
	}
	t.bytes += n - begin
	if over && c.state == inTrailers {
		return n, &Error{431, CodeHeadTooLarge, "the trailer section is too large", c.offset + n}
	}
	return n, nil
}

// trailerPart takes one part of a line.
func (c *Chunked) trailerPart(src []byte, n int) (int, *Error) {
	t := &c.trailers
	switch t.state {
	case trailerStart:
		switch {
		case src[n] == '\r':
			t.state = lastLF
			return n + 1, nil
		case !isToken[src[n]]:
			return n, badLineStart(src[n], c.offset+n)
		case t.count >= c.lim.MaxHeaders:
			return n, &Error{431, CodeTooManyHeaders, "the request has too many trailer fields", c.offset + n}
		}
		t.count++
		t.state, t.line = inTrailerName, t.line[:0]

	case inTrailerName:
		begin := n
		for n < len(src) && isToken[src[n]] {
			n++
		}
		t.line = append(t.line, src[begin:n]...)
		if n == len(src) {
			return n, nil
		}
		if src[n] != ':' {
			return n, badField(c.offset+n, "a trailer field must begin with a name and a colon")
		}
		t.name = canonical(string(t.line))
		t.state, t.line = inTrailerValue, t.line[:0]
		n++

	case inTrailerValue:
		k := valueLen(src[n:])
		t.line = append(t.line, src[n:n+k]...)
		if n += k; n == len(src) {
			return n, nil
		}
		if src[n] != '\r' {
			return n, badField(c.offset+n, "a trailer field may not hold control characters, and its line ends with CRLF")
		}
		if !forbiddenTrailer(t.name) {
			t.fields = append(t.fields, TrailerField{t.name, string(trimOWS(t.line))})
		}
		t.state = trailerLF
		n++

	default:
		if src[n] != '\n' {
			return n, badField(c.offset+n, "a line of the trailer section ends with a CR that no LF follows")
		}
		if t.state == lastLF {
			c.state = chunksDone
		}
		t.state = trailerStart
		n++
	}
	return n, nil
}

// forbiddenTrailer has the fields that must not come after the body: framing, routing, authentication, and what is
// needed before.
func forbiddenTrailer(name string) bool {
	switch name {
	case "Authorization", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Range",
		"Content-Type", "Cookie", "Expect", "Host", "Keep-Alive", "Max-Forwards", "Proxy-Authorization",
		"Proxy-Connection", "Range", "Set-Cookie", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}
