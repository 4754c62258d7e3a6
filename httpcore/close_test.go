package httpcore_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// E15: a plain close while the client sends makes the kernel reset the connection, and the response is lost with it.
func TestAnswerToAClientThatStillSendsArrivesWhole(t *testing.T) {
	const answer, upload = 600_000, 6_000_000
	for name, f := range map[string]http.HandlerFunc{
		"body unread": large(answer),
		"body read in part": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(io.Discard, r.Body, 1_000_000)
			large(answer)(w, r)
		},
		"413": func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 1000)
			if _, err := io.ReadAll(r.Body); err != nil {
				w.WriteHeader(413)
			}
			large(answer)(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEngines(t, func(t *testing.T, e httpcore.Engine) {
				s := start(t, &httpcore.Server{Engine: e, Handler: f})
				for range 20 {
					c := s.dial().send(post + "Content-Length: 6000000\r\n\r\n")
					_, _ = c.Write(make([]byte, upload)) // and only then is the answer read
					if r := c.recv("POST"); len(r.body) != answer || !r.Close {
						t.Fatalf("%d bytes arrived, close %v", len(r.body), r.Close)
					}
					_ = c.Close()
				}
			})
		})
	}
}

// The same for what a client had pipelined behind the last request that is answered.
func TestAnswerBeforeAPipelinedRestArrivesWhole(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: large(600_000), MaxRequestsPerConnection: 1})
		rest := strings.Repeat(get("/"), 20_000)
		for _, first := range []string{get("/"), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"} {
			for range 20 {
				c := s.dial().send(first)
				_, _ = io.WriteString(c.Conn, rest)
				if r := c.recv("GET"); len(r.body) != 600_000 || !r.Close {
					t.Fatalf("%d bytes arrived, close %v", len(r.body), r.Close)
				}
				_ = c.Close()
			}
		}
	})
}

func TestLingerIsBounded(t *testing.T) {
	// Somebody who never stops sending is listened to for 5 s, somebody who is silent for one.
	for name, every := range map[string]time.Duration{"sends on": 100 * time.Millisecond, "silent": time.Hour} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serveHello(), func(b bubble) {
				start := time.Now()
				c := b.dial().send("bad\r\n\r\n")
				c.trickle("x", every)
				c.wantRefusal(400, "invalid_request_line")
				c.eof()
				took(t, start, 0) // the client has its answer and its end at once
				b.wantEnd(lifecycle.ReasonError, "invalid_request_line")
				if every == time.Hour {
					took(t, start, time.Second)
				} else {
					took(t, start, 5*time.Second)
				}
				_ = c.Close()
				time.Sleep(every) // for the goroutine that sends
			})
		})
	}
}

// E5, E6: what came before a client shut its side down is answered, all of it, and then the connection ends.
func TestHalfCloseIsAnswered(t *testing.T) {
	const length = "Content-Length: 3\r\n\r\nabc"
	for name, c := range map[string]struct {
		send string
		want []string
	}{
		"one":         {get("/"), []string{""}},
		"HTTP/1.0":    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", []string{""}},
		"pipelined":   {strings.Repeat(get("/"), 100), make([]string, 100)},
		"with a body": {post + length, []string{"abc"}},
		"chunked":     {post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", []string{"abc"}},
		"several":     {post + length + get("/") + post + length, []string{"abc", "", "abc"}},
	} {
		t.Run(name, func(t *testing.T) {
			everyHandler(t, func(t *testing.T, server *httpcore.Server) {
				s := start(t, server)
				one := s.dial().send(c.send)
				one.closeWrite()
				for i, want := range c.want {
					if r := one.recv("GET"); r.StatusCode != 200 || r.body != want {
						t.Errorf("response %d: %s %q", i, r.Status, r.body)
					}
				}
				one.eof()
				waitClosed(t, s.rec)
				for _, e := range lifecycletest.Of[*lifecycle.ConnectionCompleted](s.rec.Events()) {
					if e.Reason != lifecycle.ReasonComplete || e.RequestsServed != len(c.want) {
						t.Errorf("got %+v", e)
					}
				}
			})
		})
	}
}

// A handler that watches its context sees the half-close, and may answer all the same.
func TestHalfCloseWhileTheHandlerWatches(t *testing.T) {
	s := start(t, handler(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		hello(w, r)
	}))
	c := s.dial().send(get("/"))
	c.closeWrite()
	if r := c.recv("GET"); r.body != "Hello, World!" {
		t.Errorf("got %s %q", r.Status, r.body)
	}
	c.eof()
}

