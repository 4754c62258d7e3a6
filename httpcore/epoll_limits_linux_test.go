package httpcore_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"golang.org/x/sys/unix"
)

// The epoll engine and the limits of the system: descriptors, processes, the garbage collector.

// E3: however many close a connection at once, its descriptor is closed once, and nobody else's with it.
func TestManyCloseOneConnection(t *testing.T) {
	shown := make(chan net.Conn, 1)
	s := oneWorker(hello)
	s.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		shown <- nc
		return ctx
	}
	site := start(t, s)
	files := &watchedFiles{t: t}
	over := make(chan struct{})
	var watching sync.WaitGroup
	for range 4 {
		watching.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					files.cycle()
				}
			}
		})
	}
	for range 50 {
		c := site.dial().send(get("/"))
		nc := <-shown
		raw, err := nc.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				_ = nc.Close()
				_ = raw.Control(func(uintptr) {})
			})
		}
		all.Go(c.reset)
		all.Wait()
	}
	close(over)
	watching.Wait()
}

// watchedFiles are descriptors that come and go while somebody else's are closed.
type watchedFiles struct{ t *testing.T }

// cycle opens some files, and finds them to be those that it has opened until it closes them.
func (f *watchedFiles) cycle() {
	var pipes [8][2]int
	for i := range pipes {
		if err := unix.Pipe2(pipes[i][:], unix.O_CLOEXEC); err != nil {
			f.t.Error(err)
			return
		}
	}
	runtime.Gosched()
	for i, p := range pipes {
		var b [1]byte
		if _, err := unix.Write(p[1], []byte{byte(i)}); err != nil {
			f.t.Errorf("somebody has closed descriptor %d: %v", p[1], err)
		} else if n, err := unix.Read(p[0], b[:]); n != 1 || err != nil || b[0] != byte(i) {
			f.t.Errorf("descriptor %d is another's: %d, %v, %d", p[0], n, err, b[0])
		}
		_ = unix.Close(p[0])
		_ = unix.Close(p[1])
	}
}

// E17: when there are no descriptors left, connections wait, nothing spins, those that are open go on, and when there are some
// again, all are served.
func TestNoDescriptorsLeft(t *testing.T) {
	const clients = 60
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	waiting := &site{t: t, addr: l.Addr().String()}
	var all []*client
	for range clients { // the kernel accepts them
		all = append(all, waiting.dial())
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = uint64(openFiles(t)) + 20
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	restore := sync.OnceFunc(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) })
	t.Cleanup(restore)

	failed := make(chan struct{})
	var failures atomic.Int64
	s := oneWorker(hello)
	s.ErrorLog = log.New(writer(func(p []byte) {
		if bytes.Contains(p, []byte("too many open files")) && failures.Add(1) == 1 {
			close(failed)
		}
	}), "", 0)
	startOn(t, s, l)
	receive(t, failed)
	all[0].send(get("/")).recv("GET") // one that was accepted
	before := processorTime(t)
	time.Sleep(100 * time.Millisecond)
	if used := processorTime(t) - before; used > 50*time.Millisecond {
		t.Errorf("%v of processor time were used in 100 ms", used)
	}
	restore()
	for _, c := range all {
		c.send(get("/")).recv("GET")
	}
	t.Logf("accept failed %d times", failures.Load())
}

// writer is a function that is written to.
type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

// E17: a flood of connections is served, each of them.
func TestConnectionFlood(t *testing.T) {
	connections := 2000
	if testing.Short() {
		connections = 300
	}
	s := start(t, &httpcore.Server{Engine: httpcore.EngineEpoll, Handler: http.HandlerFunc(hello)})
	var answered atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range connections / 50 {
				c, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				_, _ = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
				if b, err := io.ReadAll(c); err == nil && bytes.HasSuffix(b, []byte("Hello, World!")) {
					answered.Add(1)
				}
				_ = c.Close()
			}
		})
	}
	all.Wait()
	if n := answered.Load(); n != int64(connections) {
		t.Errorf("%d of %d connections were served", n, connections)
	}
}

