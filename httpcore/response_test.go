package httpcore_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

const (
	getHTTP10      = "GET / HTTP/1.0\r\n\r\n"
	getHTTP10Alive = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	head           = "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"

	whyOwnVersion = "a server names its own version, whatever the client's (RFC 9110, 6.2)"
)

func ownVersion(c *conversation) {
	for i := range c.Answers {
		c.Answers[i].Proto = "HTTP/1.1"
	}
}

// writes returns a handler that writes each text.
func writes(texts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, s := range texts {
			_, _ = io.WriteString(w, s)
		}
	}
}

// sets returns a handler that sets name to value, then writes the text.
func sets(name, value string, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()[name] = []string{value}
		_, _ = io.WriteString(w, text)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

const whyKnown = "the server frames the body: when its length is known, with that"

// known makes the answer one of five bytes, framed by their number.
func known(c *conversation) {
	*c = conversation{Open: true, Answers: []answer{{
		Status: 200, Proto: "HTTP/1.1", ContentLength: 5, Body: "12345",
		Header: http.Header{"Date": {"some time"}, "Content-Length": {"5"}, "Content-Type": {"text/plain; charset=utf-8"}},
	}}}
}

func TestFraming(t *testing.T) {
	long := strings.Repeat("long ", 4000)
	flushed := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "one ")
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "two")
	}
	compare(t, []exchangeCase{
		{name: "nothing", handler: func(http.ResponseWriter, *http.Request) {}},
		{name: "short", handler: hello},
		{name: "in pieces", handler: writes("a", "", "b", "c")},
		{name: "empty write", handler: writes("")},
		{name: "long", handler: writes(long)},
		{name: "short then long", handler: writes("a", long)},
		{name: "flushed", handler: flushed},
		{name: "declared", handler: sets("Content-Length", "5", "12345")},
		{name: "declared and long", handler: sets("Content-Length", strconv.Itoa(len(long)), long)},
		{
			name: "declared twice", handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Content-Length"] = []string{"5", "5"}
				_, _ = io.WriteString(w, "12345")
			}, differs: func(c *conversation) { c.Answers[0].Header["Content-Length"] = []string{"5"} },
			why: "a message has one Content-Length",
		},
		{name: "declared, not a number", handler: sets("Content-Length", "many", "12345"), differs: known, why: whyKnown},
		{name: "declared, negative", handler: sets("Content-Length", "-5", "12345"), differs: known, why: whyKnown},
		{name: "HTTP/1.0", handler: hello, request: getHTTP10, differs: ownVersion, why: whyOwnVersion},
		{name: "HTTP/1.0 long", handler: writes(long), request: getHTTP10, differs: ownVersion, why: whyOwnVersion},
		{name: "HTTP/1.0 flushed", handler: flushed, request: getHTTP10, differs: ownVersion, why: whyOwnVersion},
		{name: "HTTP/1.0 keep-alive", handler: hello, request: getHTTP10Alive, differs: ownVersion, why: whyOwnVersion},
		{name: "HTTP/1.0 keep-alive, flushed", handler: flushed, request: getHTTP10Alive, differs: ownVersion, why: whyOwnVersion},
		{name: "HTTP/1.0 keep-alive, declared", handler: sets("Content-Length", "5", "12345"), request: getHTTP10Alive, differs: ownVersion, why: whyOwnVersion},
		{name: "HTTP/1.0 keep-alive, no content", handler: status(204), request: getHTTP10Alive, differs: ownVersion, why: whyOwnVersion},
		{name: "Transfer-Encoding: identity", handler: sets("Transfer-Encoding", "identity", "12345"), differs: known, why: whyKnown},
		{name: "Transfer-Encoding: identity, long", handler: sets("Transfer-Encoding", "identity", long), differs: func(c *conversation) {
			c.Answers[0].Header.Set("Content-Type", "text/plain; charset=utf-8")
		}, why: "identity says nothing about the content"},
		{name: "Transfer-Encoding: chunked", handler: sets("Transfer-Encoding", "chunked", "12345"), differs: known, why: whyKnown},
		{
			name: "Transfer-Encoding: gzip", handler: sets("Transfer-Encoding", "gzip", "12345"), differs: known,
			why: whyKnown + "; and no client has asked for this coding",
		},
		{name: "Transfer-Encoding and Content-Length", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Transfer-Encoding", "chunked")
			sets("Content-Length", "5", "12345")(w, nil)
		}, differs: known, why: whyKnown},
	})
}

