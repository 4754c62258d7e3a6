package httpcore

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore/internal/poll"
	"github.com/wirespan/wirespan/lifecycle"
	"golang.org/x/sys/unix"
)

// What of the epoll engine cannot be seen from outside.

func newTestWorker(t *testing.T) *pollWorker {
	t.Helper()
	s := newServer()
	s.set = (&Server{}).settings()
	e := &epollEngine{server: s, runners: newRunners()}
	w, err := newPollWorker(&worker{}, e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(e.runners.stop)
		_ = w.poller.Close()
	})
	e.workers = []*pollWorker{w}
	e.watchdog = newWatchdog(e.workers)
	return w
}

// E1, E2: an event for a connection that was closed meets nobody, though its slot has another one by then, and is counted.
func TestEventForAConnectionThatIsGone(t *testing.T) {
	w := newTestWorker(t)
	first, second := &polled{w: w, fd: -1}, &polled{w: w, fd: -1}
	w.slots.take(first)
	late := poll.Event{Events: poll.In, Key: first.key}
	w.slots.give(first)
	w.slots.take(second)
	second.state.Store(stateParked)
	if first.key.Slot != second.key.Slot {
		t.Fatalf("the slot of %v is not used again: %v", first.key, second.key)
	}
	if got := w.ready(late); got != nil || second.state.Load() != stateParked {
		t.Error("the event of one connection was taken for another's")
	}
	if n := w.engine.stale.Load(); n != 1 {
		t.Errorf("%d late events were counted", n)
	}
	if got := w.ready(poll.Event{Events: poll.In, Key: second.key}); got != second {
		t.Error("the event of the second did not find it")
	}
}

// E1: slots that come and go from everywhere never lead two keys to one connection.
func TestSlotsFromManyGoroutines(t *testing.T) {
	var s slots
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 2000 {
				var mine [4]polled
				for i := range mine {
					s.take(&mine[i])
				}
				for i := range mine {
					if s.get(mine[i].key) != &mine[i] {
						t.Errorf("%v is somebody else's", mine[i].key)
					}
					old := mine[i].key
					s.give(&mine[i])
					if p := s.get(old); p != nil {
						t.Errorf("%v was given back and finds a connection", old)
					}
				}
			}
		})
	}
	all.Wait()
}

// E21: of all who would take the baton and the one who would keep it, exactly one succeeds, every time.
func TestOneHolderOfTheBaton(t *testing.T) {
	w := newTestWorker(t)
	const rounds, takers = 2000, 8
	for word := uint64(1); word < 2*rounds; word += 2 {
		w.word.Store(word)
		var won atomic.Int64
		var all sync.WaitGroup
		for range takers {
			all.Go(func() {
				if w.word.CompareAndSwap(word, word+1) { // what take does before it starts another holder
					won.Add(1)
				}
			})
		}
		turn := turnOf{w: w, word: word}
		all.Go(func() {
			if turn.end() {
				won.Add(1)
			}
		})
		all.Wait()
		if n := won.Load(); n != 1 {
			t.Fatalf("%d have the baton", n)
		}
		if got := w.word.Load(); got != word+1 {
			t.Fatalf("the word is %d, want %d", got, word+1)
		}
		if w.take(word) {
			t.Fatal("the baton was taken from a turn that has ended")
		}
	}
}

// E18: a watchdog that sleeps is woken by a turn, however many begin at once, and nobody waits for it.
func TestWatchdogIsWoken(t *testing.T) {
	d := newWatchdog(nil)
	for range 1000 {
		d.asleep.Store(true)
		var all sync.WaitGroup
		for range 8 {
			all.Go(d.notice)
		}
		all.Wait()
		<-d.wake
		if d.asleep.Load() || len(d.wake) != 0 {
			t.Fatal("it was woken more than once, or sleeps")
		}
	}
}

// polledKey is the key of a request's connection in its context.
type polledKey struct{}

// serveInside is a server whose handler is shown the connection from inside.
func serveInside(t *testing.T, f func(p *polled, w http.ResponseWriter, r *http.Request)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Engine: EngineEpoll, Workers: 1, ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return context.WithValue(ctx, polledKey{}, nc.(*acceptedConn).p)
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f(r.Context().Value(polledKey{}).(*polled), w, r)
		}),
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
		<-s.state().whenEmpty()
	})
	return l.Addr().String()
}