// E30: a process that a handler starts gets none of the server's descriptors.
func TestChildrenInheritNothing(t *testing.T) {
	s := start(t, oneWorker(func(w http.ResponseWriter, _ *http.Request) {
		out, err := exec.Command("sh", "-c", "ls -l /proc/$$/fd").CombinedOutput()
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(out)
	}))
	_ = s.dial().send(get("/")).recv("GET") // one more that is open
	list := s.dial().send(get("/")).recv("GET").body
	for _, kind := range []string{"socket:", "eventpoll", "eventfd", filepath.Base(os.Args[0])} {
		if strings.Contains(list, kind) {
			t.Errorf("a child has got a %s:\n%s", kind, list)
		}
	}
	if !strings.Contains(list, "/dev/null") {
		t.Errorf("this is no list of descriptors: %q", list)
	}
}

// E29: a connection that is idle holds no buffer, whatever it has carried: its heap is a small part of one.
func TestIdleConnectionsHoldNoBuffer(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	s := &httpcore.Server{Engine: httpcore.EngineEpoll, Handler: http.HandlerFunc(hello), ErrorLog: discard}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	response := make([]byte, 1<<10)
	var clients []net.Conn
	connect := func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
		_, _ = io.WriteString(c, get("/"))
		if n, err := c.Read(response); n == 0 || err != nil {
			t.Fatal(n, err)
		}
	}
	for range 100 {
		connect()
	}
	before := heap()
	const connections = 400
	for range connections {
		connect()
	}
	if each := (int64(heap()) - int64(before)) / connections; each > 3<<10 {
		t.Errorf("an idle connection holds %d bytes, with its client", each)
	}
	for _, c := range clients {
		_ = c.Close()
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	<-served
}

// E31: workers that wait for events hold up neither a garbage collection nor anything else that stops the world.
func TestIdleWorkersDoNotHoldUpTheCollector(t *testing.T) {
	s := start(t, &httpcore.Server{Engine: httpcore.EngineEpoll, Workers: 8, Handler: http.HandlerFunc(hello)})
	s.served()
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		var m runtime.MemStats
		for range 20 {
			runtime.GC()
			runtime.ReadMemStats(&m)
		}
	}()
	receive(t, collected)
	s.served()
}

// The timeouts of the server end what its clients do not, on this engine, too (timeout_test.go has their lengths).
func TestTimeoutsOfTheEpollEngine(t *testing.T) {
	for name, c := range map[string]struct {
		send   string
		reason lifecycle.Reason
		code   string
	}{
		"nothing":                         {"", lifecycle.ReasonTimeout, ""},
		"a head that does not end":        {"GET / HT", lifecycle.ReasonTimeout, "request_headers_timeout"},
		"a body that does not come":       {post + "Content-Length: 10\r\n\r\nabc", lifecycle.ReasonTimeout, "request_body_timeout"},
		"a response that nobody reads":    {get("/huge"), lifecycle.ReasonTimeout, "response_timeout"},
		"a flood that reads no responses": {strings.Repeat(get("/large"), 1000), lifecycle.ReasonTimeout, "response_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			s := oneWorker(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/huge":
					large(100<<20)(w, r)
				case "/large":
					large(1<<20)(w, r)
				default:
					_, _ = io.Copy(io.Discard, r.Body)
				}
			})
			const short = 200 * time.Millisecond
			s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = short, short, short, short
			site := start(t, s)
			site.dial().send(c.send)
			ends := site.waitFor(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
			if got := lifecycletest.Of[*lifecycle.ConnectionCompleted](ends)[0].Reason; got != c.reason {
				t.Errorf("the connection ended for %q", got)
			}
			if got := site.failure(); got != c.code {
				t.Errorf("the request failed with %q, want %q", got, c.code)
			}
		})
	}
}
