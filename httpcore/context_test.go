package httpcore_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

type key string

func TestContextOfTheServerAndTheConnection(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		deadline := time.Now().Add(time.Hour)
		var local, remote string
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			server, _ := ctx.Value(http.ServerContextKey).(*http.Server)
			if server == nil || server.Handler == nil {
				t.Errorf("ServerContextKey: %v", server)
			}
			if addr, _ := ctx.Value(http.LocalAddrContextKey).(net.Addr); addr == nil || addr.String() != local {
				t.Errorf("LocalAddrContextKey: %v, want %s", addr, local)
			}
			if r.RemoteAddr != remote {
				t.Errorf("RemoteAddr: %s, want %s", r.RemoteAddr, remote)
			}
			if d, ok := ctx.Deadline(); !ok || !d.Equal(deadline) {
				t.Errorf("Deadline: %v, %v", d, ok)
			}
			if ctx.Value(key("base")) != "b" || ctx.Value(key("conn")) != remote || ctx.Value(key("none")) != nil {
				t.Errorf("values %v, %v, %v", ctx.Value(key("base")), ctx.Value(key("conn")), ctx.Value(key("none")))
			}
		})
		s := start(t, &httpcore.Server{
			Engine: e, Handler: h,
			BaseContext: func(l net.Listener) context.Context {
				ctx, cancel := context.WithDeadline(context.WithValue(t.Context(), key("base"), "b"), deadline)
				t.Cleanup(cancel)
				local = l.Addr().String()
				return ctx
			},
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				if ctx.Value(http.ServerContextKey) == nil || ctx.Value(key("base")) == nil {
					t.Error("ConnContext is called without the context of the server")
				}
				return context.WithValue(ctx, key("conn"), c.RemoteAddr().String())
			},
		})
		c := s.dial()
		remote = c.LocalAddr().String()
		c.send(get("/")).recv("GET")
	})
}

func TestContextEndsWithTheHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		contexts := make(chan context.Context, 1)
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if r.URL.Path == "/asked" && (ctx.Done() == nil || ctx.Err() != nil || context.Cause(ctx) != nil) {
				t.Errorf("in the handler: %v, %v", ctx.Err(), context.Cause(ctx))
			}
			contexts <- ctx
		})})
		for _, path := range []string{"/asked", "/kept"} {
			c := s.dial().send(get(path))
			c.recv("GET")
			_ = c.Close()
			waitClosed(t, s.rec)
			ctx := <-contexts
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) { // asked first: it finds out by Value
				t.Errorf("%s: the cause is %v", path, err)
			}
			<-ctx.Done()
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Errorf("%s: %v", path, ctx.Err())
			}
			child, cancel := context.WithCancel(ctx)
			<-child.Done()
			cancel()
		}
	})
}

func TestDerivedContextsEndWhenTheClientLeaves(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		entered := make(chan struct{})
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			child, cancel := context.WithTimeout(context.WithValue(r.Context(), key("a"), "b"), time.Hour)
			defer cancel()
			after := make(chan struct{})
			context.AfterFunc(child, func() { close(after) })
			gone := w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // frameworks still use it
			entered <- struct{}{}
			<-child.Done()
			<-after
			<-gone
			if !errors.Is(child.Err(), context.Canceled) || !errors.Is(context.Cause(child), context.Canceled) {
				t.Errorf("%v, because of %v", child.Err(), context.Cause(child))
			}
		})})
		for _, raw := range []string{get("/"), get("/") + get("/never served")} {
			c := s.dial().send(raw)
			<-entered
			_ = c.Close()
		}
	})
}

// A body that must be read first keeps the client from being watched; when it is read, the watch begins.
func TestContextEndsAfterTheBody(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		read := make(chan struct{})
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			done := r.Context().Done()
			if b, err := io.ReadAll(r.Body); string(b) != "hello" || err != nil {
				t.Errorf("got %q, %v", b, err)
			}
			close(read)
			<-done
		})})
		c := s.dial().send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n").send("hello")
		<-read
		_ = c.Close()
		only[*lifecycle.ClientDisconnected](t, s.closed())
	})
}