func TestResponsesWithoutABody(t *testing.T) {
	flush := func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }
	cases := []exchangeCase{
		{name: "HEAD, nothing written", handler: func(http.ResponseWriter, *http.Request) {}},
		{name: "HEAD, written", handler: hello},
		{name: "HEAD, HTML", handler: writes("<html>", "<body>")},
		{name: "HEAD, declared", handler: sets("Content-Length", "5", "")},
		{name: "HEAD, declared and written", handler: sets("Content-Length", "5", "12345")},
		{name: "HEAD, flushed", handler: flush},
		{name: "HEAD, long", handler: writes(strings.Repeat("long ", 4000)), differs: func(c *conversation) {
			c.Answers[0].ContentLength = 20_000
			c.Answers[0].Header["Content-Length"] = []string{"20000"}
		}, why: "the handler has told how long a GET would be"},
		{name: "HEAD, HTTP/1.0", handler: hello, request: "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", differs: ownVersion, why: whyOwnVersion},
		{name: "HEAD, HTTP/1.0, flushed", handler: flush, request: "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", differs: ownVersion, why: whyOwnVersion},
	}
	for i := range cases {
		cases[i].method = "HEAD"
		if cases[i].request == "" {
			cases[i].request = head
		}
	}
	for _, code := range []int{204, 304} {
		name := strconv.Itoa(code)
		cases = append(cases,
			exchangeCase{name: name, handler: status(code)},
			exchangeCase{name: name + " flushed", handler: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code); flush(w, r) }},
			exchangeCase{name: name + " with what frames a body", handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "5")
				w.Header().Set("Transfer-Encoding", "chunked")
				w.Header().Set("Content-Type", "text/plain")
				w.WriteHeader(code)
				if _, err := io.WriteString(w, "12345"); !errors.Is(err, http.ErrBodyNotAllowed) {
					t.Errorf("%d: Write returned %v", code, err)
				}
			}})
	}
	compare(t, cases)
}

func TestSniffing(t *testing.T) {
	page := "<!DOCTYPE html><title>x</title>" + strings.Repeat(" ", 5000)
	compare(t, []exchangeCase{
		{name: "HTML", handler: writes("<html><body>")},
		{name: "HTML in pieces", handler: writes("<ht", "ml>")},
		{name: "HTML, the first byte apart", handler: writes("<", page[1:])},
		{name: "GIF", handler: writes("GIF89a")},
		{name: "bytes", handler: writes("\x00\x01")},
		{name: "empty Content-Type", handler: sets("Content-Type", "", "<html>")},
		{name: "nil Content-Type", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, "<html>")
		}},
		{name: "Content-Encoding", handler: sets("Content-Encoding", "gzip", "\x1f\x8b")},
		{name: "empty Content-Encoding", handler: sets("Content-Encoding", "", "<html>")},
		{name: "no body", handler: status(404)},
	})
}

func TestConnectionField(t *testing.T) {
	compare(t, []exchangeCase{
		{name: "close by the client", handler: hello, request: "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"},
		{name: "close among others by the client", handler: hello, request: "GET / HTTP/1.1\r\nHost: test\r\nConnection: x, Close\r\n\r\n"},
		{name: "close by the handler", handler: sets("Connection", "close", "x")},
		{name: "Close by the handler", handler: sets("Connection", "Close", "x"), differs: func(c *conversation) {
			c.Open = false
		}, why: "connection options are case-insensitive (RFC 9110, 7.6.1)"},
		{name: "close among others by the handler", handler: sets("Connection", "x, close", "x"), differs: func(c *conversation) {
			c.Open = false
		}, why: "who announces the end must end"},
		{name: "keep-alive by the handler", handler: sets("Connection", "keep-alive", "x"), differs: func(c *conversation) {
			delete(c.Answers[0].Header, "Connection")
		}, why: "HTTP/1.1 keeps alive without saying so"},
		{
			name: "keep-alive by the handler, close by the client", handler: sets("Connection", "keep-alive", "x"),
			request: "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
		},
		{name: "other options by the handler", handler: sets("Connection", "x", "x")},
	})
}

func TestHeaderFields(t *testing.T) {
	compare(t, []exchangeCase{
		{name: "several values", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
			w.Header().Set("X-Empty", "")
		}},
		{name: "changed after WriteHeader", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", "before")
			w.WriteHeader(202)
			w.Header().Set("X", "after")
			w.Header().Set("Y", "after")
			_, _ = io.WriteString(w, "x")
		}},
		{name: "changed after the first Write", handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "x")
			w.Header().Set("Content-Type", "text/late")
		}},
		{name: "Date by the handler", handler: sets("Date", "Sat, 21 Nov 2026 07:00:00 GMT", "x")},
		{name: "Date left out by the handler", handler: func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil }},
		{name: "Server by the handler", handler: sets("Server", "the application's", "x")},
		{name: "a status without a name", handler: status(299)},
		{name: "superfluous WriteHeader", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			w.WriteHeader(500)
			w.WriteHeader(103)
		}},
		{name: "response splitting", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["X"] = []string{"a\r\nInjected: yes", "a\nInjected: yes", "a\rb"}
			w.Header()["Y\r\nInjected"] = []string{"yes"}
			w.Header()["Y: a\r\nInjected"] = []string{"yes"}
			w.Header()["not a token"] = []string{"yes"}
			w.Header()[""] = []string{"yes"}
		}},
	})
}

