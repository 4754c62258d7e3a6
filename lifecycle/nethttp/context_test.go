package nethttp_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

type contextOf = context.Context

func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
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
	p := new(provider)
	contexts := make(chan context.Context, 1)
	s := start(t, &http.Server{
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.Background(), key("span"), "the parent's")
		},
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			_, _, _ = ctx.Done(), child.Err(), context.Cause(ctx)
			_, _ = ctx.Value(http.ServerContextKey), child.Value(http.LocalAddrContextKey)
			if n := len(p.calls()); n > 0 && r.URL.Path == "/ask" {
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
	}, p)
	c := dial(t, s.addr)
	c.send(get("/ask")).recv("GET")
	if got := (<-contexts).Value(key("span")); got != byte(1) {
		t.Errorf("after the end the span is %v", got)
	}
	c.send(get("/leave")).recv("GET")
	ctx := <-contexts
	c.send(get("/third")).recv("GET")
	<-contexts
	if got := ctx.Value(key("span")); got != byte(2) {
		t.Errorf("after the end the span is %v", got)
	}
	calls := p.calls()
	if len(calls) != 2 || calls[0].Ended || calls[0].Request == nil {
		t.Fatalf("the provider was asked with %+v", calls)
	}
	if late := calls[1]; !late.Ended || late.ConnectionID == 0 || late.TimestampNS == 0 || late.Method != "" {
		t.Errorf("the provider was asked with %+v", late)
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("the context says %v", ctx.Err())
	}
}

// The stamp of its RequestStarted is in the context of a request, without a provider, and stays there.
func TestStampInTheContext(t *testing.T) {
	var stamps []lifecycle.Stamp
	contexts := make(chan context.Context, 1)
	note := func(ctx context.Context) {
		stamp, ok := lifecycle.StampFromContext(ctx)
		if !ok {
			t.Error("there is no stamp in the context")
		}
		stamps = append(stamps, stamp)
	}
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		note(r.Context())
		contexts <- r.Context()
	})})
	c := dial(t, s.addr)
	for range 2 {
		c.send(get("/")).recv("GET")
		ctx := <-contexts
		<-ctx.Done()
		note(ctx)
	}
	_ = c.Close()
	var want []lifecycle.Stamp
	for _, e := range lifecycletest.Of[*lifecycle.RequestStarted](s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))) {
		want = append(want, e.Stamp, e.Stamp)
	}
	if !slices.Equal(stamps, want) {
		t.Errorf("the contexts have the stamps %+v, want %+v", stamps, want)
	}
}

// Contexts that are made of the request's end with it, and need no goroutine for that.
func TestDerivedContextsEndWithTheClient(t *testing.T) {
	entered := make(chan struct{})
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		child, cancel := context.WithCancel(context.WithValue(r.Context(), key("a"), "b"))
		defer cancel()
		after := make(chan struct{})
		context.AfterFunc(child, func() { close(after) })
		close(entered)
		<-child.Done()
		<-after
	})}, new(provider))
	c := dial(t, s.addr).send(get("/"))
	<-entered
	_ = c.Close()
	only[*lifecycle.ClientDisconnected](t, s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1)))
}

// What the outcome of a request needs is not disturbed by goroutines that ask for values all the while.
func TestContextFromManyGoroutines(t *testing.T) {
	var asking sync.WaitGroup
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 4 {
			asking.Go(func() {
				for range 20 {
					_, _, _ = r.Context().Value(key("span")), r.Context().Err(), context.Cause(r.Context())
				}
			})
		}
		r.Header.Set("X-Request-Id", "7") // while collectors may be reading
		hello(w, r)
	})}, new(provider))
	c := dial(t, s.addr)
	for range 50 {
		c.send(get("/")).recv("GET")
	}
	asking.Wait()
}
