package httpcore_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// refusals are the requests that the server answers by itself: one for each status and code that it has. Those that
// need time are in timeout_test.go, those that refuse a connection in limits_test.go and shutdown_test.go.
var refusals = []struct {
	name, request string
	status        int
	code          string
	reason        lifecycle.Reason
}{
	{"request line", "GET  / HTTP/1.1\r\n", 400, "invalid_request_line", lifecycle.ReasonError},
	{"no version", "GET /\r\n", 400, "invalid_request_line", lifecycle.ReasonError},
	{"version text", "GET / http/1.1\r\n", 400, "invalid_request_line", lifecycle.ReasonError},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "invalid_request_line", lifecycle.ReasonError},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "invalid_request_line", lifecycle.ReasonError},
	{"version", "GET / HTTP/3.0\r\n\r\n", 505, "invalid_http_version", lifecycle.ReasonError},
	{"bare LF", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400, "invalid_request_headers", lifecycle.ReasonError},
	{"no Host", "GET / HTTP/1.1\r\n\r\n", 400, "invalid_request_headers", lifecycle.ReasonError},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "invalid_request_headers", lifecycle.ReasonError},
	{"two lengths", post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, "invalid_request_headers", lifecycle.ReasonError},
	{"length and coding", post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "invalid_request_headers", lifecycle.ReasonError},
	{"unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n", 501, "unsupported_transfer_coding", lifecycle.ReasonError},
	{"expectation", post + "Expect: a miracle\r\n\r\n", 417, "unsupported_expectation", lifecycle.ReasonError},
	{"target", "GET /" + strings.Repeat("x", 10_000), 414, "request_target_too_long", lifecycle.ReasonLimit},
	{"head", get("/")[:len(get("/"))-2] + "X: " + strings.Repeat("x", 100_000), 431, "max_request_headers_total_size_exceeded", lifecycle.ReasonLimit},
	{"headers", get("/")[:len(get("/"))-2] + strings.Repeat("X: y\r\n", 100), 431, "max_request_header_count_exceeded", lifecycle.ReasonLimit},
	{"URL", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_request_line", lifecycle.ReasonError},
	{"length of the body", post + "Content-Length: 40000000\r\n\r\n", 413, "max_request_body_size_exceeded", lifecycle.ReasonLimit},
	{"chunk", post + "Transfer-Encoding: chunked\r\n\r\nz\r\n", 400, "invalid_chunked_body", lifecycle.ReasonError},
	{"panic", "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n", 500, "handler_panic", lifecycle.ReasonError},
	{"panic of a SyncHandler", "GET /sync-panic HTTP/1.1\r\nHost: a\r\n\r\n", 500, "handler_panic", lifecycle.ReasonError},
	{"less than announced", "GET /short HTTP/1.1\r\nHost: a\r\n\r\n", 500, "response_content_length_mismatch", lifecycle.ReasonError},
}

func refusing() *httpcore.Server {
	return &httpcore.Server{
		Sync: httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
			if r.Path() == "/sync-panic" {
				w.SetHeader("X-Of-The-Handler", "must not be seen")
				w.SetBodyString("must not be seen")
				panic("no")
			}
			return false
		}),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Of-The-Handler", "must not be seen")
			switch r.URL.Path {
			case "/panic":
				_, _ = io.WriteString(w, "must not be seen")
				panic("no")
			case "/short":
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, "must not be seen")
			default:
				_, _ = io.ReadAll(r.Body)
			}
		}),
	}
}