// A response that waits for the next one, to leave in one write with it, does not wait for a handler that blocks.
func TestPipelinedResponseDoesNotWaitForABlockedHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		release := make(chan struct{})
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/waits" {
				<-release
			}
			_, _ = io.WriteString(w, r.URL.Path)
		})})
		c := s.dial().send(get("/first") + get("/second") + get("/waits") + get("/last"))
		for _, want := range []string{"/first", "/second"} {
			if r := c.recv("GET"); r.body != want {
				t.Errorf("got %q, want %q", r.body, want)
			}
		}
		close(release)
		for _, want := range []string{"/waits", "/last"} {
			if r := c.recv("GET"); r.body != want {
				t.Errorf("got %q, want %q", r.body, want)
			}
		}
	})
}

// What is read ahead while the client is watched is the next request's.
func TestWatchedClientSendsItsNextRequest(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		release := make(chan struct{})
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			done := r.Context().Done()
			select {
			case <-release:
			case <-done:
				t.Error("the context ended, but the client is there")
			}
			_, _ = io.WriteString(w, r.URL.Path)
		})})
		c := s.dial().send(get("/0"))
		for _, path := range []string{"/1", "/22", "/333", "/4444"} {
			c.send(get(path))
			release <- struct{}{}
			c.recv("GET")
		}
		close(release)
		if r := c.recv("GET"); r.body != "/4444" {
			t.Errorf("got %q", r.body)
		}
	})
}

func TestContextEndsWithItsParent(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		base, cancel := context.WithCancelCause(context.Background())
		entered := make(chan struct{})
		s := start(t, &httpcore.Server{
			Engine: e, BaseContext: func(net.Listener) context.Context { return base },
			Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(entered)
				<-r.Context().Done()
				if !errors.Is(context.Cause(r.Context()), errOwn) {
					t.Errorf("the cause is %v", context.Cause(r.Context()))
				}
			}),
		})
		c := s.dial().send(get("/"))
		<-entered
		cancel(errOwn)
		c.recv("GET")
	})
}

// provider gives each request a value, and notes what it was asked with.
type provider struct {
	mu    sync.Mutex
	asked []lifecycle.RequestStarted
}

func (*provider) Record(e lifecycle.Event) {
	if started, ok := e.(*lifecycle.RequestStarted); ok {
		started.Trace.SpanID[0] = byte(started.Index)
	}
}

func (p *provider) Context(parent context.Context, e *lifecycle.RequestStarted) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, *e)
	return context.WithValue(parent, key("span"), e.Trace.SpanID[0])
}

func (p *provider) calls() []lifecycle.RequestStarted {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// The collector is asked when somebody wants a value that only it may know: once, and never for anything else.
func TestContextProviderIsAskedLate(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		p := new(provider)
		contexts := make(chan context.Context, 1)
		s := start(t, &httpcore.Server{
			Engine: e, Collector: p,
			BaseContext: func(net.Listener) context.Context {
				return context.WithValue(context.Background(), key("span"), "the parent's")
			},
			Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				ctx := r.Context()
				child, cancel := context.WithCancel(ctx)
				defer cancel()
				_, _, _ = ctx.Done(), child.Err(), context.Cause(ctx)
				_, _ = ctx.Value(http.ServerContextKey), child.Value(http.LocalAddrContextKey)
				if n := len(p.calls()); n > 0 {
					t.Errorf("the provider was asked %d times for nothing", n)
				}
				if r.URL.Path == "/ask" {
					for range 2 {
						if got := child.Value(key("span")); got != byte(1) {
							t.Errorf("the span is %v", got)
						}
					}
				}
				contexts <- ctx
			}),
		})
		c := s.dial()
		c.send(get("/ask")).recv("GET")
		if got := (<-contexts).Value(key("span")); got != byte(1) {
			t.Errorf("after the end the span is %v", got)
		}
		if calls := p.calls(); len(calls) != 1 || calls[0].Ended || calls[0].Request == nil {
			t.Errorf("the provider was asked with %+v", calls)
		}
		p.asked = nil

		c.send(get("/leave")).recv("GET")
		ctx := <-contexts
		c.send(get("/third")).recv("GET")
		<-contexts
		for range 2 {
			if got := ctx.Value(key("span")); got != byte(2) {
				t.Errorf("after the end the span is %v", got)
			}
		}
		calls := p.calls()
		if len(calls) != 1 || !calls[0].Ended || calls[0].ConnectionID == 0 || calls[0].TimestampNS == 0 || calls[0].Method != "" {
			t.Errorf("the provider was asked with %+v", calls)
		}
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("the context says %v", ctx.Err())
		}
	})
}

