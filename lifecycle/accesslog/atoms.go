package accesslog

import (
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/wirespan/wirespan/lifecycle"
)

// appender appends the raw value of an atom, and reports whether there is one.
type appender func(dst []byte, r *Record) (b []byte, present bool)

// value is an atom as a format has it.
type value struct {
	append     appender
	inBrackets appender // takes the place of append between brackets of the format's own; nil: the same
	number     bool     // it is a number of JSON
	vars       bool     // it reads what [Set] has set
}

func text(f appender) value   { return value{append: f} }
func number(f appender) value { return value{append: f, number: true} }

// stringOf is an atom whose value is a string: "" is none.
func stringOf(f func(r *Record) string) value {
	return text(func(dst []byte, r *Record) ([]byte, bool) {
		s := f(r)
		return append(dst, s...), s != ""
	})
}

// intOf is an atom whose value is a number that there always is.
func intOf(f func(r *Record) int64) value {
	return number(func(dst []byte, r *Record) ([]byte, bool) { return strconv.AppendInt(dst, f(r), 10), true })
}

func none(dst []byte, _ *Record) ([]byte, bool) { return dst, false }

// atoms are those of a dialect, by name.
type atoms struct {
	simple  map[string]value
	dialect Dialect
	env     map[string]string
	custom  map[string]Atom
}

func newAtoms(o FormatOptions) atoms {
	simple := map[string]value{
		"h":  stringOf(clientAddr),
		"l":  text(none),
		"u":  text(appendUser),
		"t":  timeAtom(o),
		"r":  text(requestLine(appendTarget, appendProtocol)),
		"R":  text(requestLine(appendTarget, appendProtocol)),
		"s":  number(statusAtom(o.AbortedStatus)),
		"st": stringOf(phrase),
		"S":  stringOf(func(r *Record) string { return r.Scheme }),
		"m":  stringOf(func(r *Record) string { return r.Method }),
		"U":  stringOf(path),
		"Uq": stringOf(func(r *Record) string { return r.Target }),
		"q":  text(appendQuery),
		"H":  text(appendProtocol),
		"b":  number(appendBytesOrNone),
		"B":  intOf(func(r *Record) int64 { return r.BytesSent }),
		"f":  requestField("Referer", o.Dialect),
		"a":  requestField("User-Agent", o.Dialect),
		"T":  intOf(func(r *Record) int64 { return int64(r.took().Seconds()) }),
		"M":  intOf(func(r *Record) int64 { return r.took().Milliseconds() }),
		"D":  intOf(func(r *Record) int64 { return r.took().Microseconds() }),
		"L":  number(appendSeconds),
		"p":  number(appendServerPort),
		"P":  intOf(func(*Record) int64 { return pid }),
	}
	switch o.Dialect {
	case Hypercorn:
		maps.Copy(simple, hypercornAtoms)
	case Gunicorn:
		maps.Copy(simple, gunicornAtoms)
	}
	return atoms{simple: simple, dialect: o.Dialect, env: o.Env, custom: o.Atoms}
}

var (
	pid           = int64(os.Getpid())
	pidText       = fmt.Sprintf("<%d>", pid)
	pidInBrackets = stringOf(func(*Record) string { return pidText })
)

// hypercornAtoms are those that Hypercorn has otherwise, or has not and writes "-" for.
var hypercornAtoms = map[string]value{
	"h":  text(appendClientAddrPort),
	"u":  text(none),
	"r":  text(requestLine(appendDecodedPath, appendVersion)),
	"R":  text(requestLine(appendDecodedTarget, appendVersion)),
	"st": text(appendHypercornPhrase),
	"U":  text(appendDecodedPath),
	"Uq": text(appendDecodedTarget),
	"H":  text(appendVersion),
	"b":  number(appendContentLength),
	"B":  number(appendContentLength),
	"M":  text(none),
	"p":  pidInBrackets,
	"P":  text(none),
}

// gunicornAtoms are those that Gunicorn has otherwise, or has not and writes "-" for.
var gunicornAtoms = map[string]value{
	"R":  text(none),
	"st": text(none),
	"S":  text(none),
	"U":  text(appendDecodedPath),
	"Uq": text(none),
	"b":  intOf(func(r *Record) int64 { return r.BytesSent }),
	"p":  pidInBrackets,
	"P":  text(none),
}

// lookup returns the atom that is written %(name)s.
func (a *atoms) lookup(name string) (value, error) {
	if f, ok := a.custom[name]; ok {
		return text(guard(name, f)), nil
	}
	if v, ok := a.simple[name]; ok {
		return v, nil
	}
	if inner, ok := strings.CutPrefix(name, "{"); ok {
		if inner, kind, ok := strings.Cut(inner, "}"); ok && inner != "" {
			return a.lookupNamed(name, inner, kind)
		}
		return value{}, fmt.Errorf("unknown atom %q: allowed in braces is a name, and behind them i, o, e or x: %%({User-Agent}i)s", name)
	}
	known := slices.AppendSeq(slices.Sorted(maps.Keys(a.simple)), maps.Keys(a.custom))
	return value{}, fmt.Errorf("unknown atom %q: allowed are %s and {name}i, {name}o, {name}e, {name}x", name, strings.Join(known, ", "))
}

// lookupNamed returns the atom that is written %({name}kind)s.
func (a *atoms) lookupNamed(whole, name, kind string) (value, error) {
	switch kind {
	case "i":
		return requestField(name, a.dialect), nil
	case "o":
		return responseField(name, a.dialect), nil
	case "e":
		return variable(name, a.env), nil
	case "x":
		if v, ok := extended[name]; ok {
			return v, nil
		}
		return value{}, fmt.Errorf("unknown atom %q: allowed before the x are %s", whole, strings.Join(slices.Sorted(maps.Keys(extended)), ", "))
	}
	return value{}, fmt.Errorf("unknown atom %q: allowed behind the braces are i for a field of the request, o for one of the response, "+
		"e for what the handler has set, and x", whole)
}

// guard makes an appender of an atom that is not ours, which may panic.
func guard(name string, f Atom) appender {
	return func(dst []byte, r *Record) (b []byte, present bool) {
		start := len(dst)
		defer func() {
			if p := recover(); p != nil {
				r.problem = fmt.Errorf("atom %s: %w", name, &lifecycle.PanicError{Value: p, Stack: debug.Stack()})
				b, present = dst[:start], false
			}
		}()
		if b = f(dst, r); len(b) <= start {
			return dst[:start], false
		}
		return b, true
	}
}
