package accesslog

import (
	"bytes"
	"slices"
	"time"
)

// Formats, in the notation of [Compile].
const (
	// Common is the Common Log Format.
	Common = `%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s`
	// Combined is Common with the referrer and the user agent.
	Combined = Common + ` "%(f)s" "%(a)s"`
	// JSON is one object a line: a value that there is not is null, and numbers are numbers.
	JSON = `{"timestamp":%({time}x)s,"client_addr":%(h)s,"user":%(u)s,"method":%(m)s,"path":%(U)s,"query":%(q)s,"protocol":%(H)s,` +
		`"host":%({host}i)s,"route":%({route}x)s,"status":%(s)s,"bytes_sent":%(B)s,"duration_ms":%({duration_ms}x)s,` +
		`"referer":%(f)s,"user_agent":%(a)s,"event":%({event}x)s,"code":%({code}x)s,` +
		`"trace_id":%({trace_id}x)s,"span_id":%({span_id}x)s,"trace_flags":%({trace_flags}x)s,` +
		`"connection_id":%({connection_id}x)s,"worker_id":%({worker_id}x)s}`
)

// maxValue bounds the bytes of one value, before it is escaped.
const maxValue = 16 << 10

// cutMark ends a value that was cut.
const cutMark = "..."

// FormatOptions says what the atoms of a format mean. The zero value is ready to use.
type FormatOptions struct {
	// Dialect is Seed by default.
	Dialect Dialect
	// Location is the time zone of t; nil is [time.Local].
	Location *time.Location
	// AbortedStatus is written for s when the client left before it had a status, such as 499. 0 writes "-".
	AbortedStatus int
	// Env is what {name}e stands for where the handler has not set name with [Set]. Nothing of the environment of the process
	// gets into a line unless it is named here.
	Env map[string]string
	// Atoms adds atoms, or replaces those of the dialect.
	Atoms map[string]Atom
}

func (o FormatOptions) withDefaults() FormatOptions {
	if o.Location == nil {
		o.Location = time.Local
	}
	return o
}

// Atom appends the value of an atom to dst; one that appends nothing has none, and "-" is written. What it appends is escaped
// afterwards. It runs on the hot path and from many goroutines at once; should it panic, "-" is written and the [Log] says so.
type Atom func(dst []byte, r *Record) []byte

// Format is a compiled format. It is immutable.
type Format struct {
	text   string
	pieces []piece
	vars   bool // a piece reads what [Set] has set
}

// Compile reads a format: text with atoms in it, which are written %(name)s, or %(name)12s and %(name)-12s to fill up to a
// width on the left or on the right; %% is a percent sign. The package comment has the names. A format that begins with {" is a
// template of a JSON object: there an atom in a string is escaped as JSON has it, and one that stands alone is a whole value,
// null if there is none. The error is a [*FormatError].
func Compile(format string, o FormatOptions) (*Format, error) {
	p := parser{format: format, atoms: newAtoms(o.withDefaults())}
	if err := p.parse(); err != nil {
		return nil, err
	}
	return &Format{text: format, pieces: p.pieces, vars: p.vars}, nil
}

// MustCompile is [Compile] for formats that are known to be right. It panics where Compile returns an error.
func MustCompile(format string, o FormatOptions) *Format {
	f, err := Compile(format, o)
	if err != nil {
		panic(err)
	}
	return f
}

// String returns what the format was compiled from.
func (f *Format) String() string { return f.text }

// Append appends the line of r to dst, without a newline. It allocates nothing but room in dst.
func (f *Format) Append(dst []byte, r *Record) []byte {
	for i := range f.pieces {
		dst = f.pieces[i].append(dst, r)
	}
	return dst
}

// limitFor is how long a value may be so that a line with many long ones still fits into so many bytes.
func (f *Format) limitFor(line int) int {
	room := line - len("\n")
	for i := range f.pieces {
		room -= len(f.pieces[i].literal) + len(`""`) + maxEscape*len(cutMark)
	}
	return min(max(room/(maxEscape*len(f.pieces)), 1), maxValue)
}

// maxEscape is how many bytes an encoding makes of one at most.
const maxEscape = len(`\u0000`)

// piece is a literal and the atom that follows it.
type piece struct {
	literal string
	value   value // zero at the end of the format
	encode  encoding
	quote   string // around the value
	absent  string // stands for a value that there is not
	width   int    // at least; negative fills up on the right
}

func (p *piece) append(dst []byte, r *Record) []byte {
	dst = append(dst, p.literal...)
	if p.value.append == nil {
		return dst
	}
	start := len(dst)
	dst = append(dst, p.quote...)
	inside := len(dst)
	dst, present := p.value.append(dst, r)
	if !present {
		return pad(append(dst[:start], p.absent...), start, p.width)
	}
	if limit := r.valueLimit(); len(dst)-inside > limit {
		dst = append(dst[:inside+limit], cutMark...)
	}
	if p.encode != nil {
		dst = encode(dst, inside, p.encode)
	}
	dst = append(dst, p.quote...)
	return pad(dst, start, p.width)
}

// pad fills what stands in dst from start on up to a width.
func pad(dst []byte, start, width int) []byte {
	missing := max(width, -width) - (len(dst) - start)
	switch {
	case missing <= 0:
		return dst
	case width < 0:
		return append(dst, spaces[:missing]...)
	}
	return slices.Insert(dst, start, spaces[:missing]...)
}

// maxWidth bounds the width of an atom.
const maxWidth = 256

var spaces = bytes.Repeat([]byte{' '}, maxWidth)
