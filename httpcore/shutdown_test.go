package httpcore_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// shutdown begins Shutdown and returns what it will return.
func (s *site) shutdown() <-chan error {
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	return down
}

func TestShutdownClosesIdleConnectionsAtOnce(t *testing.T) {
	inBubble(t, serveHello(), func(b bubble) {
		used := b.dial().send(get("/"))
		used.recv("GET")
		start := time.Now()
		down := b.shutdown()
		used.eof()
		if err := <-down; err != nil {
			t.Error(err)
		}
		took(t, start, 0)
		b.wantEnd(lifecycle.ReasonDrain, "")
	})
}

func TestShutdownWithoutAnIdleTimeout(t *testing.T) {
	s := serveHello()
	s.IdleTimeout = -1
	inBubble(t, s, func(b bubble) {
		fresh, used := b.dial(), b.dial().send(get("/"))
		used.recv("GET")
		synctest.Wait()
		start := time.Now()
		down := b.shutdown()
		used.eof()
		took(t, start, 0)
		fresh.eof()
		took(t, start, time.Second)
		if err := <-down; err != nil {
			t.Error(err)
		}
	})
}

// The client of a new connection may have sent its request already.
func TestShutdownGivesNewConnectionsAGrace(t *testing.T) {
	inBubble(t, serveHello(), func(b bubble) {
		quick, slow := b.dial(), b.dial()
		synctest.Wait()
		start := time.Now()
		down := b.shutdown()
		time.Sleep(900 * time.Millisecond)
		if r := quick.send(get("/")).recv("GET"); r.StatusCode != 200 || !r.Close {
			t.Errorf("got %s, close %v", r.Status, r.Close)
		}
		quick.eof()
		_ = quick.Close()
		slow.eof()
		if err := <-down; err != nil {
			t.Error(err)
		}
		took(t, start, time.Second)
	})
}

// A handshake that is under way when Shutdown looks at the connections ends, and then there is no request.
func TestShutdownDuringAHandshake(t *testing.T) {
	inBubble(t, serveHello(), func(b bubble) {
		c := b.dial().send("GET / HT")
		synctest.Wait()
		down := b.shutdown()
		time.Sleep(5 * time.Second)
		if r := c.send("TP/1.1\r\nHost: a\r\n\r\n").recv("GET"); r.StatusCode != 200 || !r.Close {
			t.Errorf("got %s, close %v", r.Status, r.Close)
		}
		c.eof()
		if err := <-down; err != nil {
			t.Error(err)
		}
	})
}

// However a connection becomes idle and Shutdown begins, none is left behind.
func TestShutdownRacesWithIdleConnections(t *testing.T) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				shutdownWhenIdle(t)
			}
		})
	}
	all.Wait()
}

// shutdownWhenIdle shuts a server down as soon as it has answered a request.
func shutdownWhenIdle(t *testing.T) {
	s := serveHello()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	_, writing := io.WriteString(c, get("/"))
	_, reading := http.ReadResponse(bufio.NewReader(c), nil)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := errors.Join(writing, reading, s.Shutdown(ctx)); err != nil {
		t.Error(err)
	}
	if err := <-served; err != httpcore.ErrServerClosed {
		t.Error(err)
	}
}

