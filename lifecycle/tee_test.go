package lifecycle_test

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
)

// letters makes collectors that write a letter at each call: the letter itself in Record, (a in OpenConnection, a' in
// the Record of what that returned, and [a] in Context.
type letters struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *letters) write(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.WriteString(s)
}

// take returns what was written since it was last called.
func (l *letters) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.b.String()
	l.b.Reset()
	return s
}

type plain struct {
	l      *letters
	letter string
}

func (p plain) Record(lifecycle.Event) { p.l.write(p.letter) }

type contextKey string

type provider struct{ plain }

func (p provider) Context(parent context.Context, _ *lifecycle.RequestStarted) context.Context {
	p.l.write("[" + p.letter + "]")
	return context.WithValue(parent, contextKey(p.letter), true)
}

type opener struct {
	plain
	opened lifecycle.Collector
}

func (o opener) OpenConnection(*lifecycle.ConnectionOpened) lifecycle.Collector {
	o.l.write("(" + o.letter)
	return o.opened
}

func (l *letters) plain(letter string) lifecycle.Collector { return plain{l, letter} }

func (l *letters) provider(letter string) lifecycle.Collector { return provider{plain{l, letter}} }

func (l *letters) opener(letter string) lifecycle.Collector {
	return opener{plain{l, letter}, plain{l, letter + "'"}}
}

// full opens connections whose collectors provide contexts.
func (l *letters) full(letter string) lifecycle.Collector {
	return opener{plain{l, letter}, provider{plain{l, letter + "'"}}}
}

func TestTeeOrder(t *testing.T) {
	var l letters
	for _, c := range []struct {
		name              string
		tee               lifecycle.Collector
		record            string // one event that belongs to no connection
		open, then, asked string // a connection, its next event, its context
	}{
		{"two plain", lifecycle.Tee(l.plain("a"), l.plain("b")), "ab", "ab", "ab", ""},
		{"flattened", lifecycle.Tee(l.plain("a"), lifecycle.Tee(l.plain("b"), l.plain("c")), l.plain("d")), "abcd", "abcd", "abcd", ""},
		{"nothing in between", lifecycle.Tee(nil, l.plain("a"), lifecycle.Noop, lifecycle.Tee(), l.plain("b")), "ab", "ab", "ab", ""},
		{"opener first", lifecycle.Tee(l.opener("a"), l.plain("b")), "ab", "(ab", "a'b", ""},
		{"opener last", lifecycle.Tee(l.plain("a"), l.opener("b")), "ab", "a(b", "ab'", ""},
		{"openers flattened", lifecycle.Tee(lifecycle.Tee(l.opener("a"), l.plain("b")), l.opener("c")), "abc", "(ab(c", "a'bc'", ""},
		{"provider", lifecycle.Tee(l.plain("a"), l.provider("b")), "ab", "ab", "ab", "[b]"},
		{"providers nest", lifecycle.Tee(l.provider("a"), l.plain("b"), l.provider("c")), "abc", "abc", "abc", "[a][c]"},
		{"both", lifecycle.Tee(l.full("a"), l.provider("b"), l.opener("c"), l.plain("d")), "abcd", "(ab(cd", "a'bc'd", "[a'][b]"},
		{"opener and provider in one tee", lifecycle.Tee(l.opener("a"), l.provider("b")), "ab", "(ab", "a'b", "[b]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.take()
			c.tee.Record(&lifecycle.ConnectionRejected{})
			if got := l.take(); got != c.record {
				t.Errorf("Record: %s, want %s", got, c.record)
			}
			conn := lifecycle.Open(c.tee, &lifecycle.ConnectionOpened{})
			if got := l.take(); got != c.open {
				t.Errorf("Open: %s, want %s", got, c.open)
			}
			conn.Record(&lifecycle.ConnectionCompleted{})
			if got := l.take(); got != c.then {
				t.Errorf("Record on the connection: %s, want %s", got, c.then)
			}
			p, ok := conn.(lifecycle.ContextProvider)
			if ok != (c.asked != "") {
				t.Fatalf("the connection's collector is a ContextProvider: %t", ok)
			}
			if !ok {
				return
			}
			ctx := p.Context(context.Background(), &lifecycle.RequestStarted{})
			got := l.take()
			if got != c.asked {
				t.Errorf("Context: %s, want %s", got, c.asked)
			}
			for _, letter := range strings.FieldsFunc(got, func(r rune) bool { return r == '[' || r == ']' }) {
				if ctx.Value(contextKey(letter)) != true {
					t.Errorf("the context lacks what %s added", letter)
				}
			}
		})
	}
}

