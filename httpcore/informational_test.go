package httpcore_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
)

func TestInformational(t *testing.T) {
	hints := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(103)
		w.Header().Add("Link", "</b>; rel=preload")
		w.Header().Set("Content-Length", "5")
		w.Header().Set("Transfer-Encoding", "chunked")
		w.WriteHeader(103)
		w.Header().Del("Transfer-Encoding")
		_, _ = io.WriteString(w, "12345")
	}
	compare(t, []exchangeCase{
		{name: "early hints", handler: hints},
		{name: "early hints for HEAD", handler: hints, request: head, method: "HEAD"},
		{name: "early hints for HTTP/1.0", handler: hints, request: getHTTP10, differs: func(c *conversation) {
			c.Answers = c.Answers[2:]
			ownVersion(c)
		}, why: "HTTP/1.0 knows no 1xx: it would take the first for the answer (RFC 9110, 15.2)"},
		{name: "processing", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(102); w.WriteHeader(204) }},
		{name: "100 that nobody expects", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(100); w.WriteHeader(204) }},
		{name: "a 1xx that has no name", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(199); w.WriteHeader(204) }},
		{name: "1xx and nothing else", handler: status(103)},
	})
}

const (
	expecting        = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	expectingChunked = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n"
)

// echo answers with the body.
func echo(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	_, _ = w.Write(b)
}

func TestContinueIsSentWhenTheBodyIsRead(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(echo)})
		for request, body := range map[string]string{expecting: "hello", expectingChunked: "5\r\nhello\r\n0\r\n\r\n"} {
			c := s.dial()
			for range 2 {
				if r := c.send(request).recv("POST"); r.StatusCode != 100 || len(r.Header) > 0 {
					t.Fatalf("got %s %v", r.Status, r.Header)
				}
				if r := c.send(body).recv("POST"); r.StatusCode != 200 || r.body != "hello" || r.Close {
					t.Errorf("got %s %q, close %v", r.Status, r.body, r.Close)
				}
			}
		}
	})
}

// statuses sends raw and returns the statuses that come back, and whether the connection stayed open.
func statuses(t *testing.T, s *site, raw string) (codes []int, open bool) {
	t.Helper()
	said := converse(t, s.addr, raw, "POST")
	for _, a := range said.Answers {
		codes = append(codes, a.Status)
	}
	return codes, said.Open
}

func TestContinueThatIsNotDue(t *testing.T) {
	finalFirst := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(202)
		w.(http.Flusher).Flush()
		echo(w, r)
	}
	tests := []struct {
		name, request string
		handler       http.HandlerFunc
		status        int
		open          bool
	}{
		{"the body is there", expecting + "hello", echo, 200, true},
		{"the body is there, but not read", expecting + "hello", hello, 200, false},
		{"no body", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n", echo, 200, true},
		{"no length", "POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\r\n", echo, 200, true},
		{"HTTP/1.0", "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", echo, 200, true},
		{"the final status first", expecting + "hello", finalFirst, 202, false},
		{"another expectation", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: more\r\n\r\nhello", echo, 417, false},
		{"a body too large", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n", echo, 413, false},
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, tt := range tests {
			s := start(t, &httpcore.Server{Engine: e, Handler: withLast(tt.handler), MaxBodyBytes: 10})
			codes, open := statuses(t, s, tt.request)
			if len(codes) != 1 || codes[0] != tt.status || open != tt.open {
				t.Errorf("%s: got %v, open %v, want %d, open %v", tt.name, codes, open, tt.status, tt.open)
			}
		}
	})
}

// The client is not told to go on after it was answered, and the connection ends: it may send the body or not.
func TestFinalStatusInsteadOfContinue(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: status(403)})
		for _, request := range []string{expecting, expectingChunked} {
			c := s.dial().send(request)
			if r := c.recv("POST"); r.StatusCode != 403 || !r.Close {
				t.Errorf("got %s, close %v", r.Status, r.Close)
			}
			c.eof()
		}
	})
}

// A handler that answers first and then reads gets the body of a client that sends it all the same.
func TestBodyAfterFinalStatus(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			echo(w, r)
		})})
		c := s.dial().send(expecting)
		res, err := http.ReadResponse(c.r, nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		c.send("hello")
		if b, err := io.ReadAll(res.Body); string(b) != "hello" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
	})
}

func TestContinueByTheHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(103)
			if r.URL.Path == "/explicit" {
				w.WriteHeader(100)
			}
			echo(w, r)
		})})
		for _, path := range []string{"/explicit", "/implicit"} {
			c := s.dial().send(strings.Replace(expecting, "/", path, 1))
			for _, want := range []int{103, 100} {
				if r := c.recv("POST"); r.StatusCode != want {
					t.Errorf("%s: got %s, want %d", path, r.Status, want)
				}
			}
			if r := c.send("hello").recv("POST"); r.StatusCode != 200 || r.body != "hello" {
				t.Errorf("%s: got %s %q", path, r.Status, r.body)
			}
		}
	})
}

// A client may wait for earlier responses, and for 100, before it sends the body of a pipelined request.
func TestPipelinedRequestWhoseBodyIsAwaited(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(echo)})
		c := s.dial().send(get("/") + expecting)
		for _, want := range []int{200, 100} {
			if r := c.recv("POST"); r.StatusCode != want {
				t.Errorf("got %s, want %d", r.Status, want)
			}
		}
		c.send("hello" + get("/") + strings.Replace(expecting, "Expect: 100-continue\r\n", "", 1))
		for _, want := range []string{"hello", ""} {
			if r := c.recv("POST"); r.body != want {
				t.Errorf("got %s %q, want %q", r.Status, r.body, want)
			}
		}
		if r := c.send("again").recv("POST"); r.body != "again" {
			t.Errorf("got %s %q", r.Status, r.body)
		}
	})
}
