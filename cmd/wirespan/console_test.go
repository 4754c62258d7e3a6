package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// ended returns the event of a request that was answered.
func ended(method, target, route string, status int) *lifecycle.ResponseCompleted {
	e := &lifecycle.ResponseCompleted{Stamp: lifecycle.Stamp{ConnectionID: 3}}
	e.Request = &lifecycle.Request{Index: 2, Method: method, Target: target}
	e.Trace.TraceID[0], e.Trace.SpanID[0] = 0xab, 1
	e.Route, e.Status, e.Duration = route, status, 1240*time.Microsecond
	e.Phases = lifecycle.Phases{IdleSince: 1, FirstByte: 12_300_001, HeadParsed: 12_312_001, HandlerStart: 12_315_101, HandlerEnd: 13_515_101, LastByte: 13_535_101}
	return e
}

func TestConsoleLine(t *testing.T) {
	trace := "ab000000000000000000000000000000"
	phases := "  idle 12.3ms  head 12.0µs  queue 3.10µs  handler 1.20ms  write 20.0µs  conn 3 #2  " + trace
	for _, c := range []struct {
		e    lifecycle.Event
		want string
	}{
		{ended("GET", "/users/42?token=secret", "/users/{id}", 200), "GET     /users/{id}              200  1.24ms" + phases + "\n"},
		{ended("POST", "/a?token=secret", "", 404), "POST    /a                       404  1.24ms" + phases + "\n"},
		{
			&lifecycle.RequestFailed{Outcome: lifecycle.Outcome{Request: &lifecycle.Request{}, Status: 400}, Code: "invalid_request_line"},
			"-       -                        400       -  idle      -  head      -  queue      -  handler      -  write      -  conn 0 #0  invalid_request_line\n",
		},
		{
			&lifecycle.ClientDisconnected{Outcome: lifecycle.Outcome{Request: &lifecycle.Request{Method: "GET", Target: "/"}}},
			"GET     /                        ---       -  idle      -  head      -  queue      -  handler      -  write      -  conn 0 #0  the client left\n",
		},
	} {
		if got := string(appendLine(nil, c.e, false)); got != c.want {
			t.Errorf("got\n%swant\n%s", got, c.want)
		}
	}
}

var colour = regexp.MustCompile("\x1b\\[[0-9]*m")

func TestConsoleColours(t *testing.T) {
	for status, want := range map[int]string{200: green, 304: cyan, 404: yellow, 500: red} {
		e := ended("GET", "/", "", status)
		got := string(appendLine(nil, e, true))
		if !strings.Contains(got, want) {
			t.Errorf("%d is %q, want the colour %q", status, got, want)
		}
		if colour.ReplaceAllString(got, "") != string(appendLine(nil, e, false)) {
			t.Errorf("%d: colours change the text: %q", status, got)
		}
	}
}

// No request steers the terminal, and no line is longer than its bound.
func TestConsoleShowsNothingRaw(t *testing.T) {
	evil := "/\x1b]0;title\x07\r\n\x9b31m\u202e\x00\xff\u0085é" + strings.Repeat("\U0001F600\x1b", 200)
	for _, colours := range []bool{false, true} {
		line := appendLine(nil, ended("GET\x1b[2J", evil, "", 200), colours)
		text := colour.ReplaceAllString(string(line), "")
		if i := strings.IndexFunc(strings.TrimSuffix(text, "\n"), func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' }); i >= 0 {
			t.Errorf("%q has something raw at %d", text, i)
		}
		if len(line) > maxLine {
			t.Errorf("%d bytes, want at most %d", len(line), maxLine)
		}
		expect(t, "the line", text, `GET\\x1b\[2J /\\x1b\]0;title\\x07\\x0d\\x0a\\x9b31m\\u202e\\x00\\xff\\x85é`)
	}
}

func TestAppendDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                         "     -",
		5:                         "0.01µs",
		999:                       "1.00µs",
		9996:                      "10.0µs",
		99951:                     " 100µs",
		999499:                    " 999µs",
		999501:                    "1.00ms",
		12345678:                  "12.3ms",
		999600 * time.Microsecond: " 1.00s",
		90 * time.Second:          " 90.0s",
		999 * time.Second:         "  999s",
		time.Hour:                 "1h0m0s",
	} {
		if got := string(appendDuration(nil, d)); got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
	}
}

