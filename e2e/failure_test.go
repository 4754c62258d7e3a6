package e2e_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// A request that no handler ever sees is a span, too: this is what a middleware cannot know.
func TestMalformedRequestIsASpan(t *testing.T) {
	t.Parallel()
	w := demo(t)
	for _, c := range []struct {
		head, errorType string
		status          int
	}{
		{"GARBAGE\r\n\r\n", "invalid_request_line", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nbad name: x\r\n\r\n", "invalid_request_headers", 400},
		{"GET / HTTP/1.1\r\n\r\n", "invalid_request_headers", 400},
		{"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "invalid_http_version", 505},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", "max_request_headers_total_size_exceeded", 431},
		{"GET /" + strings.Repeat("x", 9<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", "request_target_too_long", 414},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: br\r\n\r\n", "unsupported_transfer_coding", 501},
	} {
		begin := time.Now()
		conn := w.dial(t)
		if _, err := io.WriteString(conn, c.head); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%.40q: %v", c.head, err)
		}
		resp.Body.Close()
		peer := int64(conn.LocalAddr().(*net.TCPAddr).Port)
		conn.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%.40q: %s, want %d", c.head, resp.Status, c.status)
		}
		s := w.span(t, "the span of "+c.errorType, func(s *sink.Span) bool {
			return s.IsServer() && s.Attrs["network.peer.port"] == peer && s.Start().After(begin.Add(-100*time.Millisecond)) // ports are used again
		})
		checkAttrs(t, s, map[string]any{"http.response.status_code": int64(c.status), "error.type": c.errorType, "http.route": absent{}})
		if failed := c.status >= 500; s.Failed() != failed {
			t.Errorf("status of the span %v, want Error only for 5xx: %v", s.Status, s)
		}
		w.connection(t, s)
	}
}

func TestPanicIsAnError(t *testing.T) {
	t.Parallel()
	w := demo(t)
	w.get(t, 500, "/panic")
	s := w.request(t, "/panic")
	if s.Name != "GET /panic" {
		t.Errorf("name %q", s.Name)
	}
	checkFailed(t, s, "handler_panic")
	checkAttrs(t, s, map[string]any{"http.response.status_code": int64(500), "http.route": "/panic"})
	if len(s.Events) != 1 || s.Events[0].Name != "exception" {
		t.Fatalf("events %v, want one exception", s.Events)
	}
	exception := sink.Attributes(s.Events[0].Attributes)
	if exception["exception.message"] != "the demo panics when it is asked to" || exception["exception.type"] == nil {
		t.Errorf("exception %v", exception)
	}
	if trace, _ := exception["exception.stacktrace"].(string); !strings.Contains(trace, "main.") {
		t.Errorf("stack trace %q", trace)
	}
	w.get(t, 200, "/sync") // the server goes on
}

func TestClientThatLeavesIsAnError(t *testing.T) {
	t.Parallel()
	w := demo(t)
	for _, c := range []struct{ path, query, route string }{
		{"/bytes/1000000000", "", "/bytes/{n}"}, // the server finds out when it writes
		{"/stream", "?n=10000&ms=5", "/stream"}, // the handler is told, and stops
		{"/sse", "?ms=60000", "/sse"},           // the same while nothing is being sent
	} {
		conn := w.dial(t)
		if _, err := io.WriteString(conn, "GET "+c.path+c.query+" HTTP/1.1\r\nHost: e2e\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		s := w.request(t, c.path)
		checkFailed(t, s, "client_disconnect")
		checkAttrs(t, s, map[string]any{"http.response.status_code": int64(200), "http.route": c.route})
	}
}

// Where nothing was answered there is no status.
func TestClientThatLeavesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := demo(t)
	conn := w.dial(t)
	if _, err := io.WriteString(conn, "POST /upload HTTP/1.1\r\nHost: e2e\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil { // the handler reads
		t.Fatal(err)
	}
	conn.Close()
	s := w.request(t, "/upload")
	if !s.Failed() || s.Attrs["error.type"] == nil {
		t.Errorf("want an error: %v", s)
	}
}
