package nethttp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/nethttp"
)

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestNothingIsAttachedForNobody(t *testing.T) {
	for _, c := range []lifecycle.Collector{nil, lifecycle.Noop, lifecycle.Tee()} {
		server := &http.Server{}
		s := nethttp.Attach(server, c)
		if server.Handler != nil || server.ConnState != nil || server.ConnContext != nil {
			t.Error("the server was changed")
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if s.Listener(l) != l {
			t.Error("the listener was wrapped")
		}
	}
}

type key string

// Hooks see the connection as it was accepted, the same one each time.
func TestHooksAreStillCalled(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, fmt.Sprintf(format, args...))
	}
	s := start(t, &http.Server{
		BaseContext: func(l net.Listener) context.Context {
			note("base %T", l)
			return context.WithValue(context.Background(), key("base"), "b")
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			note("conn %T %v", c, ctx.Value(key("base")))
			return context.WithValue(ctx, key("conn"), "c")
		},
		ConnState: func(c net.Conn, state http.ConnState) { note("%s %T", state, c) },
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			note("handler %v %v", r.Context().Value(key("base")), r.Context().Value(key("conn")))
		}),
	})
	c := dial(t, s.addr)
	c.send(get("/")).recv("GET")
	_ = c.Close()
	wait(t, s.rec, lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
	_ = s.Shutdown(t.Context()) // returns when the last hook has
	mu.Lock()
	defer mu.Unlock()
	want := "base *net.TCPListener, conn *net.TCPConn b, new *net.TCPConn, active *net.TCPConn, handler b c, idle *net.TCPConn"
	if got := strings.Join(calls, ", "); !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A connection that came another way is served, and the log is told why nothing is reported.
func TestConnectionFromElsewhere(t *testing.T) {
	for name, serve := range map[string]func(*nethttp.Server, net.Listener) error{
		"plain server": func(s *nethttp.Server, l net.Listener) error { return s.Server.Serve(l) },
		"TLS below": func(s *nethttp.Server, l net.Listener) error {
			certificate, _ := certificate()
			return s.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			s := startWith(t, &http.Server{Handler: http.HandlerFunc(hello), ErrorLog: log.New(&logged, "", 0)}, serve)
			nc := dial(t, s.addr).Conn
			if name == "TLS below" {
				nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
			}
			c := newClient(t, nc)
			if r := c.send(get("/")).recv("GET"); r.body != "hello" {
				t.Errorf("got %q", r.body)
			}
			if events := s.rec.Events(); len(events) > 0 {
				t.Errorf("there are events: %s", lifecycletest.Names(events))
			}
			if !strings.Contains(logged.String(), "a connection is not reported") { // before the response
				t.Errorf("the log has %q", logged.String())
			}
		})
	}
}

func TestDefaultServeMux(t *testing.T) {
	s := start(t, &http.Server{})
	if r := dial(t, s.addr).send(get("/")).recv("GET"); r.StatusCode != 404 {
		t.Errorf("got %s", r.Status)
	}
}

// What a handler does with a request of another origin is not reported.
func TestRequestWithinARequest(t *testing.T) {
	server := &http.Server{}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/inner" {
			hello(w, r)
			return
		}
		inner, err := http.NewRequestWithContext(r.Context(), "GET", "/inner", nil)
		if err != nil {
			t.Error(err)
			return
		}
		server.Handler.ServeHTTP(w, inner)
	})
	s := start(t, server)
	c := dial(t, s.addr)
	if r := c.send(get("/outer")).recv("GET"); r.body != "hello" {
		t.Errorf("got %q", r.body)
	}
	outside := httptest.NewRecorder()
	server.Handler.ServeHTTP(outside, httptest.NewRequest("GET", "/inner", nil))
	if outside.Body.String() != "hello" {
		t.Errorf("got %q", outside.Body)
	}
	_ = c.Close()
	only[*lifecycle.RequestStarted](t, s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1)))
}

