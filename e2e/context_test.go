package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// Bits of Span.flags (opentelemetry/proto/trace/v1/trace.proto).
const (
	flagSampled  = 0x001
	flagHasLocal = 0x100 // it is known whether the parent is remote
	flagIsRemote = 0x200
)

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan  = "00f067aa0ba902b7"
)

func TestCallersTraceGoesOn(t *testing.T) {
	t.Parallel()
	w := demo(t)
	w.get(t, 200, "/users/1",
		"--header", "traceparent: 00-"+callersTrace+"-"+callersSpan+"-01",
		"--header", "tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
	s := w.request(t, "/users/1")
	if s.TraceID() != callersTrace || s.ParentID() != callersSpan || s.ID() == callersSpan {
		t.Errorf("trace %s, parent %s", s.TraceID(), s.ParentID())
	}
	if s.TraceState != "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE" {
		t.Errorf("tracestate %q", s.TraceState)
	}
	if want := uint32(flagSampled | flagHasLocal | flagIsRemote); s.Flags&want != want {
		t.Errorf("flags %#x, want %#x in them", s.Flags, want)
	}
	child := w.child(t, s, "load user")
	if child.Flags&flagIsRemote != 0 {
		t.Errorf("flags %#x of a child in the same process", child.Flags)
	}
	if c := w.connection(t, s); c.TraceID() == callersTrace {
		t.Errorf("the connection is in the caller's trace: %v", c)
	}
}

func TestBrokenCallersTraceIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := demo(t)
	for i, broken := range []string{
		"00-" + callersTrace + "-" + callersSpan,
		"00-" + strings.Repeat("0", 32) + "-" + callersSpan + "-01",
		"00-" + callersTrace + "-" + strings.Repeat("0", 16) + "-01",
		"ff-" + callersTrace + "-" + callersSpan + "-01",
		"00-" + strings.ToUpper(callersTrace) + "-" + callersSpan + "-01",
		strings.Repeat("x", 200),
	} {
		path := fmt.Sprintf("/users/%d", i)
		w.get(t, 200, path, "--header", "traceparent: "+broken)
		if s := w.request(t, path); s.ParentID() != "" || s.TraceID() == callersTrace {
			t.Errorf("traceparent %q made %v", broken, s)
		}
	}
}

func TestSampling(t *testing.T) {
	t.Parallel()
	sampled := []string{"--header", "traceparent: 00-" + callersTrace + "-" + callersSpan + "-01"}
	unsampled := []string{"--header", "traceparent: 00-" + callersTrace + "-" + callersSpan + "-00"}
	for _, c := range []struct {
		sampler string
		paths   []string // of the requests that are spans
	}{
		{"always_on", []string{"/users/root", "/users/sampled", "/users/unsampled"}},
		{"always_off", nil},
		{"parentbased_always_on", []string{"/users/root", "/users/sampled"}},
		{"parentbased_always_off", []string{"/users/sampled"}},
	} {
		t.Run(c.sampler, func(t *testing.T) {
			t.Parallel()
			w := shared.get(t).start(t, "grpc", t.Name(), []string{"OTEL_TRACES_SAMPLER=" + c.sampler}, "demo")
			w.get(t, 200, "/users/root")
			w.get(t, 200, "/users/sampled", sampled...)
			w.get(t, 200, "/users/unsampled", unsampled...)
			spans := w.finish(t)
			for _, path := range []string{"/users/root", "/users/sampled", "/users/unsampled"} {
				want := 0
				for _, p := range c.paths {
					if p == path {
						want = 1
					}
				}
				s := first(spans, func(s *sink.Span) bool { return s.IsServer() && s.Attrs["url.path"] == path })
				if got := count(spans, func(s *sink.Span) bool { return s.IsServer() && s.Attrs["url.path"] == path }); got != want {
					t.Errorf("%d spans for %s, want %d", got, path, want)
					continue
				}
				if s == nil {
					continue
				}
				w.child(t, s, "load user")
				w.connection(t, s) // a link never dangles
			}
			children := count(spans, func(s *sink.Span) bool { return s.Name == "load user" })
			if children != len(c.paths) {
				t.Errorf("%d children, want %d", children, len(c.paths))
			}
		})
	}
}

func TestChain(t *testing.T) {
	t.Parallel()
	w := demo(t)
	w.get(t, 200, "/chain")
	outer := w.request(t, "/chain")
	call := w.child(t, outer, "GET")
	if !call.IsClient() {
		t.Errorf("kind of the call: %v", call)
	}
	inner := w.child(t, call, "GET /users/{id}")
	w.child(t, inner, "load user")
}