func TestRequestThatIsCutShort(t *testing.T) {
	for name, c := range map[string]struct {
		send, code string
		status     int
	}{
		"nothing":          {"", "", 0},
		"empty lines":      {"\r\n\r\n", "", 0},
		"one byte":         {"G", "unexpected_end_of_request_head", 0},
		"half a head":      {"GET / HTTP/1.1\r\nHost: a\r\n", "unexpected_end_of_request_head", 0},
		"no body":          {post + "Content-Length: 3\r\n\r\n", "unexpected_end_of_request_content", 400},
		"half a body":      {post + "Content-Length: 3\r\n\r\nab", "unexpected_end_of_request_content", 400},
		"half a chunk":     {post + "Transfer-Encoding: chunked\r\n\r\n3\r\nab", "unexpected_end_of_request_content", 400},
		"no last chunk":    {post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "unexpected_end_of_request_content", 400},
		"half a trailer":   {post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n", "unexpected_end_of_request_content", 400},
		"behind a request": {get("/") + "GET", "unexpected_end_of_request_head", 0},
	} {
		t.Run(name, func(t *testing.T) {
			everyHandler(t, func(t *testing.T, s *httpcore.Server) {
				inBubble(t, s, func(b bubble) {
					start := time.Now()
					one := b.dial().send(c.send)
					_ = one.Conn.(*memoryConn).CloseWrite()
					if name == "behind a request" {
						one.recv("GET")
					}
					if c.status != 0 {
						one.wantRefusal(c.status, c.code)
					}
					one.eof()
					_ = one.Close()
					reason := lifecycle.ReasonClientDisconnect
					if c.code == "" {
						reason = lifecycle.ReasonComplete
					}
					b.wantEnd(reason, c.code)
					took(t, start, 0)
				})
			})
		})
	}
}

// The peer resets the connection in each phase of a request.
func TestResetInEveryPhase(t *testing.T) {
	for name, c := range map[string]struct {
		send   string
		until  func(t *testing.T, one *client, entered <-chan string) // when to reset
		events string
	}{
		"before a byte": {"", nil, "ConnectionOpened ConnectionCompleted"},
		"in the head":   {"GET / HT", nil, "ConnectionOpened RequestFailed ConnectionCompleted"},
		"idle": {
			get("/"), func(_ *testing.T, one *client, _ <-chan string) { one.recv("GET") },
			"ConnectionOpened RequestStarted ResponseCompleted ConnectionCompleted",
		},
		"in the next head": {
			get("/") + "GE", func(_ *testing.T, one *client, _ <-chan string) { one.recv("GET") },
			"ConnectionOpened RequestStarted ResponseCompleted RequestFailed ConnectionCompleted",
		},
		"in the body": {
			"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", entered("/read"),
			"ConnectionOpened RequestStarted RequestFailed ConnectionCompleted",
		},
		"in the handler": {
			get("/watch"), entered("/watch"),
			"ConnectionOpened RequestStarted ClientDisconnected ConnectionCompleted",
		},
		"in the response": {
			get("/large"), entered("/large"),
			"ConnectionOpened RequestStarted ClientDisconnected ConnectionCompleted",
		},
		"in a stream": {
			get("/stream"), func(_ *testing.T, one *client, _ <-chan string) { _, _ = one.r.Peek(100) },
			"ConnectionOpened RequestStarted StreamOpened StreamClosed ClientDisconnected ConnectionCompleted",
		},
		"in a body that is drained": {
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", func(_ *testing.T, one *client, _ <-chan string) { one.recv("GET") },
			"ConnectionOpened RequestStarted ResponseCompleted ConnectionCompleted",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := make(chan string, 1)
				b := newBubble(t, handler(func(w http.ResponseWriter, r *http.Request) {
					in <- r.URL.Path
					switch r.URL.Path {
					case "/read":
						_, _ = io.ReadAll(r.Body)
					case "/watch":
						<-r.Context().Done()
					case "/large":
						large(1<<20)(w, r)
					case "/stream":
						for {
							if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
								return
							}
							w.(http.Flusher).Flush()
						}
					default:
						hello(w, r)
					}
				}))
				one := b.dial().send(c.send)
				if c.until != nil {
					c.until(t, one, in)
				}
				synctest.Wait()
				one.Conn.(*memoryConn).reset()
				reason, _ := b.ended()
				if reason != lifecycle.ReasonClientDisconnect {
					t.Errorf("the connection ended for %q", reason)
				}
				if got := lifecycletest.Names(b.rec.Events()); got != c.events {
					t.Errorf("the events are %s\nwant           %s", got, c.events)
				}
			})
		})
	}
}

