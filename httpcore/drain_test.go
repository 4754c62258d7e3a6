package httpcore_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// What the system has queued when the drain begins belongs to clients that are connected: they are served.
func TestDrainServesWhatIsQueued(t *testing.T) {
	for _, accept := range []httpcore.AcceptMode{httpcore.AcceptReusePort, httpcore.AcceptDistribute} {
		t.Run(accept.String(), func(t *testing.T) {
			onEngines(t, func(t *testing.T, e httpcore.Engine) {
				busy, release := make(chan struct{}, 100), make(chan struct{})
				s := startListening(t, &httpcore.Server{
					Engine: e, Workers: 2, Accept: accept, Handler: http.HandlerFunc(hello),
					ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
						busy <- struct{}{}
						<-release // nothing else is accepted meanwhile from this socket
						return ctx
					},
				})
				var clients []*client
				for range 50 {
					clients = append(clients, s.dial().send(get("/")))
				}
				<-busy
				s.StartDraining()
				close(release)
				for i, c := range clients {
					if r := c.recv("GET"); r.StatusCode != 200 || !r.Close {
						t.Errorf("client %d got %s, close %v", i, r.Status, r.Close)
					}
					c.eof()
					_ = c.Close()
				}
				if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
				if _, err := net.Dial("tcp", s.addr); err == nil {
					t.Error("after Shutdown a connection was accepted")
				}
			})
		})
	}
}

// First the idle connections, then the requests under way, and streams last.
func TestDrainOrder(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		entered, finish, more := make(chan struct{}, 2), make(chan struct{}), make(chan struct{})
		s := startListening(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/slow":
				entered <- struct{}{}
				<-finish
			case "/stream":
				_, _ = io.WriteString(w, "first ")
				_ = http.NewResponseController(w).Flush()
				entered <- struct{}{}
				<-more
				_, _ = io.WriteString(w, "last")
				return
			}
			hello(w, r)
		})})
		idle := s.dial().send(get("/"))
		idle.recv("GET")
		slow, stream := s.dial().send(get("/slow")), s.dial().send(get("/stream"))
		<-entered
		<-entered

		if s.Idle() {
			t.Error("the server is idle with two requests in hand")
		}
		s.StartDraining()
		s.StartDraining() // once more does no harm
		idle.eof()
		close(finish)
		if r := slow.recv("GET"); r.body != "Hello, World!" || !r.Close {
			t.Errorf("got %q, close %v", r.body, r.Close)
		}
		slow.eof()
		_ = slow.Close()
		s.waitFor(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](2))
		close(more)
		if r := stream.recv("GET"); r.body != "first last" {
			t.Errorf("the stream carried %q", r.body)
		}
		stream.eof()
		_ = stream.Close()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		closed := lifecycletest.Of[*lifecycle.StreamClosed](s.rec.Events())
		if len(closed) != 1 || closed[0].Reason != lifecycle.ReasonDrain {
			t.Errorf("the stream ended as %+v", closed)
		}
	})
}

// patientListener is a memoryListener whose Accept can be bounded, as that of a socket.
type patientListener struct {
	*memoryListener

	mu       sync.Mutex
	deadline time.Time
	changed  chan struct{}
}

func newPatientListener() *patientListener {
	return &patientListener{memoryListener: newMemoryListener(), changed: make(chan struct{})}
}

func (l *patientListener) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deadline = t
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

func (l *patientListener) Accept() (net.Conn, error) {
	for {
		l.mu.Lock()
		deadline, changed := l.deadline, l.changed
		l.mu.Unlock()
		var late <-chan time.Time
		if !deadline.IsZero() {
			late = time.After(time.Until(deadline))
		}
		select {
		case c := <-l.conns:
			return c, nil
		case <-l.closed:
			return nil, net.ErrClosed
		case <-late:
			return nil, os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}

// As long as connections come, they are taken, for a second; and each has a grace of its own.
func TestDrainGraceOfAConnectionThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		l := newPatientListener()
		b := bubble{startOn(t, serveHello(), l), l.memoryListener}
		synctest.Wait()
		start := time.Now()
		down := b.shutdown()
		for range 49 {
			_ = b.dial().Close()
			time.Sleep(20 * time.Millisecond)
		}
		late, silent := b.dial(), b.dial()
		time.Sleep(900 * time.Millisecond)
		if r := late.send(get("/")).recv("GET"); r.StatusCode != 200 || !r.Close {
			t.Errorf("got %s, close %v", r.Status, r.Close)
		}
		late.eof()
		_ = late.Close()
		silent.eof()
		if err := <-down; err != nil {
			t.Error(err)
		}
		took(t, start, 1980*time.Millisecond)
		<-l.closed
	})
}

// A flood of new connections does not hold the listener open for ever.
func TestDrainLooksForAWhileOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		l := newPatientListener()
		b := bubble{startOn(t, serveHello(), l), l.memoryListener}
		synctest.Wait()
		start := time.Now()
		b.StartDraining()
		for open := true; open; time.Sleep(5 * time.Millisecond) {
			_ = b.dial().Close()
			select {
			case <-l.closed:
				open = false
			default:
			}
		}
		took(t, start, time.Second)
	})
}

func TestStartDrainingBeforeServe(t *testing.T) {
	s := serveHello()
	s.StartDraining()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(l); err != httpcore.ErrServerClosed {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve has left the listener open: %v", err)
	}
	if !s.Idle() {
		t.Error("a server without connections is not idle")
	}
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := newBubble(t, handler(func(w http.ResponseWriter, r *http.Request) {
			<-release
			hello(w, r)
		}))
		is := func(want bool, when string) {
			t.Helper()
			synctest.Wait()
			if got := b.Idle(); got != want {
				t.Errorf("Idle is %v %s", got, when)
			}
		}
		is(true, "without a connection")
		c, other := b.dial(), b.dial()
		is(true, "with new connections")
		c.send("G")
		is(false, "with a part of a head")
		c.send(get("/")[1:])
		is(false, "while a handler runs")
		close(release)
		c.recv("GET")
		is(true, "after the response")
		_ = other.Close()
		_ = c.Close()
		is(true, "when all have gone")
		time.Sleep(time.Second)
	})
}