// checkRefusal checks the form that every answer of the server's own has.
func checkRefusal(t *testing.T, r reply, status int, code string) {
	t.Helper()
	if r.StatusCode != status || r.Proto != "HTTP/1.1" {
		t.Errorf("got %s %s, want %d", r.Proto, r.Status, status)
	}
	if r.Status != strconv.Itoa(status)+" "+http.StatusText(status) {
		t.Errorf("the status line says %q", r.Status)
	}
	h := r.Header
	if h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Wirespan-Error") != code || !r.Close {
		t.Errorf("got %v, close %v; want text/plain and %s", h, r.Close, code)
	}
	if d, err := http.ParseTime(h.Get("Date")); err != nil || time.Since(d).Abs() > 5*time.Second {
		t.Errorf("Date is %q", h.Get("Date"))
	}
	if h.Get("X-Of-The-Handler") != "" || strings.Contains(r.body, "must not be seen") {
		t.Error("something of the handler's response is left")
	}
	if r.Request.Method == "HEAD" {
		if r.body != "" || r.ContentLength <= 0 {
			t.Errorf("to HEAD the body is %q of length %d", r.body, r.ContentLength)
		}
		return
	}
	if !strings.HasPrefix(r.body, r.Status+": ") || !strings.HasSuffix(r.body, "\n") || len(r.body) > 200 || r.ContentLength != int64(len(r.body)) {
		t.Errorf("the body is %q, the length %d", r.body, r.ContentLength)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			onEngines(t, func(t *testing.T, e httpcore.Engine) {
				server := refusing()
				server.Engine = e
				s := start(t, server)
				one := s.dial().send(c.request)
				checkRefusal(t, one.recv("GET"), c.status, c.code)
				one.eof()
				_ = one.Close()
				waitClosed(t, s.rec)
				checkFailure(t, s.rec.Events(), c.status, c.code, c.reason)
			})
		})
	}
}

// checkFailure checks the events of a connection whose only request was refused.
func checkFailure(t *testing.T, events []lifecycle.Event, status int, code string, reason lifecycle.Reason) {
	t.Helper()
	failed := lifecycletest.Of[*lifecycle.RequestFailed](events)
	started := lifecycletest.Of[*lifecycle.RequestStarted](events)
	completed := lifecycletest.Of[*lifecycle.ConnectionCompleted](events)
	if len(failed) != 1 || len(completed) != 1 {
		t.Fatalf("the events are %s", lifecycletest.Names(events))
	}
	f := failed[0]
	if f.Status != status || f.Code != code || f.Err == nil || f.Started != (len(started) == 1) {
		t.Errorf("got status %d, code %q, error %v, started %v", f.Status, f.Code, f.Err, f.Started)
	}
	if f.Duration <= 0 || f.HeadBytes == 0 || f.BytesSent == 0 || f.ResponseFields == nil || f.ResponseFields.Get("X-Wirespan-Error") != code {
		t.Errorf("got %+v", f.Outcome)
	}
	if completed[0].Reason != reason || completed[0].TotalBytesSent != f.BytesSent {
		t.Errorf("the connection ended for %q after %d bytes, want %q and %d", completed[0].Reason, completed[0].TotalBytesSent, reason, f.BytesSent)
	}
}

// A refusal of HEAD has the headers and no body, as soon as it is known that it is one.
func TestRefusalsOfHead(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, c := range refusals {
			method, rest, _ := strings.Cut(c.request, " ")
			switch {
			case method != "GET" && method != "POST", c.name == "request line":
				continue
			case c.name == "less than announced": // which to HEAD is no failure
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				server := refusing()
				server.Engine = e
				s := start(t, server)
				one := s.dial().send("HEAD " + rest)
				checkRefusal(t, one.recv("HEAD"), c.status, c.code)
				one.eof()
			})
		}
	})
}