// TestTeeIsNoMoreThanItsParts: a Tee has an optional interface only when one of its parts has it.
func TestTeeIsNoMoreThanItsParts(t *testing.T) {
	var l letters
	for _, c := range []struct {
		name            string
		tee             lifecycle.Collector
		opens, provides bool
	}{
		{"plain", lifecycle.Tee(l.plain("a"), l.plain("b")), false, false},
		{"opener", lifecycle.Tee(l.plain("a"), l.opener("b")), true, false},
		{"provider", lifecycle.Tee(l.plain("a"), l.provider("b")), false, true},
		{"both", lifecycle.Tee(l.opener("a"), l.provider("b")), true, true},
		{"both inside", lifecycle.Tee(l.plain("a"), lifecycle.Tee(l.opener("b"), l.provider("c"))), true, true},
	} {
		_, opens := c.tee.(lifecycle.ConnectionCollector)
		_, provides := c.tee.(lifecycle.ContextProvider)
		if opens != c.opens || provides != c.provides {
			t.Errorf("%s: opens %t, provides %t; want %t, %t", c.name, opens, provides, c.opens, c.provides)
		}
	}
}

func TestTeeOfNoneAndOne(t *testing.T) {
	if got := lifecycle.Tee(); got != lifecycle.Noop {
		t.Errorf("Tee() is %v", got)
	}
	if got := lifecycle.Tee(nil, lifecycle.Noop, lifecycle.Tee()); got != lifecycle.Noop {
		t.Errorf("Tee of nothing is %v", got)
	}
	var l letters
	one := l.opener("a")
	if got := lifecycle.Tee(lifecycle.Noop, one, nil); !reflect.DeepEqual(got, one) {
		t.Errorf("Tee of one is %v", got)
	}
}

// TestTeeOpensEachConnectionAnew: what OpenConnection returns belongs to one connection.
func TestTeeOpensEachConnectionAnew(t *testing.T) {
	var l letters
	tee := lifecycle.Tee(l.opener("a"), l.opener("b"))
	first := lifecycle.Open(tee, &lifecycle.ConnectionOpened{})
	second := lifecycle.Open(tee, &lifecycle.ConnectionOpened{})
	l.take()
	first.Record(&lifecycle.ConnectionCompleted{})
	second.Record(&lifecycle.ConnectionCompleted{})
	if got := l.take(); got != "a'b'a'b'" {
		t.Errorf("recorded %s", got)
	}
}

// TestTeePassesTheTraceOn: the collector that starts the span writes the trace for those after it.
func TestTeePassesTheTraceOn(t *testing.T) {
	want := lifecycle.TraceContext{TraceID: [16]byte{1}, SpanID: [8]byte{2}}
	var got lifecycle.TraceContext
	tee := lifecycle.Tee(
		lifecycle.CollectorFunc(func(e lifecycle.Event) { e.(*lifecycle.RequestStarted).Trace = want }),
		lifecycle.CollectorFunc(func(e lifecycle.Event) { got = e.(*lifecycle.RequestStarted).Trace }),
	)
	tee.Record(&lifecycle.RequestStarted{Request: &lifecycle.Request{}})
	if got != want {
		t.Errorf("the second collector saw %+v, want %+v", got, want)
	}
}

func TestTeeAllocatesNothing(t *testing.T) {
	tee := lifecycle.Tee(lifecycle.CollectorFunc(func(lifecycle.Event) {}), lifecycle.CollectorFunc(func(lifecycle.Event) {}))
	e := &lifecycle.ConnectionCompleted{}
	if n := testing.AllocsPerRun(100, func() { tee.Record(e) }); n != 0 {
		t.Errorf("Record allocates %v times", n)
	}
}