// A request that has just begun keeps its context while the server drains.
func TestShutdownLeavesTheContextOfARequestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		s := handler(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
				ended <- r.Context().Err()
			case <-time.After(time.Minute):
				ended <- nil
			}
			hello(w, r)
		})
		b := newBubble(t, s)
		c := b.dial()
		synctest.Wait()
		down := b.shutdown()
		c.send(get("/"))
		if err := <-ended; err != nil {
			t.Errorf("the context ended: %v", err)
		}
		c.recv("GET")
		if err := <-down; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownOfAPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered, release := make(chan struct{}), make(chan struct{})
		s := handler(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/first" {
				close(entered)
				<-release
			}
			_, _ = io.WriteString(w, r.URL.Path)
		})
		b := newBubble(t, s)
		c := b.dial().send(get("/first") + get("/second"))
		<-entered
		down := b.shutdown()
		synctest.Wait()
		close(release)
		if r := c.recv("GET"); r.body != "/first" || !r.Close {
			t.Errorf("got %q, close %v", r.body, r.Close)
		}
		c.eof() // the second one was not begun, and the client can tell
		if err := <-down; err != nil {
			t.Error(err)
		}
		b.wantEnd(lifecycle.ReasonDrain, "")
		if n := len(lifecycletest.Of[*lifecycle.RequestStarted](b.rec.Events())); n != 1 {
			t.Errorf("%d requests were started", n)
		}
	})
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := handler(func(w http.ResponseWriter, r *http.Request) {
			<-release
			hello(w, r)
		})
		b := newBubble(t, s)
		c := b.dial().send(get("/"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if err := b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v", err)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("it took %v", d)
		}
		again := b.shutdown() // waits again
		close(release)
		c.recv("GET")
		if err := <-again; err != nil {
			t.Error(err)
		}
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error("a third time:", err)
		}
	})
}

func TestCloseCutsRequestsShort(t *testing.T) {
	for name, f := range map[string]http.HandlerFunc{
		"waiting for the context": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"reading the body":        func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) },
		"writing":                 func(w http.ResponseWriter, r *http.Request) { large(1<<20)(w, r) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, handler(f), func(b bubble) {
				request := get("/")
				if name == "reading the body" {
					request = post + "Content-Length: 10\r\n\r\nabc"
				}
				c := b.dial().send(request)
				synctest.Wait()
				if err := b.Close(); err != nil {
					t.Error(err)
				}
				if err := b.Close(); err != nil {
					t.Error("a second time:", err)
				}
				_, _ = io.Copy(io.Discard, c.r)
				reason, codes := b.ended()
				if name == "waiting for the context" {
					return // the handler returned by itself, and nothing tells its connection from one that the client closed
				}
				if reason != lifecycle.ReasonDrain || codes != "write_canceled" {
					t.Errorf("the connection ended for %q with %q", reason, codes)
				}
			})
		})
	}
}