func dialInside(t *testing.T, addr, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// E11: what the epoll set refuses ends the connection; it does not wait for events that cannot come.
func TestEpollRefusesAConnection(t *testing.T) {
	forget := func(p *polled) {
		if err := p.w.poller.Delete(p.fd); err != nil {
			t.Error(err)
		}
	}
	t.Run("that waits for a body", func(t *testing.T) {
		read := make(chan error, 1)
		addr := serveInside(t, func(p *polled, _ http.ResponseWriter, r *http.Request) {
			forget(p)
			_, err := io.ReadAll(r.Body)
			read <- err
		})
		_, in := dialInside(t, addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
		if err := <-read; err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the wait for the body ended with %v", err)
		}
		_, _ = io.Copy(io.Discard, in)
	})
	t.Run("that waits for its next request", func(t *testing.T) {
		addr := serveInside(t, func(p *polled, _ http.ResponseWriter, r *http.Request) {
			p.eventWhileRunning(poll.In) // as if more had come: it is to be armed anew when it is parked
			forget(p)
			p.w.take(p.inTurn.Load())
		})
		_, in := dialInside(t, addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if b, err := io.ReadAll(in); err != nil || len(b) == 0 {
			t.Errorf("the connection ended with %q, %v", b, err)
		}
	})
}

// E28: a connection that its handler has taken over is in no epoll set, whatever it has to read.
func TestHijackedConnectionLeavesTheEpollSet(t *testing.T) {
	type hijacked struct {
		nc net.Conn
		w  *pollWorker
	}
	taken := make(chan hijacked, 1)
	addr := serveInside(t, func(p *polled, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/next" {
			return
		}
		nc, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
		}
		taken <- hijacked{nc, p.w}
	})
	c, _ := dialInside(t, addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	h := <-taken
	defer h.nc.Close()
	_, _ = io.WriteString(c, "unread")
	_ = c.(*net.TCPConn).CloseWrite()
	for range 3 { // each of these has events fetched
		_, in := dialInside(t, addr, "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		_, _ = io.Copy(io.Discard, in)
	}
	if n := h.w.engine.stale.Load(); n != 0 {
		t.Errorf("%d events came for it", n)
	}
	if b, err := io.ReadAll(h.nc); string(b) != "unread" || err != nil {
		t.Errorf("it has got %q, %v", b, err)
	}
}

// E11: a descriptor that cannot be polled is refused when it is accepted, and closed.
func TestConnectionThatCannotBePolled(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	completed := make(chan struct{}, 1)
	s := &Server{
		Engine: EngineEpoll, Workers: 1,
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			raw, _ := nc.(syscall.Conn).SyscallConn()
			_ = raw.Control(func(fd uintptr) {
				if err := unix.Dup3(int(file.Fd()), int(fd), unix.O_CLOEXEC); err != nil {
					t.Error(err)
				}
			})
			return ctx
		},
		Collector: lifecycle.CollectorFunc(func(e lifecycle.Event) {
			if _, ok := e.(*lifecycle.ConnectionCompleted); ok {
				completed <- struct{}{}
			}
		}),
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	_, in := dialInside(t, l.Addr().String(), "")
	_, _ = io.Copy(io.Discard, in) // the socket was closed in its place
	<-completed
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	<-served
}

// E4: whoever still has a connection that is closed cannot reach its descriptor, which may be another's by now.
func TestClosedConnectionIsOutOfReach(t *testing.T) {
	shown := make(chan *acceptedConn, 1)
	addr := serveInside(t, func(p *polled, w http.ResponseWriter, r *http.Request) {
		shown <- &acceptedConn{p: p}
	})
	first, in := dialInside(t, addr, "GET / HTTP/1.0\r\n\r\n")
	_, _ = io.Copy(io.Discard, in)
	_ = first.Close()
	a := <-shown
	raw, _ := a.SyscallConn()
	for { // the client sees the end a little earlier
		err := raw.Control(func(uintptr) {})
		if errors.Is(err, os.ErrClosed) {
			break
		}
		runtime.Gosched()
	}
	newcomer, in := dialInside(t, addr, "") // most likely with the same descriptor
	_ = a.Close()
	a.p.interrupt()
	_ = a.p.setUserDeadline(nil, new(time.Time))
	_, _ = io.WriteString(newcomer, "GET / HTTP/1.0\r\n\r\n")
	if b, err := io.ReadAll(in); err != nil || len(b) == 0 {
		t.Errorf("the newcomer has got %q, %v", b, err)
	}
}

// A descriptor that ConnContext has duplicated keeps the socket open, in the epoll set too if nobody takes it out: its events
// would never end.
func TestDuplicatedDescriptorIsNotPolled(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	duplicates := make(chan int, 1)
	s := &Server{
		Engine: EngineEpoll, Workers: 1, Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			raw, err := nc.(syscall.Conn).SyscallConn()
			if err != nil {
				t.Error(err)
				return ctx
			}
			err = control(raw, func(fd int) error {
				d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
				if err == nil && len(duplicates) == 0 {
					duplicates <- d
				} else if err == nil {
					err = unix.Close(d)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			return ctx
		},
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	defer func() {
		_ = s.Close()
		<-served
		<-s.state().whenEmpty()
	}()
	const get = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
	first, r := dialInside(t, l.Addr().String(), get)
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(<-duplicates) }()
	_ = first.Close()
	for s.state().open.Load() > 0 {
		runtime.Gosched()
	}
	for range 10 { // each of them is polled for
		c, r := dialInside(t, l.Addr().String(), get)
		if _, err := http.ReadResponse(r, nil); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	if n := s.state().epoll.stale.Load(); n != 0 {
		t.Errorf("%d events of the connection that was closed", n)
	}
}

// A request that has come when the time of an idle connection is up is answered: what the sweep has found is looked at again
// by whoever runs the connection.
func TestRequestThatComesAsTheIdleTimeoutPasses(t *testing.T) {
	seen := make(chan *polled, 2)
	addr := serveInside(t, func(p *polled, w http.ResponseWriter, _ *http.Request) {
		seen <- p
		w.WriteHeader(http.StatusNoContent)
	})
	const get = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
	c, r := dialInside(t, addr, get)
	answered := func() {
		t.Helper()
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatalf("got %v, %v", res, err)
		}
	}
	answered()
	p := <-seen
	for !p.state.CompareAndSwap(stateParked, stateRunning) {
		runtime.Gosched()
	}
	if _, err := io.WriteString(c, get); err != nil {
		t.Fatal(err)
	}
	for n := 0; n == 0; n, _ = poll.Peek(p.fd) {
		runtime.Gosched()
	}
	p.c.deadline.Store(1)
	p.poked.Store(true)
	p.runAlone()
	answered()
}