// What is known of a head that is refused stands on its event.
// What could be parsed of a head that was refused, or cut short, is told, and nothing else.
func TestRefusedHeadIsNamed(t *testing.T) {
	for request, want := range map[string]lifecycle.Request{
		"BREW /pot HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n": {Method: "BREW", Target: "/pot", HTTPVersion: "1.1", Host: "a"},
		"BREW /pot HTTP/1.0\r\nX : y\r\n\r\n":            {Method: "BREW", Target: "/pot", HTTPVersion: "1.0"},
		"GET /pot HTTP/2.0\r\n\r\n":                      {Method: "GET", Target: "/pot"},
		"GET /pot\r\n":                                   {Method: "GET"},
		"\x16\x03\x01\x02":                               {},
		"GET /pot HT":                                    {Method: "GET", Target: "/pot"},
		"GET /pot HTTP/1.1\r\nHost: a\r\nX":              {Method: "GET", Target: "/pot", HTTPVersion: "1.1", Host: "a"},
	} {
		t.Run(request, func(t *testing.T) {
			onEngines(t, func(t *testing.T, e httpcore.Engine) {
				server := serveHello()
				server.Engine = e
				s := start(t, server)
				c := s.dial().send(request)
				c.closeWrite()
				_, _ = io.Copy(io.Discard, c.Conn)
				_ = c.Close()
				f := only[*lifecycle.RequestFailed](t, s.waitFor(lifecycletest.AtLeast[*lifecycle.RequestFailed](1)))
				got := lifecycle.Request{Method: f.Method, Target: f.Target, HTTPVersion: f.HTTPVersion, Host: f.Host, Index: f.Index}
				if got != want || f.Scheme != "http" || f.Header("Host") != want.Host {
					t.Errorf("got %+v of %s, want %+v", got, f.Scheme, want)
				}
			})
		})
	}
}

// What the client sent is not repeated to it.
func TestRefusalsDoNotEcho(t *testing.T) {
	s := start(t, serveHello())
	for _, request := range []string{
		"GET /<script> HTTP/1.1\r\nHost: <script>\r\n\r\n",
		"<script> / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\n<script>: a\r\n\r\n",
		"GET / HTTP/9.<script>\r\n\r\n",
	} {
		c := s.dial().send(request)
		if r := c.recv("GET"); r.StatusCode < 400 || strings.Contains(r.body, "script") {
			t.Errorf("%q was answered %s %q", request, r.Status, r.body)
		}
	}
}

// Whatever was said, an answer is only sent while nothing of another response was.
func TestFailureAfterTheHeadAbortsTheConnection(t *testing.T) {
	for name, c := range map[string]struct {
		f    http.HandlerFunc
		code string
	}{
		"panic": {func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			panic("late")
		}, "handler_panic"},
		"abort": {func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "aborted_by_app"},
		"less than announced": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
			w.(http.Flusher).Flush()
		}, "response_content_length_mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			onEngines(t, func(t *testing.T, e httpcore.Engine) {
				s := start(t, &httpcore.Server{Engine: e, Handler: c.f})
				one := s.dial().send(get("/") + get("/next"))
				res, err := http.ReadResponse(one.r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadAll(res.Body); err == nil {
					t.Error("the response seems to be complete")
				}
				_ = one.Close()
				waitClosed(t, s.rec)
				f := lifecycletest.Of[*lifecycle.RequestFailed](s.rec.Events())
				if len(f) != 1 || f[0].Code != c.code || f[0].Status != 200 || !f[0].Streaming {
					t.Errorf("the events are %s, the failures %+v", lifecycletest.Names(s.rec.Events()), f)
				}
			})
		})
	}
}

// An abort before anything was sent leaves the client without an answer, as the handler wished.
func TestAbort(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })})
		one := s.dial().send(get("/"))
		one.eofOrReset()
		waitClosed(t, s.rec)
		f := lifecycletest.Of[*lifecycle.RequestFailed](s.rec.Events())
		if len(f) != 1 || f[0].Code != "aborted_by_app" || f[0].Status != 0 {
			t.Errorf("the events are %s", lifecycletest.Names(s.rec.Events()))
		}
	})
}

// W54 and the like: an expectation that is met, and statuses of which a server must not make its own.
func TestNoRefusal(t *testing.T) {
	s := start(t, handler(readAll))
	for _, request := range []string{
		post + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
		post + "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc",
		post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"BREW http://test/ HTTP/1.1\r\nHost: other\r\nContent-Length: 3\r\n\r\nabc",
		"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
	} {
		if r := s.dial().send(request).recv("POST"); r.StatusCode != 200 || r.body != "abc" {
			t.Errorf("%q was answered %s %q", request, r.Status, r.body)
		}
	}
}
