package nethttp

import (
	"bytes"
	"iter"
	"strconv"
	"strings"

	"github.com/wirespan/wirespan/lifecycle"
)

// maxHead bounds how much is looked through for the end of a head; keepHead is what an idle connection keeps for the next one.
const (
	maxHead  = 8 << 10
	keepHead = 1 << 10
)

// headTap takes the head of a response from the bytes that pass.
type headTap struct {
	buf    []byte
	open   bool // the head is not complete
	closed bool // it is
}

// expect begins a head.
func (t *headTap) expect() { t.buf, t.open, t.closed = t.buf[:0], true, false }

// see looks at the next bytes.
func (t *headTap) see(p []byte) {
	if !t.open {
		return
	}
	from := max(0, len(t.buf)-3)
	t.buf = append(t.buf, p[:min(len(p), maxHead-len(t.buf))]...)
	if end := bytes.Index(t.buf[from:], []byte("\r\n\r\n")); end >= 0 {
		t.buf = t.buf[:from+end+4]
		t.open, t.closed = false, true
	} else if len(t.buf) == maxHead {
		t.open = false
	}
}

// text returns the head with the empty line that ends it; nil when it was not seen whole.
func (t *headTap) text() []byte {
	if !t.closed {
		return nil
	}
	return t.buf
}

// release gives back a large buffer.
func (t *headTap) release() {
	t.open, t.closed = false, false
	if cap(t.buf) > keepHead {
		t.buf = nil
	}
}

// statusOf returns the status of a response's head; 0 when it is none.
func statusOf(head []byte) int {
	if len(head) < len("HTTP/1.1 200") || !bytes.HasPrefix(head, []byte("HTTP/1.")) {
		return 0
	}
	status, err := strconv.Atoi(string(head[9:12]))
	if err != nil || status < 100 {
		return 0
	}
	return status
}

// headText are the fields of a head, searched when somebody asks.
type headText struct{ text string }

var _ lifecycle.Fields = (*headText)(nil)

// Get implements [lifecycle.Fields].
func (f *headText) Get(name string) string {
	value, _ := f.Next(name, 0)
	return value
}

// Next implements [lifecycle.Fields]. A position is that of a line's end, or the beginning of the status line.
func (f *headText) Next(name string, at int) (value string, after int) {
	_, rest, _ := strings.Cut(f.text[at:], "\r\n")
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		if n, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(n, name) {
			return v, len(f.text) - len(rest) - len("\r\n")
		}
	}
	return "", -1
}

// All implements [lifecycle.Fields].
func (f *headText) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		_, rest, _ := strings.Cut(f.text, "\r\n")
		for rest != "" {
			var line string
			line, rest, _ = strings.Cut(rest, "\r\n")
			if name, value, ok := strings.Cut(line, ": "); ok && !yield(name, value) {
				return
			}
		}
	}
}

// Clone implements [lifecycle.Fields].
func (f *headText) Clone() lifecycle.Fields { return &headText{strings.Clone(f.text)} }
