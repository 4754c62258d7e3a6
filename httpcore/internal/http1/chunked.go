package http1

import "math"

const (
	// maxExtensionBytes bounds the chunk extensions of one body, their semicolons included. They are ignored
	// (RFC 9112, 7.1.1), so more of them only cost.
	maxExtensionBytes = 16 << 10
	// maxSizeDigits bounds a chunk's size line: leading zeros are no way around the limit on extensions.
	maxSizeDigits = 16
)

// Chunked decodes a chunked body (RFC 9112, 7.1). Reset it before the first Next: its zero value is not ready. One
// goroutine may use it at a time.
type Chunked struct {
	state      chunkState
	digits     int   // of the present chunk's size
	size       int64 // of the present chunk's data that is still to come
	extensions int   // bytes so far
	offset     int   // of the next byte, in the body

	lim      Limits
	trailers trailers
}

// chunkState is what Next expects.
type chunkState uint8

const (
	inSize chunkState = iota
	inExtension
	sizeLF
	inData
	dataCR
	dataLF
	inTrailers
	chunksDone
)

// Reset makes c ready for a body. Its trailer section is bounded as a head is. What Trailer returned stays as it is.
func (c *Chunked) Reset(lim Limits) {
	*c = Chunked{lim: lim, trailers: trailers{line: c.trailers.line[:0]}}
}

// Trailer returns the trailer fields, in order, when Next has said done; nil when there were none. Fields that frame,
// route or authenticate a message are not among them (RFC 9110, 6.5.1).
func (c *Chunked) Trailer() []TrailerField { return c.trailers.fields }

// Next takes bytes of the body: data is what they hold of the content, up to the end of a chunk, as a view of src; n is
// how many of them are consumed, data included. When n is less than len(src), call it again with the rest, else with
// what comes next; done says that the body is complete, and src[n:] is the next request's.
//
// The verdict falls at the first byte that cannot be part of a body, so it does not depend on how the bytes were split;
// data that came before that byte has been handed out. Nothing is allocated but for trailers and for an Error.
func (c *Chunked) Next(src []byte) (data []byte, n int, done bool, err *Error) {
	for n < len(src) && c.state != chunksDone {
		switch c.state {
		case inData:
			k := int(min(int64(len(src)-n), c.size))
			data = src[n : n+k : n+k]
			if c.size -= int64(k); c.size == 0 {
				c.state = dataCR
			}
			n += k
			c.offset += n
			return data, n, false, nil
		case inTrailers:
			n, err = c.trailerSection(src, n)
		default:
			n, err = c.framing(src, n)
		}
		if err != nil {
			return nil, n, false, err
		}
	}
	c.offset += n
	return nil, n, c.state == chunksDone, nil
}

// framing takes src[n:] from the end of a chunk's data to the end of the next size line, as far as it has arrived. Each
// case goes on with the next one.
func (c *Chunked) framing(src []byte, n int) (int, *Error) {
	switch c.state {
	case dataCR:
		if src[n] != '\r' {
			return n, c.bad(n, "a chunk's data must be followed by CRLF")
		}
		c.state = dataLF
		if n++; n == len(src) {
			return n, nil
		}
		fallthrough

	case dataLF:
		if src[n] != '\n' {
			return n, c.bad(n, "a chunk's data must be followed by CRLF")
		}
		c.state, c.digits = inSize, 0
		if n++; n == len(src) {
			return n, nil
		}
		fallthrough

	case inSize:
		n, err := c.sizeDigits(src, n)
		if err != nil || n == len(src) || c.state != sizeLF {
			return n, err
		}
		return c.lineEnd(src, n)

	case inExtension:
		k := valueLen(src[n:])
		if room := maxExtensionBytes - c.extensions; k > room {
			return n + room, c.bad(n+room, "the chunk extensions are too long")
		}
		c.extensions += k
		if n += k; n == len(src) {
			return n, nil
		}
		if src[n] != '\r' {
			return n, c.bad(n, "a chunk extension may not hold control characters, and its line ends with CRLF")
		}
		c.state = sizeLF
		return n + 1, nil
	}
	return c.lineEnd(src, n)
}

// sizeDigits takes the size and the byte behind it: a CR, or the semicolon of an extension, which it leaves.
func (c *Chunked) sizeDigits(src []byte, n int) (int, *Error) {
	for ; n < len(src); n++ {
		d := hexDigit(src[n])
		if d < 0 {
			break
		}
		if c.digits == maxSizeDigits || c.size > (math.MaxInt64-int64(d))/16 {
			return n, c.bad(n, "a chunk's size is too large a number")
		}
		c.size = c.size*16 + int64(d)
		c.digits++
	}
	switch {
	case n == len(src):
		return n, nil
	case c.digits > 0 && src[n] == '\r':
		c.state = sizeLF
		return n + 1, nil
	case c.digits > 0 && src[n] == ';':
		c.state = inExtension
		return n, nil
	}
	return n, c.bad(n, "a chunk's size must be hexadecimal digits, with CRLF or an extension behind them")
}

// lineEnd takes the LF of the size line.
func (c *Chunked) lineEnd(src []byte, n int) (int, *Error) {
	if src[n] != '\n' {
		return n, c.bad(n, "a chunk's size line must end with CRLF")
	}
	c.state = inData
	if c.size == 0 {
		c.state = inTrailers
	}
	return n + 1, nil
}

func (c *Chunked) bad(n int, reason string) *Error { return badChunk(c.offset+n, reason) }
