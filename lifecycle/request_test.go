package lifecycle_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

func TestPhases(t *testing.T) {
	whole := lifecycle.Phases{
		IdleSince: 100, FirstByte: 110, HeadParsed: 130, HandlerStart: 170,
		FirstResponseByte: 180, HandlerEnd: 250, LastByte: 410,
	}
	streamedWithKnownLength := whole
	streamedWithKnownLength.LastByte = 240
	for _, c := range []struct {
		name                              string
		p                                 lifecycle.Phases
		idle, head, queue, handler, write time.Duration
	}{
		{"whole", whole, 10, 20, 40, 80, 160},
		{"nothing", lifecycle.Phases{}, 0, 0, 0, 0, 0},
		{"only idle", lifecycle.Phases{IdleSince: 100}, 0, 0, 0, 0, 0},
		{"head cut short", lifecycle.Phases{IdleSince: 100, FirstByte: 110}, 10, 0, 0, 0, 0},
		{"refused before the handler", lifecycle.Phases{IdleSince: 100, FirstByte: 110, HeadParsed: 130, LastByte: 150}, 10, 20, 0, 0, 0},
		{"pipelined, its first byte came before the last response left", lifecycle.Phases{IdleSince: 100, FirstByte: 90, HeadParsed: 130}, 0, 40, 0, 0, 0},
		{"last byte before the handler's end", streamedWithKnownLength, 10, 20, 40, 80, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, d := range []struct {
				name      string
				got, want time.Duration
			}{
				{"Idle", c.p.Idle(), c.idle},
				{"Head", c.p.Head(), c.head},
				{"Queue", c.p.Queue(), c.queue},
				{"Handler", c.p.Handler(), c.handler},
				{"Write", c.p.Write(), c.write},
			} {
				if d.got != d.want {
					t.Errorf("%s is %v, want %v", d.name, d.got, d.want)
				}
			}
		})
	}
}

func TestRouteOf(t *testing.T) {
	for pattern, want := range map[string]string{
		"":                              "",
		"/":                             "/",
		"/users/{id}":                   "/users/{id}",
		"GET /users/{id}":               "/users/{id}",
		"POST \t /upload/":              "/upload/",
		"GET wirespan.example/{$}":      "wirespan.example/",
		"wirespan.example/files/{f...}": "wirespan.example/files/{f...}",
	} {
		if got := lifecycle.RouteOf(pattern); got != want {
			t.Errorf("RouteOf(%q) is %q, want %q", pattern, got, want)
		}
	}
}

func TestHeader(t *testing.T) {
	r := &lifecycle.Request{}
	if got := r.Header("Accept"); got != "" {
		t.Errorf("without fields: %q", got)
	}
	r.Fields = lifecycletest.Fields{{"ACCEPT", "text/html"}, {"accept", "*/*"}}
	if got := r.Header("Accept"); got != "text/html" {
		t.Errorf("Header is %q, want the first value", got)
	}
}

func TestTraceContext(t *testing.T) {
	for _, c := range []struct {
		name           string
		t              lifecycle.TraceContext
		valid, sampled bool
	}{
		{"zero", lifecycle.TraceContext{}, false, false},
		{"only a trace id", lifecycle.TraceContext{TraceID: [16]byte{15: 1}}, false, false},
		{"only a span id", lifecycle.TraceContext{SpanID: [8]byte{7: 1}, Flags: 1}, false, true},
		{"not sampled", lifecycle.TraceContext{TraceID: [16]byte{15: 1}, SpanID: [8]byte{7: 1}, Flags: 2}, true, false},
		{"sampled", lifecycle.TraceContext{TraceID: [16]byte{1}, SpanID: [8]byte{1}, Flags: 3}, true, true},
	} {
		if c.t.IsValid() != c.valid || c.t.Sampled() != c.sampled {
			t.Errorf("%s: valid %t, sampled %t; want %t, %t", c.name, c.t.IsValid(), c.t.Sampled(), c.valid, c.sampled)
		}
	}
}

func TestPanicError(t *testing.T) {
	err := error(&lifecycle.PanicError{Value: io.ErrUnexpectedEOF, Stack: []byte("stack")})
	if !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "panic: unexpected EOF" {
		t.Errorf("of an error: %v", err)
	}
	err = &lifecycle.PanicError{Value: 42}
	if errors.Unwrap(err) != nil || err.Error() != "panic: 42" {
		t.Errorf("of a number: %v", err)
	}
}
