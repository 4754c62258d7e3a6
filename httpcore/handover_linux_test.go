package httpcore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
)

func init() {
	children["heir"] = serveInherited
	children["sharer"] = serveShared
}

// serveInherited serves what systemd, that is the parent, has opened.
func serveInherited() {
	warmUp()
	files, goroutines := used()
	list, err := httpcore.SystemdListeners()
	childFails(err)
	if len(list) != 1 || list[0].Name != "web" {
		childFails(fmt.Errorf("the listeners are %v", list))
	}
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if _, there := os.LookupEnv(name); there {
			childFails(fmt.Errorf("%s is still there", name))
		}
	}
	serveUntilTold(&httpcore.Server{}, list[0].Listener)
	sayWhatIsLeft(files, goroutines)
}

// serveShared serves a port that others serve, too.
func serveShared() {
	warmUp()
	files, goroutines := used()
	s := &httpcore.Server{Addr: os.Getenv("CHILD_ADDR"), SharePort: true}
	l, err := s.Listen()
	childFails(err)
	serveUntilTold(s, l)
	sayWhatIsLeft(files, goroutines)
}

// serveUntilTold answers with the number of the process.
func serveUntilTold(s *httpcore.Server, l net.Listener) {
	s.Engine, s.Workers = childEngine(), 2
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strconv.Itoa(os.Getpid()))
	})
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	fmt.Println("serving", l.Addr())
	_, err := io.Copy(io.Discard, os.Stdin)
	childFails(err)
	childFails(s.Shutdown(context.Background()))
	if err := <-served; err != httpcore.ErrServerClosed {
		childFails(err)
	}
}

// crowd are clients that ask all the time, each request on a connection of its own.
type crowd struct {
	addr string
	stop chan struct{}
	all  sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	answers map[string]int // by who has answered
	failed  []error
}

func newCrowd(t *testing.T, addr string) *crowd {
	c := &crowd{addr: addr, stop: make(chan struct{}), answers: map[string]int{}}
	c.changed = sync.NewCond(&c.mu)
	for range 4 {
		c.all.Go(c.ask)
	}
	t.Cleanup(c.end)
	return c
}

// end has all clients stop. It may be called twice.
func (c *crowd) end() {
	c.mu.Lock()
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	c.mu.Unlock()
	c.all.Wait()
}

func (c *crowd) ask() {
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		by, err := askOnce(c.addr)
		c.mu.Lock()
		if err != nil {
			c.failed = append(c.failed, err)
		} else {
			c.answers[by]++
		}
		c.changed.Broadcast()
		c.mu.Unlock()
	}
}

// askOnce returns what the server says to one request.
func askOnce(addr string) (string, error) {
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get("http://" + addr + "/")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", errors.New(res.Status)
	}
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

// more returns when the process has given n answers more, or so many requests have failed that it will not.
func (c *crowd) more(p *os.Process, n int) {
	by := strconv.Itoa(p.Pid)
	c.mu.Lock()
	defer c.mu.Unlock()
	for want := c.answers[by] + n; c.answers[by] < want && len(c.failed) < 1000; {
		c.changed.Wait()
	}
}

// outcome returns what became of all requests.
func (c *crowd) outcome() (answers map[string]int, failed []error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers, c.failed
}

// replace has one process take over from another one under load, and returns which requests have failed.
func replace(t *testing.T, addr string, start func() *child) []error {
	old := start()
	if addr == "" {
		addr = old.line("serving")
	} else {
		old.line("serving")
	}
	clients := newCrowd(t, addr)
	clients.more(old.cmd.Process, 100)
	heir := start()
	heir.line("serving")
	clients.more(heir.cmd.Process, 50)
	old.drain()
	if left := old.line("left"); left != "0 0" {
		t.Errorf("the old process has left %s descriptors and goroutines open", left)
	}
	old.wait()
	clients.more(heir.cmd.Process, 200)
	clients.end()
	heir.drain()
	if left := heir.line("left"); left != "0 0" {
		t.Errorf("the new process has left %s descriptors and goroutines open", left)
	}
	heir.wait()
	answers, failed := clients.outcome()
	t.Logf("answers by process: %v; %d requests have failed", answers, len(failed))
	return failed
}

// The socket is handed from process to process, so no client notices.
func TestHandOverOfASocket(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		_ = l.Close() // f keeps the socket
		failed := replace(t, l.Addr().String(), func() *child {
			return startChild(t, "heir", []*os.File{f}, "LISTEN_FDNAMES=web", "CHILD_ENGINE="+e.String())
		})
		if len(failed) > 0 {
			t.Errorf("%d requests have failed, the first with: %v", len(failed), failed[0])
		}
	})
}

// With a port that is shared, a connection may be lost that is opened at the moment when the old process closes its
// sockets, and no other: unless the kernel lets it go on elsewhere.
func TestHandOverByASharedPort(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		holder, err := (&httpcore.Server{Addr: "127.0.0.1:0", SharePort: true, ErrorLog: discard}).Listen()
		if err != nil {
			t.Fatal(err)
		}
		addr := holder.Addr().String()
		_ = holder.Close()
		for _, err := range replace(t, addr, func() *child {
			return startChild(t, "sharer", nil, "CHILD_ADDR="+addr, "CHILD_ENGINE="+e.String())
		}) {
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, io.EOF) {
				t.Errorf("a request has failed with: %v", err)
			}
		}
	})
}

// Nobody gets a share of a port by mistake.
func TestSharePortIsAskedFor(t *testing.T) {
	for _, workers := range []int{1, 2} {
		first := &httpcore.Server{Addr: "127.0.0.1:0", Workers: workers, SharePort: true, ErrorLog: discard}
		l, err := first.Listen()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		second := &httpcore.Server{Addr: l.Addr().String(), Workers: workers, SharePort: true, ErrorLog: discard}
		beside, err := second.Listen()
		if err != nil {
			t.Fatal(err)
		}
		_ = beside.Close()
		second.SharePort = false
		if _, err := second.Listen(); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("with %d workers, a server that does not share: %v, want 'in use'", workers, err)
		}
	}
	s := &httpcore.Server{Addr: "unix:" + t.TempDir() + "/socket", SharePort: true, ErrorLog: discard}
	if _, err := s.Listen(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("for a Unix socket: %v, want that it is not supported", err)
	}
}
