package httpcore_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
)

var errOwn = errors.New("the handler's own")

func TestPanics(t *testing.T) {
	tests := []struct {
		name   string
		value  any // what is panicked with; goexit ends the goroutine
		code   string
		err    error // is in the event's
		logged bool
		silent bool // no 500 even before the head
	}{
		{name: "string", value: "no", code: "handler_panic", logged: true},
		{name: "error", value: errOwn, code: "handler_panic", err: errOwn, logged: true},
		{name: "nil", value: nil, code: "handler_panic", logged: true},
		{name: "ErrAbortHandler", value: http.ErrAbortHandler, code: "aborted_by_app", err: http.ErrAbortHandler, silent: true},
		{name: "wrapped ErrAbortHandler", value: fmt.Errorf("x: %w", http.ErrAbortHandler), code: "aborted_by_app", err: http.ErrAbortHandler, silent: true},
		{name: "Goexit", value: goexit{}, code: "handler_panic"},
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, tt := range tests {
			for _, when := range []string{"/before", "/buffered", "/flushed"} {
				t.Run(tt.name+when, func(t *testing.T) {
					var text strings.Builder
					s := start(t, &httpcore.Server{Engine: e, ErrorLog: log.New(&text, "", 0), Handler: failing(tt.value)})
					c := s.dial().send(get("/well") + get(when))
					if r := c.recv("GET"); r.body != "well" {
						t.Errorf("the response before it: %s %q", r.Status, r.body)
					}
					status := c.failed(when, tt.silent)
					_ = c.Close()

					f := only[*lifecycle.RequestFailed](t, s.closed())
					if f.Code != tt.code || f.Status != status || !f.Started || tt.err != nil && !errors.Is(f.Err, tt.err) {
						t.Errorf("RequestFailed %q, status %d, started %v, %v", f.Code, f.Status, f.Started, f.Err)
					}
					if logged := strings.Contains(text.String(), "http: panic serving 127.0.0.1"); logged != tt.logged {
						t.Errorf("logged %q", &text)
					}
				})
			}
		}
	})
}

// Whatever becomes of a handler, its worker goes on, and need not be started again.
func TestWorkersOutlivePanics(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		server := &httpcore.Server{Engine: e, Workers: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/exit" {
				runtime.Goexit()
			}
			panic("no")
		})}
		server.Sync = httpcore.SyncHandlerFunc(func(_ *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
			if r.Path() == "/sync" {
				panic("no")
			}
			return r.Path() == "/well"
		})
		h := hookInto(server, succeed)
		s := start(t, server)
		idle := s.dial()
		for range 3 {
			for _, path := range []string{"/panic", "/exit", "/sync"} {
				if r := s.dial().send(get(path)).recv("GET"); r.StatusCode != 500 {
					t.Errorf("%s: %s", path, r.Status)
				}
				if r := idle.send(get("/well")).recv("GET"); r.StatusCode != 200 {
					t.Errorf("another connection, after %s: %s", path, r.Status)
				}
			}
		}
		h.want(t, []int{0}, nil)
	})
}

type goexit struct{}

// failing fails with value before, while or after it has written.
func failing(value any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/well":
			_, _ = io.WriteString(w, "well")
			return
		case "/buffered":
			_, _ = io.WriteString(w, "never seen")
		case "/flushed":
			_, _ = io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "never seen")
		}
		if value == (goexit{}) {
			runtime.Goexit()
		}
		panic(value)
	}
}

// failed reads what a client sees of a failed handler, and returns the status.
func (c *client) failed(when string, silent bool) int {
	c.t.Helper()
	switch {
	case when == "/flushed":
		res := c.response()
		if b, err := io.ReadAll(res.Body); string(b) != "begun" || !errors.Is(err, io.ErrUnexpectedEOF) {
			c.t.Errorf("got %q, %v", b, err)
		}
		return res.StatusCode
	case silent:
		c.eof()
		return 0
	}
	r := c.recv("GET")
	if r.StatusCode != 500 || r.Header.Get("X-Wirespan-Error") != "handler_panic" || strings.Contains(r.body, "never seen") {
		c.t.Errorf("got %s %v %q", r.Status, r.Header, r.body)
	}
	c.eof()
	return r.StatusCode
}

// A handler that fails does not take down what its goroutines hold.
func TestResponseAfterPanic(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, value := range []any{"no", goexit{}, http.ErrAbortHandler} {
			errs := make(chan error, 2)
			s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				done := r.Context().Done()
				go func() {
					<-done
					var err error
					for err == nil { // the context ends a moment before the response does
						_, err = w.Write(make([]byte, 10))
					}
					errs <- err
					_, err = r.Body.Read(make([]byte, 1))
					errs <- err
				}()
				failing(value)(w, r)
			})})
			s.dial().send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n")
			if err := <-errs; err == nil || errors.Is(err, http.ErrHijacked) {
				t.Errorf("%v: Write returned %v", value, err)
			}
			if err := <-errs; !errors.Is(err, http.ErrBodyReadAfterClose) {
				t.Errorf("%v: Read returned %v", value, err)
			}
		}
	})
}

func TestHijackedHandlerEndsItsGoroutine(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, switching)
			runtime.Goexit()
		})})
		c := s.dial().send(upgrade)
		c.switched()
		c.eof()
		if f := only[*lifecycle.RequestFailed](t, s.closed()); f.Code != "handler_panic" || f.Status != 101 {
			t.Errorf("RequestFailed %q, status %d", f.Code, f.Status)
		}
	})
}
