package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// await returns the spans of a service as soon as enough accepts them.
func await(t *testing.T, s *sink.Sink, service, what string, enough func([]*sink.Span) bool) []*sink.Span {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		spans, changed := s.Spans(service)
		if enough(spans) {
			return spans
		}
		select {
		case <-changed:
		case <-timeout.C:
			t.Fatalf("%s did not arrive; these %d spans of %q did:\n%s", what, len(spans), service, list(spans))
		}
	}
}

// span returns the first span of the server that is right, and waits for it.
func (w *wirespan) span(t *testing.T, what string, right func(*sink.Span) bool) *sink.Span {
	t.Helper()
	var found *sink.Span
	await(t, w.sink, w.service, what, func(spans []*sink.Span) bool {
		found = first(spans, right)
		return found != nil
	})
	return found
}

// request returns the SERVER span of a request by its path.
func (w *wirespan) request(t *testing.T, path string) *sink.Span {
	t.Helper()
	return w.span(t, "the span of a request for "+path, func(s *sink.Span) bool {
		return s.IsServer() && s.Attrs["url.path"] == path
	})
}

// child returns the span under parent that has the name.
func (w *wirespan) child(t *testing.T, parent *sink.Span, name string) *sink.Span {
	t.Helper()
	return w.span(t, "a span "+name+" under "+parent.String(), func(s *sink.Span) bool {
		return s.Name == name && s.TraceID() == parent.TraceID() && s.ParentID() == parent.ID()
	})
}

// connection returns the span of the connection that a request's span links to.
func (w *wirespan) connection(t *testing.T, request *sink.Span) *sink.Span {
	t.Helper()
	if len(request.Links) != 1 {
		t.Fatalf("a request has one link, that to its connection, and this has %d: %v", len(request.Links), request)
	}
	link := request.Links[0]
	return w.span(t, "the connection of "+request.String(), func(s *sink.Span) bool {
		return s.IsConnection() && string(s.TraceId) == string(link.TraceId) && string(s.SpanId) == string(link.SpanId)
	})
}

func first(spans []*sink.Span, right func(*sink.Span) bool) *sink.Span {
	for _, s := range spans {
		if right(s) {
			return s
		}
	}
	return nil
}

// count returns how many spans are right.
func count(spans []*sink.Span, right func(*sink.Span) bool) int {
	n := 0
	for _, s := range spans {
		if right(s) {
			n++
		}
	}
	return n
}

// list shows some spans, one a line.
func list(spans []*sink.Span) string {
	var b strings.Builder
	for i, s := range spans {
		if i == 40 {
			b.WriteString("  ...\n")
			break
		}
		b.WriteString("  " + s.String() + "\n")
	}
	return b.String()
}

// absent stands for an attribute that must not be there.
type absent struct{}

// checkAttrs compares attributes of s with what is wanted of them.
func checkAttrs(t *testing.T, s *sink.Span, want map[string]any) {
	t.Helper()
	var wrong []string
	for key, w := range want {
		got, there := s.Attrs[key]
		switch {
		case w == (absent{}) && there:
			wrong = append(wrong, fmt.Sprintf("%s = %v, want no such attribute", key, got))
		case w != (absent{}) && got != w:
			wrong = append(wrong, fmt.Sprintf("%s = %v (%[2]T), want %v (%[3]T)", key, got, w))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%s\nin %v", strings.Join(wrong, "\n"), s)
	}
}

// checkUnset fails unless the span has no status and no error.
func checkUnset(t *testing.T, s *sink.Span) {
	t.Helper()
	if s.Status.GetCode() != 0 || s.Status.GetMessage() != "" || s.Attrs["error.type"] != nil {
		t.Errorf("status %v, error.type %v: want none of it in %v", s.Status, s.Attrs["error.type"], s)
	}
}

// checkFailed fails unless the span has the status Error and that error.type.
func checkFailed(t *testing.T, s *sink.Span, errorType string) {
	t.Helper()
	if !s.Failed() || s.Attrs["error.type"] != errorType {
		t.Errorf("status %v, error.type %v: want Error and %q in %v", s.Status, s.Attrs["error.type"], errorType, s)
	}
}