// entered waits until the handler of this path runs.
func entered(path string) func(*testing.T, *client, <-chan string) {
	return func(t *testing.T, _ *client, in <-chan string) {
		if got := <-in; got != path {
			t.Errorf("the handler was called for %s, want %s", got, path)
		}
	}
}

// Real resets, at random times: the server goes on, and leaves nothing behind.
func TestResetStorm(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			large(100_000)(w, r)
		})})
		s.dial().send(get("/")).recv("GET")
		before := openFiles(t)
		first := post + "Content-Length: 20000\r\n\r\n" + strings.Repeat("x", 20_000)
		requests := first + first
		var clients sync.WaitGroup
		for part := range 8 {
			clients.Go(func() {
				for i := range 50 {
					c := s.dial()
					n := len(requests) * (part*50 + i) / 400
					c.send(requests[:n])
					if n >= len(first) && i%3 == 0 {
						_, _ = io.CopyN(io.Discard, c.Conn, int64(i*1000))
					}
					c.reset()
				}
			})
		}
		clients.Wait()
		s.dial().send(get("/")).recv("GET")
		s.waitFor(func(events []lifecycle.Event) bool {
			return len(lifecycletest.Of[*lifecycle.ConnectionCompleted](events)) >= 400
		})
		if after := openFiles(t); after > before+4 {
			t.Errorf("%d descriptors are open, %d were", after, before)
		}
	})
}

func TestKeepAliveRules(t *testing.T) {
	hello := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/close":
			w.Header().Set("Connection", "close")
		case "/stream":
			defer w.(http.Flusher).Flush()
			defer hello(w, r)
			w.(http.Flusher).Flush()
		case "/204":
			w.WriteHeader(204)
			return
		case "/304":
			w.WriteHeader(304)
			return
		}
		_, _ = io.WriteString(w, "Hello, World!")
	}
	for request, want := range map[string]struct {
		open       bool
		connection string
	}{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                              {true, ""},
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n":    {true, ""},
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n":         {false, "close"},
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n":         {false, "close"},
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n":      {false, "close"},
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: not-close\r\n\r\n":     {true, ""},
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: \"close\"\r\n\r\n":     {true, ""},
		"GET /close HTTP/1.1\r\nHost: a\r\n\r\n":                         {false, "close"},
		"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n":                        {true, ""},
		"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n":                             {true, ""},
		"GET /204 HTTP/1.1\r\nHost: a\r\n\r\n":                           {true, ""},
		"GET /304 HTTP/1.1\r\nHost: a\r\n\r\n":                           {true, ""},
		"GET / HTTP/1.0\r\n\r\n":                                         {false, "close"},
		"GET / HTTP/1.0\r\nConnection: close\r\n\r\n":                    {false, "close"},
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n":               {true, "keep-alive"},
		"GET / HTTP/1.0\r\nConnection: Keep-Alive, x\r\n\r\n":            {true, "keep-alive"},
		"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n":        {false, "close"},
		"GET /close HTTP/1.0\r\nConnection: keep-alive\r\n\r\n":          {false, "close"},
		"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n":         {false, "close"}, // only the end delimits its body
		"GET /204 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n":            {true, "keep-alive"},
		"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\n\r\n":   {true, "keep-alive"},
		"GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: timeout=5\r\n\r\n":     {true, ""},
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab":      {true, ""},
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\nab": {false, "close"}, // more than is drained
	} {
		t.Run(strings.ReplaceAll(strings.TrimSpace(request), "\r\n", "|"), func(t *testing.T) {
			inBubble(t, handler(hello), func(b bubble) {
				c := b.dial().send(request)
				method, _, _ := strings.Cut(request, " ")
				r := c.recv(method)
				if got := r.Header.Get("Connection"); got != want.connection && !(r.Close && want.connection == "close") {
					t.Errorf("Connection: %q, want %q", got, want.connection)
				}
				if r.Close == want.open {
					t.Errorf("close %v", r.Close)
				}
				if want.open {
					c.send(get("/")).recv("GET")
				} else {
					c.eof()
				}
			})
		})
	}
}