// The stamp of its RequestStarted is in the context of a request, without a provider, and stays there.
func TestStampInTheContext(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		var stamps []lifecycle.Stamp
		contexts := make(chan context.Context, 1)
		note := func(ctx context.Context) {
			stamp, ok := lifecycle.StampFromContext(ctx)
			if !ok {
				t.Error("there is no stamp in the context")
			}
			stamps = append(stamps, stamp)
		}
		s := start(t, &httpcore.Server{Engine: e, Workers: 2, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			child, cancel := context.WithCancel(r.Context())
			defer cancel()
			note(child)
			contexts <- r.Context()
		})})
		c := s.dial()
		for range 2 {
			c.send(get("/")).recv("GET")
			note(<-contexts)
		}
		_ = c.Close()
		var want []lifecycle.Stamp
		for _, e := range lifecycletest.Of[*lifecycle.RequestStarted](s.closed()) {
			want = append(want, e.Stamp, e.Stamp)
		}
		if !slices.Equal(stamps, want) {
			t.Errorf("the contexts have the stamps %+v, want %+v", stamps, want)
		}
	})
	if _, ok := lifecycle.StampFromContext(t.Context()); ok {
		t.Error("a context without a request has a stamp")
	}
}

// What the outcome of a request needs is not disturbed by goroutines that ask for values all the while.
func TestContextFromManyGoroutines(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		var asking sync.WaitGroup
		s := start(t, &httpcore.Server{Engine: e, Collector: new(provider), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for range 4 {
				asking.Go(func() {
					for range 20 {
						_, _, _ = r.Context().Value(key("span")), r.Context().Err(), context.Cause(r.Context())
					}
				})
			}
			hello(w, r)
		})})
		c := s.dial()
		for range 50 {
			c.send(get("/")).recv("GET")
		}
		asking.Wait()
	})
}

func TestRoute(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		inner := http.NewServeMux()
		inner.HandleFunc("GET /api/users/{id}", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.PathValue("id")+" by "+r.Pattern)
		})
		outer := http.NewServeMux()
		outer.Handle("/api/", inner)
		outer.HandleFunc("/files/{path...}", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.PathValue("path")) })
		s := start(t, &httpcore.Server{Engine: e, Handler: outer})
		c := s.dial()
		tests := []struct{ path, body, route string }{
			{"/api/users/7", "7 by GET /api/users/{id}", "/api/users/{id}"},
			{"/files/a/b", "a/b", "/files/{path...}"},
			{"/nothing", "404 page not found\n", ""},
		}
		for _, tt := range tests {
			if r := c.send(get(tt.path)).recv("GET"); r.body != tt.body {
				t.Errorf("%s: got %q", tt.path, r.body)
			}
		}
		_ = c.Close()
		for i, o := range lifecycletest.Of[*lifecycle.ResponseCompleted](s.closed()) {
			if o.Route != tests[i].route {
				t.Errorf("%s: the route is %q", tests[i].path, o.Route)
			}
		}
	})
}

// http.TimeoutHandler leaves its handler running: what that holds does not reach the next request.
func TestTimeoutHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		returned := make(chan struct{})
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			_, _ = r.Body.Read(make([]byte, 1))
			_, _ = w.Write([]byte("too late"))
			returned <- struct{}{}
		})
		s := start(t, &httpcore.Server{Engine: e, Handler: http.TimeoutHandler(slow, time.Millisecond, "took too long")})
		c := s.dial()
		for range 20 {
			if r := c.send(posting("hello", false)).recv("POST"); r.StatusCode != 503 || r.body != "took too long" || r.Close {
				t.Errorf("got %s %q, close %v", r.Status, r.body, r.Close)
			}
			<-returned
		}
	})
}
