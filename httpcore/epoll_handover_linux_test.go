package httpcore_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
)

// Who runs a connection, and what becomes of the others, when handlers do not return at once.

// oneWorker is a server of the epoll engine whose connections all share one baton.
func oneWorker(f http.HandlerFunc) *httpcore.Server {
	return &httpcore.Server{Engine: httpcore.EngineEpoll, Workers: 1, Handler: f}
}

// served checks that a new connection is answered: that somebody has the baton.
func (s *site) served() {
	s.t.Helper()
	if got := s.dial().send(get("/")).recv("GET").body; got != "Hello, World!" {
		s.t.Fatalf("the answer is %q", got)
	}
}

// E7: the end of what the client sends arrives while the connection has more requests than one turn serves: the turn that
// comes to it finds it, wherever in that turn the last read is.
func TestEndOfInputBetweenTurns(t *testing.T) {
	var c *client
	seen := 0
	s := start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
		if seen++; seen == 10 { // of the first turn: the event that it runs for says nothing of the end
			c.closeWrite()
		}
		hello(w, r)
	}))
	for more := range 32 { // as many as there are in a turn
		requests := 130 + more
		seen, c = 0, s.dial()
		c.send(strings.Repeat(get("/"), requests))
		for range requests {
			c.recv("GET")
		}
		c.eof()
	}
}

// E24: whoever ends idle connections never runs a handler for one that has just got a request.
func TestNobodyElseRunsAHandler(t *testing.T) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for name, end := range map[string]func(*httpcore.Server) error{
		"Shutdown": func(s *httpcore.Server) error { _ = s.Shutdown(over); return nil },
		"Close":    (*httpcore.Server).Close,
	} {
		t.Run(name, func(t *testing.T) {
			var s *site
			var other *client
			release, ended := make(chan struct{}), make(chan error, 1)
			s = start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/block" {
					<-release
					return
				}
				// The holder of the baton is here, so nobody sees that the other connection has something to say.
				other.send(get("/block"))
				ended <- end(s.Server)
			}))
			defer close(release)
			other = s.dial() // it waits for its first request when the next one is accepted
			s.dial().send(get("/"))
			if err := receive(t, ended); err != nil {
				t.Error(err)
			}
		})
	}
}

// E26: a handler that ends its goroutine ends its connection, also when it is not the first of its turn, the baton has been
// taken meanwhile, or its connection is run by a goroutine of its own.
func TestGoexitAfterTheBatonIsLost(t *testing.T) {
	release := make(chan struct{})
	s := start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/block":
			<-release
		case "/exit":
			runtime.Goexit()
		}
		hello(w, r)
	}))
	more := strings.Repeat(get("/"), 40) // than a turn
	exits := func(c *client) {
		for range 41 {
			c.recv("GET")
		}
		if got := c.recv("GET").StatusCode; got != 500 {
			t.Errorf("the answer is %d", got)
		}
		c.eof()
	}

	taken := s.dial().send(get("/block") + more + get("/exit"))
	s.served() // so the baton has moved on
	close(release)
	exits(taken)

	// Handlers have been slow, and a new connection is not known to be better.
	exits(s.dial().send(get("/") + more + get("/exit")))
	s.served()
}

// receive returns what comes from c.
func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
