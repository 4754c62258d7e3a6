package traced_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/otelcollector"
)

var unmade map[string]int

// TestF31HandlersThatEndBadly: a handler panics, writes to a nil map, or ends its goroutine, on a worker that has another connection. That
// goes on as if nothing had happened, and each request has its span, which says what happened.
func TestF31HandlersThatEndBadly(t *testing.T) {
	want := map[string]string{
		"/panic": "handler_panic", "/map": "handler_panic", "/exit": "handler_panic", "/abort": "aborted_by_app",
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("no")
		case "/map":
			unmade["no"]++
		case "/exit":
			runtime.Goexit()
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, body) // the test sees it
	})
	const rounds = 50
	for _, e := range []httpcore.Engine{httpcore.EngineGoroutine, httpcore.EngineAuto} {
		t.Run(e.String(), func(t *testing.T) {
			spans := &keep{}
			collector, err := otelcollector.New(t.Context(), otelcollector.Config{Client: spans})
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := &httpcore.Server{Engine: e, Workers: 1, Collector: collector, Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
			served := make(chan error, 1)
			go func() { served <- server.Serve(l) }()
			dial := func() net.Conn {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			other := dial()
			answers := bufio.NewReader(other)
			for range rounds {
				for path := range want {
					c := dial()
					_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: test\r\n\r\n") // what counts is the span
					_, _ = io.Copy(io.Discard, c)
					c.Close()
					if _, err := io.WriteString(other, "GET /other HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
						t.Fatal(err)
					}
					resp, err := http.ReadResponse(answers, nil)
					if err != nil {
						t.Fatalf("after %s: %v", path, err)
					}
					if text, err := io.ReadAll(resp.Body); err != nil || string(text) != body {
						t.Errorf("after %s: %q, %v", path, text, err)
					}
				}
			}
			other.Close()
			if err := server.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			<-served
			if err := collector.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			count := map[string]int{}
			for _, s := range spans.spans {
				path, how := textOf(s, "url.path"), textOf(s, "error.type")
				if path == "" {
					continue // of a connection
				}
				if how != want[path] {
					t.Fatalf("the span of %s says %q, want %q", path, how, want[path])
				}
				count[path]++
			}
			for path := range want {
				if count[path] != rounds {
					t.Errorf("%d spans of %d requests for %s", count[path], rounds, path)
				}
			}
			if count["/other"] != rounds*len(want) {
				t.Errorf("%d spans of %d other requests", count["/other"], rounds*len(want))
			}
			if s := collector.Stats(); s.Made != s.Exported || int(s.Made) != len(spans.spans) {
				t.Errorf("the accounts: %+v, and %d spans came", s, len(spans.spans))
			}
			t.Logf("%v: %d requests ended badly, %d others were answered, %d spans made and exported", e, rounds*len(want), rounds*len(want), len(spans.spans))
		})
	}
}

// textOf returns an attribute that is a text.
func textOf(s *tracepb.Span, key string) string {
	for _, kv := range s.Attributes {
		if kv.Key == key {
			return kv.Value.GetStringValue()
		}
	}
	return ""
}
