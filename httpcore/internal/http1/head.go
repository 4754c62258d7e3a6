package http1

import "math"

// Limits bound a request's head, and with the same figures a trailer section. All must be positive.
type Limits struct {
	MaxTargetBytes int // of the request target; over it 414
	MaxHeaderBytes int // of the head as a whole, from its method to its empty line, both included; over it 431
	MaxHeaders     int // of the field lines; over it 431
}

// Range is a part of the head: bytes Start to End, counted from the first byte given to Parse. The zero Range is empty.
type Range struct{ Start, End uint32 }

// In returns the range of b, which is what was given to Parse, as a view.
func (r Range) In(b []byte) []byte { return b[r.Start:r.End] }

func makeRange(start, end int) Range { return Range{uint32(start), uint32(end)} }

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

// maxEmptyLines is how many empty lines before the request line are skipped. RFC 9112, 2.2, asks for at least one, for
// clients that send CRLF behind a body; more than a few are a flood that would never reach MaxHeaderBytes.
const maxEmptyLines = 4

// Head is the head of a request: where its parts are, and how far Parse has come. It holds offsets, so the bytes may be
// moved, but not changed, between two calls of Parse. Reset it before the first: its zero value is not ready. One
// goroutine may use it at a time.
//
// After an error Method and Target are set if Parse came past them, and Minor if HasVersion says so; the rest is unspecified.
type Head struct {
	Method, Target Range
	// Minor is the version: HTTP/1.Minor.
	Minor int
	// Form is how Target is written.
	Form TargetForm
	// Fields are the field lines in order.
	Fields []Field

	// Host is the value of Host; Authority is what the request is for: the authority of an absolute-form target or of
	// CONNECT, else Host (RFC 9112, 3.3). Both may be empty.
	Host, Authority Range
	// ContentLength is -1 without the field.
	ContentLength int64
	// Chunked: the body is chunked. Never together with a ContentLength.
	Chunked bool
	// Close, KeepAlive and Upgrade: the Connection fields have that token. Several may be set.
	Close, KeepAlive, Upgrade bool
	// ExpectContinue: the client waits for 100 Continue. Never in HTTP/1.0, which has none (RFC 9110, 10.1.1).
	ExpectContinue bool
	// UpgradeProtocol and AcceptEncoding are the values of these fields, the last one where there are several.
	UpgradeProtocol, AcceptEncoding Range
	// Traceparent is the value of that field; empty where there are several, which Trace Context takes for none.
	Traceparent Range

	state state
	pos   int // everything before it was looked at
	mark  int // where the present part began
	start int // where the request line began
	empty int // empty lines before it
	host  authority

	name  Range // of the present field line
	kind  kind  // what is known of that name
	value value // how far its value was judged
	seen  [kinds]bool
}

// state is what Parse expects at pos. The order is that of the head.
type state uint8

const (
	inEmptyLines state = iota
	inMethod
	inTarget    // its first byte
	inScheme    // of absolute-form
	inSlash1    // after the scheme's colon
	inSlash2    //
	inAuthority // of absolute-form
	inConnect   // the authority of CONNECT
	inPath      // and query, of origin-form and absolute-form
	inAsterisk  // after it
	inVersion   //
	atLine      // a field line begins, or the head ends
	inName      //
	beforeValue //
	inValue     //
	afterValue  // after the CR
	atEnd       // after the CR of the empty line
)

// Reset makes h ready for the next request. The memory of Fields is kept.
func (h *Head) Reset() { *h = Head{Fields: h.Fields[:0], ContentLength: -1} }

// Started reports whether Parse has seen anything but empty lines.
func (h *Head) Started() bool { return h.state != inEmptyLines }

// HasVersion reports whether Parse has come past the version, and it is one that is spoken here.
func (h *Head) HasVersion() bool { return h.state >= atLine }

// Parse takes all that has arrived of a request so far. n > 0 is the length of the complete head, with the empty lines
// before it; n == 0 without an error asks for more: call Parse again with the same bytes and some behind them. After
// n > 0 or an error, Reset comes next.
//
// A verdict falls at the first byte after which no acceptable head can follow, so it does not depend on how the bytes
// were split. What was scanned is not scanned again when more comes: a head that trickles in costs no more than its length.
// What needs the head as a whole (a missing Host, two framings) is judged at its last byte, an IPv6 address at its
// closing bracket, and the version at the end of its line, because what is wrong with it tells 400 from 505.
//
// A head that is accepted allocates nothing once Fields has grown; an Error is allocated, because collectors may keep it.
func (h *Head) Parse(b []byte, lim Limits) (n int, err *Error) {
	if h.state == inEmptyLines {
		if err := h.emptyLines(b); err != nil || h.state == inEmptyLines {
			return 0, err
		}
	}
	most := min(lim.MaxHeaderBytes, math.MaxInt32) // a Range counts no further
	over := len(b)-h.start > most
	if over {
		b = b[:h.start+most]
	}
	if h.state < atLine {
		if err := h.requestLine(b, lim.MaxTargetBytes); err != nil {
			return 0, err
		}
	}
	if h.state >= atLine {
		if n, err = h.fieldLines(b, lim.MaxHeaders); n > 0 || err != nil {
			return n, err
		}
	}
	if over {
		return 0, &Error{431, CodeHeadTooLarge, "the head of the request is too large", len(b)}
	}
	return 0, nil
}

// emptyLines skips CRLF before the request line.
func (h *Head) emptyLines(b []byte) *Error {
	for h.pos < len(b) && b[h.pos] == '\r' {
		if h.empty == maxEmptyLines {
			return badLine(h.pos, "too many empty lines before the request line")
		}
		if h.pos+1 == len(b) {
			return nil
		}
		if b[h.pos+1] != '\n' {
			return badLine(h.pos+1, "a CR that no LF follows")
		}
		h.pos += 2
		h.empty++
	}
	if h.pos < len(b) {
		h.state, h.start, h.mark = inMethod, h.pos, h.pos
	}
	return nil
}
