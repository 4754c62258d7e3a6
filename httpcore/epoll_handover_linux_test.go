package httpcore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
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

// E7: the client leaves while its handler runs, and nobody but whoever ends that turn is there to see it.
func TestClientLeavesDuringTheHandler(t *testing.T) {
	in, release := make(chan struct{}), make(chan struct{})
	s := start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/block" {
			in <- struct{}{}
			<-release
		}
		hello(w, r)
	}))
	for _, leave := range []func(*client){(*client).closeWrite, (*client).reset, func(c *client) { _ = c.Close() }} {
		c := s.dial().send(get("/block"))
		<-in
		s.served() // the baton has moved on
		leave(c)
		s.served() // and its new holder has been told of the end
		release <- struct{}{}
		_, _ = io.Copy(io.Discard, c.r)
	}
	s.waitFor(func(events []lifecycle.Event) bool {
		ended := 0
		for _, e := range lifecycletest.Of[*lifecycle.ConnectionCompleted](events) {
			if e.RequestsServed == 1 {
				ended++
			}
		}
		return ended >= 3
	})
}

// E19: while handlers block, all others are answered, by the same worker; and what is blocked may go on then.
func TestBlockedHandlersHoldUpNobody(t *testing.T) {
	const blocked, others = 50, 200
	release := make(chan struct{})
	s := start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/block" {
			<-release
		}
		hello(w, r)
	}))
	var waiting []*client
	for range blocked {
		waiting = append(waiting, s.dial().send(get("/block")))
		s.served()
	}
	for range others {
		s.served()
	}
	close(release)
	for _, c := range waiting {
		c.recv("GET")
	}
}

// E10, E20: more connections are ready at once than events are fetched at a time, and a handler among the first blocks until
// all others have been served: what is left of the events moves with the baton, and none is lost or used twice.
func TestRestOfTheEventsMovesWithTheBaton(t *testing.T) {
	const ready = 600 // the first fetch takes 128
	var all []*client
	release := make(chan struct{})
	s := start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gather": // the holder of the baton is here: all of these are ready when it comes back
			for i, c := range all {
				path := "/"
				if i == 0 || i == ready/2 {
					path = "/block"
				}
				_, _ = io.WriteString(c.Conn, get(path))
			}
		case "/block":
			<-release
		}
		hello(w, r)
	}))
	for range ready {
		all = append(all, s.dial())
	}
	s.dial().send(get("/gather")).recv("GET")
	for i, c := range all {
		if i != 0 && i != ready/2 {
			c.recv("GET")
		}
	}
	close(release)
	all[0].recv("GET")
	all[ready/2].recv("GET")
	for _, c := range all { // each is alive, and had one answer
		c.send(get("/")).recv("GET")
	}
}

// E9: a connection that never stops sending requests does not keep a quiet one from being answered, and goes on itself.
func TestFloodDoesNotStarveOthers(t *testing.T) {
	for name, s := range map[string]*httpcore.Server{
		"Handler": oneWorker(hello),
		"SyncHandler": {Engine: httpcore.EngineEpoll, Workers: 1, Sync: httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, _ *httpcore.SyncRequest) bool {
			w.SetBodyString("Hello, World!")
			return true
		})},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, s)
			flood := s.dial()
			_ = flood.SetDeadline(time.Time{})
			var sending, reading sync.WaitGroup
			var answers atomic.Int64
			sending.Go(func() {
				requests := strings.Repeat(get("/"), 1000)
				for {
					if _, err := io.WriteString(flood.Conn, requests); err != nil {
						return
					}
				}
			})
			reading.Go(func() {
				buf := make([]byte, 1<<20)
				for {
					n, err := flood.Conn.Read(buf)
					answers.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			quiet := s.dial()
			for range 20 {
				before := answers.Load()
				quiet.send(get("/")).recv("GET")
				eventually(t, func() string { return "the flood is not answered" }, func() bool { return answers.Load() > before })
			}
			flood.reset()
			sending.Wait()
			reading.Wait()
		})
	}
}

