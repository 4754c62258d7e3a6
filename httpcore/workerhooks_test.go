package httpcore_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// hooked records the calls of the hooks for workers.
type hooked struct {
	mu               sync.Mutex
	started, stopped []int
	stop             chan int // receives each worker that has stopped
}

func hookInto(s *httpcore.Server, fail func(worker int) error) *hooked {
	h := &hooked{stop: make(chan int, 16)}
	s.OnWorkerStart = func(worker int) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.started = append(h.started, worker)
		return fail(worker)
	}
	s.OnWorkerStop = func(worker int) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.stopped = append(h.stopped, worker)
		h.stop <- worker
	}
	return h
}

// calls returns for which workers the hooks were called, and the latter in order.
func (h *hooked) calls() (started, stopped []int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.started), slices.Sorted(slices.Values(h.stopped))
}

func (h *hooked) want(t *testing.T, started, stopped []int) {
	t.Helper()
	if a, b := h.calls(); !slices.Equal(a, started) || !slices.Equal(b, stopped) {
		t.Errorf("started are %v, want %v; stopped are %v, want %v", a, started, b, stopped)
	}
}

func succeed(int) error { return nil }

func TestWorkerHooks(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		release := make(chan struct{})
		server := &httpcore.Server{Engine: e, Workers: 3, Accept: httpcore.AcceptDistribute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-release
			hello(w, r)
		})}
		h := hookInto(server, succeed)
		s := startListening(t, server)
		clients := make([]*client, 3) // one a worker
		for i := range clients {
			clients[i] = s.dial()
			s.waitFor(lifecycletest.AtLeast[*lifecycle.ConnectionOpened](i + 1))
		}
		h.want(t, []int{0, 1, 2}, nil)
		held := clients[1].send(get("/"))
		s.waitFor(lifecycletest.AtLeast[*lifecycle.RequestStarted](1))
		worker := lifecycletest.Of[*lifecycle.RequestStarted](s.rec.Events())[0].WorkerID

		_ = clients[0].Close()
		_ = clients[2].Close()
		s.StartDraining()
		others := []int{<-h.stop, <-h.stop}
		if slices.Contains(others, worker) {
			t.Errorf("worker %d was stopped with a request in hand", worker)
		}
		close(release)
		held.recv("GET")
		_ = held.Close()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		h.want(t, []int{0, 1, 2}, []int{0, 1, 2}) // Shutdown has waited for them
		if err := errors.Join(s.Shutdown(context.Background()), s.Close()); err != nil {
			t.Error(err)
		}
		h.want(t, []int{0, 1, 2}, []int{0, 1, 2})
	})
}

// No connection is accepted before each worker has started.
func TestConnectionsWaitForTheWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := make(chan struct{})
		b := newBubble(t, &httpcore.Server{
			Workers: 2, Handler: http.HandlerFunc(hello),
			OnWorkerStart: func(worker int) error {
				if worker == 1 {
					<-ready
				}
				return nil
			},
		})
		accepted := make(chan *client, 1)
		go func() { accepted <- b.dial() }()
		synctest.Wait()
		if len(accepted) > 0 {
			t.Error("a connection was accepted while a worker was not ready")
		}
		close(ready)
		if r := (<-accepted).send(get("/")).recv("GET"); r.body != "Hello, World!" {
			t.Errorf("got %s %q", r.Status, r.body)
		}
	})
}

// Close does not wait for the hooks, but they are called.
func TestWorkerHooksOfClose(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		server := &httpcore.Server{Engine: e, Workers: 2, Handler: http.HandlerFunc(hello)}
		h := hookInto(server, succeed)
		s := startListening(t, server)
		s.dial().send(get("/")).recv("GET")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-h.stop
		<-h.stop
		h.want(t, []int{0, 1}, []int{0, 1})
	})
}

// Workers belong to the server, however many listeners it has.
func TestWorkerHooksOfSeveralServes(t *testing.T) {
	server := &httpcore.Server{Workers: 2, Handler: http.HandlerFunc(hello)}
	h := hookInto(server, succeed)
	first := startListening(t, server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	second := &site{Server: server, t: t, addr: l.Addr().String()}
	second.dial().send(get("/")).recv("GET")
	_ = l.Close() // the end of one listener is not that of the workers
	if err := <-served; err == nil || err == httpcore.ErrServerClosed {
		t.Errorf("Serve returned %v", err)
	}
	first.dial().send(get("/")).recv("GET")
	h.want(t, []int{0, 1}, nil)
	if err := server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	h.want(t, []int{0, 1}, []int{0, 1})
}

func TestWorkerThatDoesNotStart(t *testing.T) {
	broken := errors.New("no device for this worker")
	server := &httpcore.Server{Addr: "127.0.0.1:0", Workers: 3, Handler: http.HandlerFunc(hello)}
	h := hookInto(server, func(worker int) error {
		if worker == 1 {
			return broken
		}
		return nil
	})
	for range 2 {
		l, err := server.Listen()
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Serve(l); !errors.Is(err, broken) {
			t.Errorf("Serve returned %v, want that the worker did not start", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve has left the listener open: %v", err)
		}
	}
	if worker := <-h.stop; worker != 0 {
		t.Errorf("worker %d was stopped", worker)
	}
	if err := server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	h.want(t, []int{0, 1}, []int{0})
}