func TestAppendPrintable(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"äöü", 3, "äöü"},
		{"", 3, ""},
		{"\n", 9, `\x0a`},
	} {
		if got := string(appendPrintable(nil, c.in, c.width)); got != c.want {
			t.Errorf("%q in %d is %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

// stuck is an output that stands still until it is let go.
type stuck struct {
	began, release chan struct{}
	out            bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	select {
	case s.began <- struct{}{}:
	default:
	}
	<-s.release
	return s.out.Write(p)
}

// An output that stands still holds up nobody; what found no room is counted and told.
func TestConsoleNeverBlocks(t *testing.T) {
	out := &stuck{began: make(chan struct{}, 1), release: make(chan struct{})}
	c := newConsole(out, false)
	e := ended("GET", "/", "", 200)
	c.Record(e)
	<-out.began
	const n = 10_000
	for range n {
		c.Record(e)
	}
	close(out.release)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Record(e) // too late, and harmless
	text := out.out.String()
	lines := strings.Count(text, "GET ")
	m := regexp.MustCompile(`… (\d+) requests left out here`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("nothing is said of lost lines in %d bytes", len(text))
	}
	if got := m[1]; got != strconv.Itoa(n+1-lines) {
		t.Errorf("%s are said to be left out of %d, and %d are there", got, n+1, lines)
	}
}

func TestConsoleCloseGivesUp(t *testing.T) {
	out := &stuck{began: make(chan struct{}, 1), release: make(chan struct{})}
	c := newConsole(out, false)
	c.Record(ended("GET", "/", "", 200))
	<-out.began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close returns %v", err)
	}
	close(out.release)
	if err := c.Close(t.Context()); err != nil {
		t.Errorf("the second Close returns %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestConsoleWithoutReader(t *testing.T) {
	c := newConsole(broken{}, false)
	for range 100 {
		c.Record(ended("GET", "/", "", 200))
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConsoleAllocates(t *testing.T) {
	e := ended("GET", "/users/42", "/users/{id}", 200)
	buf := make([]byte, 0, maxLine)
	if n := testing.AllocsPerRun(100, func() { buf = appendLine(buf[:0], e, true) }); n > 0 {
		t.Errorf("a line takes %v allocations", n)
	}
}

func TestConsoleOfServer(t *testing.T) {
	s := start(t, nil, "demo", "--traces", "console")
	s.get("/users/42?token=secret")
	s.get("/sync")
	s.stop()
	out := s.stdout.String()
	expect(t, "standard output", out, `(?m)^GET     /users/\{id\} +200 .*  idle .*  head .*  queue .*  handler .*ms  write .*  conn \d+ #1  [0-9a-f]{32}$`)
	expect(t, "standard output", out, `(?m)^GET     /sync +200 .*  conn \d+ #2  [0-9a-f]{32}$`)
	expect(t, "standard error", s.stderr.String(), `traces +not sent, for no OTLP endpoint is configured: set OTEL_EXPORTER_OTLP_ENDPOINT=\S+; one line a request`)
	if strings.Contains(out, "secret") {
		t.Errorf("standard output tells a secret:\n%s", out)
	}
}

// On a terminal the lines come by themselves, in colours where they are wanted.
func TestConsoleOnTerminal(t *testing.T) {
	for name, c := range map[string]struct {
		env      map[string]string
		coloured bool
	}{
		"colours": {map[string]string{"TERM": "xterm"}, true},
		"none":    {map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		"dumb":    {map[string]string{"TERM": "dumb"}, false},
	} {
		s := startBefore(t, true, c.env, "demo")
		s.get("/%1b%5b31m")
		s.stop()
		out := s.stdout.String()
		expect(t, name, out, `^GET +/`)
		if got := strings.Contains(out, "\x1b"); got != c.coloured {
			t.Errorf("%s: colours %v in %q", name, got, out)
		}
	}
}