// E22: what a request consists of is its own, also when its handler has lost the baton and others are served by then.
func TestRequestsOfDetachedHandlersAreTheirOwn(t *testing.T) {
	release := make(chan struct{})
	s := start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/block") {
			<-release
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, r.RequestURI+" "+r.Header.Get("X")+" "+string(body))
	}))
	request := func(path string, i int) (text, want string) {
		x, body := strings.Repeat(fmt.Sprint("x", i), 100), strings.Repeat(fmt.Sprint("b", i), 300)
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nX: %s\r\nContent-Length: %d\r\n\r\n%s", path, x, len(body), body), path + " " + x + " " + body
	}
	const blocked = 20
	var clients []*client
	for i := range blocked {
		text, _ := request(fmt.Sprint("/block", i), i)
		clients = append(clients, s.dial().send(text))
		for j := range 10 {
			text, want := request("/other", 1000*i+j)
			if got := s.dial().send(text).recv("POST").body; got != want {
				t.Errorf("got %.100q, want %.100q", got, want)
			}
		}
	}
	close(release)
	for i, c := range clients {
		if _, want := request(fmt.Sprint("/block", i), i); c.recv("POST").body != want {
			t.Errorf("the answer to %d is not what was asked", i)
		}
	}
}

// E26: a handler that panics, ends its goroutine or keeps its thread ends its own connection at most.
func TestHandlersThatDoNotReturnAsTheyShould(t *testing.T) {
	s := start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("no")
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/exit":
			runtime.Goexit()
		case "/thread":
			runtime.LockOSThread() // and never unlocks it
		}
		hello(w, r)
	}))
	for range 20 {
		for path, status := range map[string]int{"/panic": 500, "/abort": 0, "/exit": 500, "/thread": 200} {
			c := s.dial().send(get(path))
			switch status {
			case 0:
				c.eofOrReset()
			default:
				if got := c.recv("GET").StatusCode; got != status {
					t.Errorf("%s is answered with %d", path, got)
				}
			}
			s.served()
		}
	}
}

// A handler that never returns keeps nobody from being served, and Shutdown no longer than it may take.
func TestHandlerThatNeverReturns(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		in, never := make(chan struct{}), make(chan struct{})
		s := start(t, &httpcore.Server{Engine: e, Workers: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/never" {
				close(in)
				<-never
			}
			hello(w, r)
		})})
		defer close(never)
		s.dial().send(get("/never"))
		<-in
		s.served()
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v", err)
		}
	})
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

// E27: handlers that block do not become more and more, where that is asked for: new connections are told so, and reported,
// until one has returned.
func TestBlockedHandlersAreBounded(t *testing.T) {
	release := make(chan struct{})
	server := oneWorker(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/block" {
			<-release
		}
		hello(w, r)
	})
	server.MaxBlockedHandlers = 2
	s := start(t, server)
	blocked := []*client{s.dial().send(get("/block")), s.dial().send(get("/block"))}
	refused := func() bool {
		c := s.dial()
		defer c.Close()
		_, _ = c.Write([]byte(get("/")))
		res, err := http.ReadResponse(c.r, nil)
		return err == nil && res.StatusCode == http.StatusServiceUnavailable
	}
	eventually(t, func() string { return "no connection is refused" }, refused)
	s.waitFor(func(events []lifecycle.Event) bool {
		for _, e := range lifecycletest.Of[*lifecycle.ConnectionRejected](events) {
			if e.Code == "max_blocked_handlers_exceeded" && e.Status == http.StatusServiceUnavailable {
				return true
			}
		}
		return false
	})
	close(release)
	for _, c := range blocked {
		c.recv("GET")
	}
	eventually(t, func() string { return "connections are refused still" }, func() bool { return !refused() })
}

// A handler that ends its goroutine after the baton was lost is not counted as blocked for ever.
func TestGoexitIsNoBlockedHandler(t *testing.T) {
	release := make(chan struct{})
	server := oneWorker(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/block":
			<-release
		case "/exit":
			runtime.Goexit()
		}
		hello(w, r)
	})
	server.MaxBlockedHandlers = 1
	s := start(t, server)
	waiting := s.dial() // accepted before anything blocks
	waiting.send(get("/")).recv("GET")
	c := s.dial().send(get("/block") + strings.Repeat(get("/"), 40) + get("/exit"))
	waiting.send(get("/")).recv("GET") // so the baton has moved on
	close(release)
	for range 41 {
		c.recv("GET")
	}
	c.recv("GET")
	c.eof()
	eventually(t, func() string { return "connections are refused still" }, func() bool {
		c := s.dial()
		defer c.Close()
		_, _ = c.Write([]byte(get("/")))
		res, err := http.ReadResponse(c.r, nil)
		return err == nil && res.StatusCode == http.StatusOK
	})
}
