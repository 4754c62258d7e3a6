package http1

// Limits bound a request's head. All are positive.
type Limits struct {
	MaxTargetBytes int // of the request target; over it 414
	MaxHeaderBytes int // of the head as a whole, its empty line included; over it 431
	MaxHeaders     int // of the field lines; over it 431
}

// Range is a part of the head: bytes Start to End, counted from the first byte given to Parse.
type Range struct{ Start, End uint32 }

// In returns the range of b, which is what was given to Parse.
func (r Range) In(b []byte) []byte { return b[r.Start:r.End] }

// Field is one field line, its value without the white space around it.
type Field struct{ Name, Value Range }

// TargetForm is the form of a request target (RFC 9112, 3.2).
type TargetForm int

// The forms.
const (
	OriginForm    TargetForm = iota // /path?query
	AbsoluteForm                    // http://host/path
	AuthorityForm                   // host:port, with CONNECT
	AsteriskForm                    // *, with OPTIONS
)

// maxEmptyLines is how many empty lines before the request line are skipped (RFC 9112, 2.2, asks for at least one).
const maxEmptyLines = 4

// Head is the head of a request: where its parts are, and how far Parse has come. It holds offsets, so the bytes may be
// moved between two calls of Parse. Reset it before the first.
type Head struct {
	Method, Target Range
	// Minor is the version: HTTP/1.Minor.
	Minor int
	// Form is how Target is written.
	Form TargetForm
	// Fields are the field lines in order.
	Fields []Field

	// Host is the value of Host; Authority is what the request is for: the authority of an absolute-form target or of
	// CONNECT, else Host.
	Host, Authority Range
	// ContentLength is -1 without the field.
	ContentLength int64
	// Chunked: the body is chunked.
	Chunked bool
	// Close, KeepAlive and Upgrade: the Connection field has that token.
	Close, KeepAlive, Upgrade bool
	// ExpectContinue: the client waits for 100 Continue (HTTP/1.1 only).
	ExpectContinue bool
	// UpgradeProtocol, AcceptEncoding and Traceparent are the values of these fields, the last one where there are
	// several; empty without.
	UpgradeProtocol, AcceptEncoding, Traceparent Range

	state   state
	pos     int // everything before it was looked at
	mark    int // where the present part began
	start   int // where the request line began
	empty   int // empty lines before it
	name    Range
	hasHost bool
	hasTE   bool
}

// state is what Parse expects at pos.
type state int

const (
	inEmptyLines state = iota
	inMethod
	inTarget
	inVersion
	atLine
	inName
	beforeValue
	inValue
)

// Reset makes h ready for the next request. The memory of Fields is kept.
func (h *Head) Reset() { *h = Head{Fields: h.Fields[:0], ContentLength: -1} }

// Started reports whether anything but empty lines has been seen by Parse.
func (h *Head) Started() bool { return h.state != inEmptyLines }

// Parse takes all that has arrived of a request so far. n > 0 is the length of the complete head, with the empty lines
// before it; n == 0 without an error asks for more: call Parse again with the same bytes and some behind them.
//
// The verdict is made at the first byte after which no acceptable head can follow, so it does not depend on how the
// bytes were split. No byte is looked at twice.
func (h *Head) Parse(b []byte, lim Limits) (n int, err *Error) {
	over := false
	if most := h.start + lim.MaxHeaderBytes; len(b) > most && h.state > inEmptyLines {
		b, over = b[:most], true
	}
	done := false
	for !done {
		before := h.state
		switch h.state {
		case inEmptyLines:
			done, err = h.emptyLines(b)
			if most := h.start + lim.MaxHeaderBytes; len(b) > most && h.state > inEmptyLines {
				b, over = b[:most], true
			}
		case inMethod:
			err = h.method(b)
		case inTarget:
			err = h.target(b, lim)
		case inVersion:
			err = h.version(b)
		case atLine:
			n, done, err = h.line(b, lim)
		case inName:
			err = h.fieldName(b)
		case beforeValue:
			h.skipSpace(b)
		case inValue:
			err = h.value(b)
		}
		if err != nil || n > 0 {
			return n, err
		}
		if h.state == before && h.state != inEmptyLines {
			done = true // it needs more bytes
		}
	}
	if over {
		return 0, &Error{431, CodeHeadTooLarge, "the head of the request is too large", len(b)}
	}
	return 0, nil
}

// line decides what the line at pos is: a field, or the end of the head.
func (h *Head) line(b []byte, lim Limits) (n int, done bool, err *Error) {
	if h.pos == len(b) {
		return 0, true, nil
	}
	switch c := b[h.pos]; {
	case c == '\r':
		if h.pos+1 == len(b) {
			return 0, true, nil
		}
		if b[h.pos+1] != '\n' {
			return 0, true, badField(h.pos+1, "a line of the head ends with a CR that no LF follows")
		}
		if err := h.check(h.pos + 1); err != nil {
			return 0, true, err
		}
		h.pos += 2
		return h.pos, true, nil
	case c == ' ' || c == '\t':
		return 0, true, badField(h.pos, "a field line may not begin with white space")
	case len(h.Fields) == lim.MaxHeaders:
		return 0, true, &Error{431, CodeTooManyHeaders, "the request has too many header fields", h.pos}
	}
	h.state, h.mark = inName, h.pos
	return 0, false, nil
}