func TestServeAfterShutdown(t *testing.T) {
	for name, end := range map[string]func(*httpcore.Server) error{
		"Shutdown": func(s *httpcore.Server) error { return s.Shutdown(context.Background()) },
		"Close":    func(s *httpcore.Server) error { return s.Close() },
	} {
		s := serveHello()
		if err := end(s); err != nil {
			t.Errorf("%s of a server that has not served: %v", name, err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(l); err != httpcore.ErrServerClosed {
			t.Errorf("Serve after %s: %v", name, err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve after %s has left the listener open: %v", name, err)
		}
	}
}

func TestShutdownRefusesNewConnections(t *testing.T) {
	release := make(chan struct{})
	s := start(t, handler(func(w http.ResponseWriter, r *http.Request) {
		<-release
		hello(w, r)
	}))
	c := s.dial().send(get("/"))
	s.waitFor(lifecycletest.AtLeast[*lifecycle.RequestStarted](1))
	called := make(chan struct{})
	s.RegisterOnShutdown(func() { close(called) })
	down := s.shutdown()
	<-called
	for { // a connection that comes while the queue is looked at is served
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		_ = nc.Close()
	}
	close(release)
	if r := c.recv("GET"); !r.Close {
		t.Error("no Connection: close")
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// waitFor waits until done reports true for what was recorded.
func (s *site) waitFor(done func([]lifecycle.Event) bool) []lifecycle.Event {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	events, err := s.rec.WaitFor(ctx, done)
	if err != nil {
		s.t.Fatal(err)
	}
	return events
}

// A connection that gets through to a server that drains is told so.
func TestDrainingServerRefusesWhatItHasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := handler(func(http.ResponseWriter, *http.Request) { <-release })
		enterBubble(t)
		l := &stubbornListener{memoryListener: newMemoryListener()}
		b := bubble{startOn(t, s, l), l.memoryListener}
		c := b.dial().send(get("/"))
		synctest.Wait()
		down := b.shutdown()
		synctest.Wait()
		late := b.dial()
		r := late.wantRefusal(503, "server_draining")
		if r.Header.Get("Retry-After") != "1" || r.Header.Get("Date") == "" || r.body == "" {
			t.Errorf("got %v %q", r.Header, r.body)
		}
		_ = late.Close()
		events := b.waitFor(lifecycletest.AtLeast[*lifecycle.ConnectionRejected](1))
		if e := lifecycletest.Of[*lifecycle.ConnectionRejected](events)[0]; e.Code != "server_draining" || e.Status != 503 {
			t.Errorf("got %+v", e)
		}
		_ = l.memoryListener.Close()
		close(release)
		c.recv("GET")
		_ = c.Close()
		if err := <-down; err != nil {
			t.Error(err)
		}
	})
}

// stubbornListener goes on accepting when the server closes it.
type stubbornListener struct{ *memoryListener }

func (*stubbornListener) Close() error { return nil }

func TestShutdownDoesNotWaitForHijackedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hijacked := make(chan net.Conn, 1)
		s := handler(func(w http.ResponseWriter, _ *http.Request) {
			nc, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			hijacked <- nc
		})
		b := newBubble(t, s)
		c := b.dial().send(get("/"))
		nc := <-hijacked
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\n\r\nstill here"); err != nil {
			t.Error(err)
		}
		if err := nc.Close(); err != nil {
			t.Error(err)
		}
		if b, err := io.ReadAll(c.r); err != nil || len(b) != 46 {
			t.Errorf("got %q, %v", b, err)
		}
		b.wantEnd(lifecycle.ReasonUpgrade, "")
	})
}

// The fields are read when Serve is called, whatever was called before.
func TestRegisterOnShutdownReadsNoField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(httpcore.Server)
		called := make(chan struct{})
		s.RegisterOnShutdown(func() { close(called) })
		s.Handler = http.HandlerFunc(hello)
		s.MaxHeaders = 1
		b := newBubble(t, s)
		if r := b.dial().send(get("/")).recv("GET"); r.body != "Hello, World!" {
			t.Errorf("got %s %q", r.Status, r.body)
		}
		b.dial().send("GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n").wantRefusal(431, "max_request_header_count_exceeded")
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-called
	})
}

func TestContexts(t *testing.T) {
	type key string
	var l *memoryListener
	var accepted net.Conn
	s := &httpcore.Server{
		BaseContext: func(got net.Listener) context.Context {
			if got != net.Listener(l) {
				t.Errorf("BaseContext was called with a %T, not the listener", got)
			}
			return context.WithValue(context.Background(), key("base"), "b")
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			accepted = c
			if ctx.Value(http.LocalAddrContextKey) == nil || ctx.Value(http.ServerContextKey) == nil {
				t.Error("the context of a connection lacks what net/http puts into it")
			}
			return context.WithValue(ctx, key("conn"), "c")
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if _, ok := ctx.Value(http.ServerContextKey).(*http.Server); !ok {
				t.Errorf("the server's context key has a %T", ctx.Value(http.ServerContextKey))
			}
			_, _ = io.WriteString(w, ctx.Value(key("base")).(string)+ctx.Value(key("conn")).(string)+ctx.Value(http.LocalAddrContextKey).(net.Addr).String())
		}),
	}
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		l = newMemoryListener()
		b := bubble{startOn(t, s, l), l}
		if r := b.dial().send(get("/")).recv("GET"); r.body != "bcmemory" {
			t.Errorf("got %q", r.body)
		}
		if _, ok := accepted.(*memoryConn); !ok {
			t.Errorf("ConnContext was called with a %T", accepted)
		}
	})
}