// What serves is nobody's business, not even when the server answers by itself.
func TestServerIsNotNamed(t *testing.T) {
	inMemory := httpcore.SyncHandlerFunc(func(_ *httpcore.SyncResponse, r *httpcore.SyncRequest) bool { return r.Path() == "/sync" })
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Sync: inMemory, Handler: http.HandlerFunc(hello)})
		for request, want := range map[string]int{get("/"): 200, get("/sync"): 200, "nonsense\r\n\r\n": 400} {
			if r := s.dial().send(request).recv("GET"); r.StatusCode != want || r.Header["Server"] != nil {
				t.Errorf("%q: %s, Server %q", request, r.Status, r.Header["Server"])
			}
		}
	})
}

func TestControlCharactersNeverReachTheWire(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["X"] = []string{"a\x00b\x01c\x7fd\te"}
		})})
		if r := s.dial().send(get("/")).recv("GET"); r.Header.Get("X") != "a b c d\te" {
			t.Errorf("X: %q", r.Header.Get("X"))
		}
	})
}

func TestInvalidStatusPanics(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, code := range []int{-1, 0, 99, 1000} {
			s := start(t, &httpcore.Server{Engine: e, Handler: status(code)})
			if r := s.dial().send(get("/")).recv("GET"); r.StatusCode != 500 {
				t.Errorf("WriteHeader(%d): %s", code, r.Status)
			}
		}
	})
}

// A handler that breaks its promise is told, and its response is never framed wrongly.
func TestDeclaredLength(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		status  int
		body    string
		bodyErr error
		code    string // of the RequestFailed; "": ResponseCompleted
	}{
		{
			name: "too short", handler: sets("Content-Length", "10", "12345"), status: 500, code: "response_content_length_mismatch",
			body: "500 Internal Server Error: the handler wrote less than it announced\n",
		},
		{name: "too short after Flush", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "123")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "45")
		}, status: 200, body: "12345", bodyErr: io.ErrUnexpectedEOF, code: "response_content_length_mismatch"},
		{
			name: "nothing at all", handler: sets("Content-Length", "10", ""), status: 500, code: "response_content_length_mismatch",
			body: "500 Internal Server Error: the handler wrote less than it announced\n",
		},
		{
			name: "too long at once", handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "5")
				if n, err := io.WriteString(w, "1234567890"); n != 0 || !errors.Is(err, http.ErrContentLength) {
					t.Errorf("Write returned %d, %v", n, err)
				}
			}, status: 500, code: "response_content_length_mismatch",
			body: "500 Internal Server Error: the handler wrote less than it announced\n",
		},
		{name: "too long in the end", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "12345")
			if n, err := io.WriteString(w, "6"); n != 0 || !errors.Is(err, http.ErrContentLength) {
				t.Errorf("Write returned %d, %v", n, err)
			}
		}, status: 200, body: "12345"},
		{name: "too long after Flush", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "12345")
			w.(http.Flusher).Flush()
			if n, err := w.Write([]byte("6")); n != 0 || !errors.Is(err, http.ErrContentLength) {
				t.Errorf("Write returned %d, %v", n, err)
			}
		}, status: 200, body: "12345"},
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				s := start(t, &httpcore.Server{Engine: e, Handler: withLast(tt.handler)})
				said := converse(t, s.addr, get("/"), "GET")
				if len(said.Answers) != 1 || said.Open {
					t.Fatalf("got %+v, want one answer and a closed connection", said)
				}
				if a := said.Answers[0]; a.Status != tt.status || a.Body != tt.body || !errors.Is(a.BodyErr, tt.bodyErr) {
					t.Errorf("got %+v", a)
				}
				if code := s.failure(); code != tt.code {
					t.Errorf("RequestFailed.Code is %q, want %q", code, tt.code)
				}
			})
		}
	})
}

// failure returns the code of the first RequestFailed, or "", when all connections are closed.
func (s *site) failure() string {
	s.t.Helper()
	waitClosed(s.t, s.rec)
	for _, f := range lifecycletest.Of[*lifecycle.RequestFailed](s.rec.Events()) {
		return f.Code
	}
	return ""
}

func TestSuperfluousWriteHeaderIsLogged(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		var text strings.Builder
		s := start(t, &httpcore.Server{Engine: e, ErrorLog: log.New(&text, "", 0), Handler: http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(500) })})
		if r := s.dial().send(get("/")).recv("GET"); r.StatusCode != 201 {
			t.Errorf("got %s", r.Status)
		}
		if !strings.Contains(text.String(), "superfluous WriteHeader(500) after WriteHeader(201)") {
			t.Errorf("logged %q", &text)
		}
	})
}

// A response that is the last one must not be lost in the reset that further pipelined requests would draw.
func TestLastResponseSurvivesPipelinedRequests(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: sets("Connection", "close", strings.Repeat("x", 100_000))})
		for range 20 {
			c := s.dial()
			go func() { _, _ = io.WriteString(c.Conn, strings.Repeat(get("/"), 5000)) }()
			if r := c.recv("GET"); len(r.body) != 100_000 {
				t.Fatalf("got %d bytes", len(r.body))
			}
		}
	})
}
