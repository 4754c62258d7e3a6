package accesslog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// FormatError says what is wrong with a format, where, and what would be right.
type FormatError struct {
	// Format is the whole format.
	Format string
	// Offset is the byte, from 0, at which the error is.
	Offset int
	// Problem says what is wrong there and what is allowed.
	Problem string
}

// Error implements error.
func (e *FormatError) Error() string {
	return fmt.Sprintf("access log format, byte %d, at %.20q: %s", e.Offset, e.Format[e.Offset:], e.Problem)
}

// parser turns a format into pieces.
type parser struct {
	format string
	atoms  atoms

	at      int // of what is to be read next
	pieces  []piece
	literal []byte // text since the last atom
	vars    bool

	// For a JSON template: sample is the format with a stand-in of the same length for each atom, so that an offset in the
	// one is an offset in the other.
	json     bool
	inString bool
	escaped  bool // in a string, the next byte
	sample   []byte
}

func (p *parser) parse() error {
	p.json = strings.HasPrefix(strings.TrimLeft(p.format, " "), `{"`)
	for p.at < len(p.format) {
		if err := p.next(); err != nil {
			return err
		}
	}
	p.pieces = append(p.pieces, piece{literal: string(p.literal)})
	p.dropBrackets()
	return p.checkJSON()
}

// next reads one byte of text, or what begins with a percent sign.
func (p *parser) next() error {
	rest := p.format[p.at:]
	switch {
	case rest[0] < ' ' || rest[0] == 0x7f:
		return p.fail(p.at, "a control character would break the line; allowed is text without any")
	case rest[0] != '%':
		p.text(rest[:1])
	case strings.HasPrefix(rest, "%%"):
		p.text(rest[:2])
	case strings.HasPrefix(rest, "%("):
		return p.atom()
	default:
		return p.fail(p.at, "a percent sign begins an atom, such as %(h)s, or is written %%")
	}
	return nil
}

// text takes literal text: one byte, or a doubled percent sign.
func (p *parser) text(s string) {
	switch {
	case p.escaped:
		p.escaped = false
	case s == `\`:
		p.escaped = p.inString
	case s == `"`:
		p.inString = !p.inString
	}
	p.literal = append(p.literal, s[0])
	p.sample = append(p.sample, s...)
	p.at += len(s)
}

// atom reads %(name)s, with a width if there is one.
func (p *parser) atom() error {
	start := p.at
	name, rest, closed := strings.Cut(p.format[start+len("%("):], ")")
	if !closed {
		return p.fail(start, "the parenthesis is not closed; an atom is written %(name)s")
	}
	end := strings.TrimLeft(rest, "-0123456789")
	width, err := parseWidth(rest[:len(rest)-len(end)])
	if err != nil {
		return p.fail(start, err.Error())
	}
	if end == "" || (end[0] != 's' && end[0] != 'd') {
		return p.fail(start, "an atom ends in s or d, such as %(h)s, with a width before it if need be, such as %(h)-15s")
	}
	v, err := p.atoms.lookup(name)
	if err != nil {
		return p.fail(start, err.Error())
	}
	p.at = len(p.format) - len(end) + 1
	p.vars = p.vars || v.vars
	p.add(piece{literal: string(p.literal), value: v, width: width}, p.at-start)
	p.literal = p.literal[:0]
	return nil
}

func parseWidth(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > maxWidth || n < -maxWidth {
		return 0, fmt.Errorf("the width is %q; allowed is a number from -%d to %[2]d", s, maxWidth)
	}
	return n, nil
}

// add settles how the value of a piece is encoded where it stands. length is that of the atom in the format.
func (p *parser) add(next piece, length int) {
	switch {
	case !p.json:
		next.encode, next.absent = textEncoding, "-"
	case p.inString:
		next.encode, next.absent = jsonEncoding, "-"
		p.sample = append(p.sample, strings.Repeat("-", length)...)
	default:
		next.absent = "null"
		if !next.value.number {
			next.encode, next.quote = jsonEncoding, `"`
		}
		// An empty array is a value in every place where one may be, and nothing else anywhere: no key, no part of a number.
		p.sample = append(p.sample, "["+strings.Repeat(" ", length-len("[]"))+"]"...)
	}
	p.pieces = append(p.pieces, next)
}

// dropBrackets takes the brackets off a time that stands in brackets of the format's own, where the dialect has it so.
func (p *parser) dropBrackets() {
	for i := range p.pieces[:len(p.pieces)-1] {
		v := &p.pieces[i].value
		if v.inBrackets != nil && strings.HasSuffix(p.pieces[i].literal, "[") && strings.HasPrefix(p.pieces[i+1].literal, "]") {
			v.append = v.inBrackets
		}
	}
}

// checkJSON checks that a JSON template makes JSON, whatever the values are.
func (p *parser) checkJSON() error {
	if !p.json {
		return nil
	}
	var object map[string]any
	err := json.Unmarshal(p.sample, &object)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		at := min(max(int(syntax.Offset)-1, 0), len(p.format))
		return p.fail(at, "a format that begins with {\" is one JSON object, and this is none: "+err.Error())
	}
	return p.fail(0, err.Error())
}

func (p *parser) fail(at int, problem string) error {
	return &FormatError{Format: p.format, Offset: at, Problem: problem}
}