func TestRoute(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", hello)
	api := http.NewServeMux()
	api.Handle("/users/", nethttp.Routes(mux))
	for name, c := range map[string]struct {
		handler http.Handler
		want    string
	}{
		"the mux itself":       {mux, "/users/{id}"},
		"a request of its own": {cloning(mux), ""},
		"made known":           {cloning(nethttp.Routes(mux)), "/users/{id}"},
		"the innermost":        {cloning(nethttp.Routes(api)), "/users/{id}"},
		"not attached":         {nethttp.Routes(mux), "/users/{id}"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, &http.Server{Handler: c.handler})
			dial(t, s.addr).send(get("/users/7")).recv("GET")
			e := only[*lifecycle.ResponseCompleted](t, s.wait(lifecycletest.AtLeast[*lifecycle.ResponseCompleted](1)))
			if e.Route != c.want {
				t.Errorf("the route is %q, want %q", e.Route, c.want)
			}
		})
	}
	w := httptest.NewRecorder()
	nethttp.Routes(mux).ServeHTTP(w, httptest.NewRequest("GET", "/users/7", nil))
	if w.Code != 200 {
		t.Errorf("without a server: %d", w.Code)
	}
}

// cloning gives next a request of its own.
func cloning(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key("user"), "7")))
	})
}

// The files of a form that the handler has parsed are removed, as ever.
func TestFilesOfAFormAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
		}
		if files, err := os.ReadDir(os.TempDir()); len(files) != 1 || err != nil {
			t.Errorf("while the handler runs there are the files %v, %v", files, err)
		}
	})})
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "name")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(make([]byte, 11<<20)) // more than net/http keeps in memory
	_ = form.Close()
	c := dial(t, s.addr)
	go func() {
		_, _ = fmt.Fprintf(c.Conn, "POST / HTTP/1.1\r\nHost: test\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
			form.FormDataContentType(), body.Len(), body.Bytes())
	}()
	c.recv("POST")
	events := s.wait(lifecycletest.AtLeast[*lifecycle.ResponseCompleted](1))
	if got := only[*lifecycle.ResponseCompleted](t, events).BytesReceived; got < 11<<20 {
		t.Errorf("%d bytes were received", got)
	}
	if files, err := os.ReadDir(os.TempDir()); len(files) != 0 || err != nil {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestListenAndServe(t *testing.T) {
	for name, serve := range map[string]func(*nethttp.Server) error{
		"plain": (*nethttp.Server).ListenAndServe,
		"TLS":   func(s *nethttp.Server) error { return s.ListenAndServeTLS("", "") },
	} {
		t.Run(name, func(t *testing.T) {
			certificate, _ := certificate()
			addr := make(chan net.Addr, 1)
			rec := new(lifecycletest.Recorder)
			s := nethttp.Attach(&http.Server{
				Addr: "127.0.0.1:0", Handler: http.HandlerFunc(hello), TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
				BaseContext: func(l net.Listener) context.Context { addr <- l.Addr(); return context.Background() },
			}, rec)
			served := make(chan error, 1)
			go func() { served <- serve(s) }()
			nc := dial(t, (<-addr).String()).Conn
			if name == "TLS" {
				nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
			}
			newClient(t, nc).send(get("/")).recv("GET")
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-served; err != http.ErrServerClosed {
				t.Error(err)
			}
			only[*lifecycle.ResponseCompleted](t, waitClosed(t, rec))
		})
	}
	busy := nethttp.Attach(&http.Server{Addr: "256.0.0.1:1"}, new(lifecycletest.Recorder))
	if busy.ListenAndServe() == nil || busy.ListenAndServeTLS("", "") == nil {
		t.Error("there is no such address")
	}
}

// A connection is closed by Shutdown for the reason that is drain.
func TestShutdownDrains(t *testing.T) {
	s := start(t, &http.Server{Handler: http.HandlerFunc(hello)})
	c := dial(t, s.addr)
	c.send(get("/")).recv("GET")
	s.wait(lifecycletest.AtLeast[*lifecycle.ResponseCompleted](1))
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if e := only[*lifecycle.ConnectionCompleted](t, waitClosed(t, s.rec)); e.Reason != lifecycle.ReasonDrain {
		t.Errorf("the reason is %s", e.Reason)
	}
}
