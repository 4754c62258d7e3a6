package http1

import "math"

// maxExtensionBytes bounds the chunk extensions of one body, which are ignored (RFC 9112, 7.1.1).
const maxExtensionBytes = 16 << 10

// TrailerField is one field of a trailer section, its name in canonical form.
type TrailerField struct{ Name, Value string }

// Chunked decodes a chunked body (RFC 9112, 7.1). Reset it before the first Next.
type Chunked struct {
	state      chunkState
	size       int64 // of the chunk's data that is still to come
	digits     int
	extensions int // bytes so far
	offset     int // of the next byte, in the body

	lim      Limits
	trailers int // bytes so far
	line     []byte
	fields   []TrailerField
	count    int
}

type chunkState int

const (
	inSize chunkState = iota
	inExtension
	sizeLF
	inData
	dataCR
	dataLF
	trailerStart
	inTrailer
	trailerLF
	lastLF
	chunksDone
)

// Reset makes c ready for a body. The trailer section is bounded as a head is.
func (c *Chunked) Reset(lim Limits) { *c = Chunked{lim: lim, line: c.line[:0]} }

// Trailer returns the trailer fields, when Next has said done. Fields that frame or route a message are not among them
// (RFC 9110, 6.5.1).
func (c *Chunked) Trailer() []TrailerField { return c.fields }

// Next takes bytes of the body: data is what they hold of the content, up to the end of a chunk, as a part of src; n is
// how many of them are consumed, data included. When n is less than len(src), call it again with the rest; done says
// that the body is complete. The verdict does not depend on how the bytes were split.
func (c *Chunked) Next(src []byte) (data []byte, n int, done bool, err *Error) {
	for n < len(src) && c.state != chunksDone {
		if c.state == inData {
			k := int(min(int64(len(src)-n), c.size))
			data = src[n : n+k]
			c.size -= int64(k)
			if c.size == 0 {
				c.state = dataCR
			}
			c.offset += k
			return data, n + k, false, nil
		}
		if err := c.framing(src[n]); err != nil {
			return nil, n, false, err
		}
		c.offset++
		n++
	}
	return nil, n, c.state == chunksDone, nil
}

// framing takes one byte that is not content.
func (c *Chunked) framing(b byte) *Error {
	switch c.state {
	case inSize:
		return c.sizeByte(b)
	case inExtension:
		return c.extensionByte(b)
	case sizeLF:
		if b != '\n' {
			return badChunk(c.offset, "a chunk's size line must end with CRLF")
		}
		if c.size == 0 {
			c.state = trailerStart
		} else {
			c.state = inData
		}
	case dataCR:
		if b != '\r' {
			return badChunk(c.offset, "a chunk's data must be followed by CRLF")
		}
		c.state = dataLF
	case dataLF:
		if b != '\n' {
			return badChunk(c.offset, "a chunk's data must be followed by CRLF")
		}
		c.state, c.digits = inSize, 0
	default:
		return c.trailerByte(b)
	}
	return nil
}

func (c *Chunked) sizeByte(b byte) *Error {
	if d := hexDigit(b); d >= 0 {
		if c.digits++; c.digits > 16 || c.size > (math.MaxInt64-int64(d))/16 {
			return badChunk(c.offset, "a chunk's size is too large a number")
		}
		c.size = c.size*16 + int64(d)
		return nil
	}
	switch {
	case c.digits > 0 && b == '\r':
		c.state = sizeLF
		return nil
	case c.digits > 0 && b == ';':
		c.state = inExtension
		return nil
	}
	return badChunk(c.offset, "a chunk's size must be hexadecimal digits")
}

func (c *Chunked) extensionByte(b byte) *Error {
	if b == '\r' {
		c.state = sizeLF
		return nil
	}
	if !isValue[b] {
		return badChunk(c.offset, "a chunk extension may not hold control characters")
	}
	if c.extensions++; c.extensions > maxExtensionBytes {
		return badChunk(c.offset, "the chunk extensions are too long")
	}
	return nil
}

// trailerByte collects the trailer section line by line and has the head's parser judge it.
func (c *Chunked) trailerByte(b byte) *Error {
	if c.trailers++; c.trailers > c.lim.MaxHeaderBytes {
		return &Error{431, CodeHeadTooLarge, "the trailer section is too large", c.offset}
	}
	switch c.state {
	case trailerStart:
		switch {
		case b == '\r':
			c.state = lastLF
			return nil
		case c.count == c.lim.MaxHeaders:
			return &Error{431, CodeTooManyHeaders, "the request has too many trailer fields", c.offset}
		case !isToken[b]:
			return badField(c.offset, "a trailer field must begin with a name and a colon")
		}
		c.line = append(c.line[:0], b)
		c.state = inTrailer
	case inTrailer:
		if b == '\r' {
			c.state = trailerLF
			return c.field()
		}
		if !isValue[b] {
			return badField(c.offset, "a trailer field may not hold control characters")
		}
		c.line = append(c.line, b)
	case trailerLF:
		if b != '\n' {
			return badField(c.offset, "a trailer line must end with CRLF")
		}
		c.state = trailerStart
	case lastLF:
		if b != '\n' {
			return badField(c.offset, "the trailer section must end with CRLF")
		}
		c.state = chunksDone
	}
	return nil
}

// field takes the line that has been collected.
func (c *Chunked) field() *Error {
	c.count++
	colon := 0
	for colon < len(c.line) && isToken[c.line[colon]] {
		colon++
	}
	if colon == len(c.line) || c.line[colon] != ':' {
		return badField(c.offset, "a trailer field must begin with a name and a colon")
	}
	name := canonical(string(c.line[:colon]))
	if !forbiddenTrailer(name) {
		c.fields = append(c.fields, TrailerField{name, string(trimOWS(c.line[colon+1:]))})
	}
	return nil
}

// forbiddenTrailer has the fields that must not come after the body: framing, routing, and what is needed before.
func forbiddenTrailer(name string) bool {
	switch name {
	case "Transfer-Encoding", "Content-Length", "Host", "Trailer", "Connection", "Upgrade", "Te", "Expect", "Content-Encoding",
		"Content-Type", "Content-Range", "Authorization", "Cookie", "Set-Cookie", "Max-Forwards", "Cache-Control", "Range",
		"Proxy-Authorization", "Keep-Alive":
		return true
	}
	return false
}
