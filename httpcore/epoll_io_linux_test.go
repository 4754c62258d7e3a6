package httpcore_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"golang.org/x/sys/unix"
)

// What goes through the sockets of the epoll engine, and what it does not do when nothing goes through them.

// E8: a request that fills the buffer to the last byte, or just does not, is answered like any other, and the next one, too.
func TestReadsThatFillTheBuffer(t *testing.T) {
	s := start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprint(w, n)
	}))
	c := s.dial()
	for size := 4 << 10; size <= 64<<10; size *= 2 {
		for _, n := range []int{size - 1, size, size + 1} {
			for _, inHead := range []bool{false, true} {
				head := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %05d\r\nX: %s\r\n\r\n"
				body, x := n-len(fmt.Sprintf(head, 0, "")), 0
				if inHead && n < 16<<10 {
					body, x = 10, body-10
				}
				c.send(fmt.Sprintf(head, body, strings.Repeat("x", x)) + strings.Repeat("b", body))
				if got := c.recv("POST").body; got != fmt.Sprint(body) {
					t.Fatalf("a request of %d bytes is answered %q, want %d", n, got, body)
				}
			}
		}
	}
}

// tune has f called with the descriptor of each connection.
func tune(s *httpcore.Server, f func(fd int)) *httpcore.Server {
	s.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		raw, err := nc.(syscall.Conn).SyscallConn()
		if err == nil {
			_ = raw.Control(func(fd uintptr) { f(int(fd)) })
		}
		return ctx
	}
	return s
}

// E13: a large response through a small buffer loses, repeats and mixes nothing, whichever way it is written.
func TestLargeResponsesThroughASmallBuffer(t *testing.T) {
	size := 2 << 20
	if testing.Short() {
		size = 512 << 10
	}
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	sum := sha256.Sum256(data)
	file := t.TempDir() + "/data"
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, tune(oneWorker(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/file":
			http.ServeFile(w, r, file)
		case "/pieces":
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 1+len(rest)%10_000)
				_, _ = w.Write(rest[:n])
				rest = rest[n:]
			}
		default:
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = w.Write(data)
		}
	}), func(fd int) {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10); err != nil {
			t.Error(err)
		}
	}))
	for _, path := range []string{"/", "/pieces", "/file"} {
		c := s.dial().send(get(path))
		res, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		hash := sha256.New()
		n, err := io.Copy(hash, res.Body)
		if err != nil || [sha256.Size]byte(hash.Sum(nil)) != sum {
			t.Errorf("%s: %d bytes of %d, %v, or others", path, n, size, err)
		}
	}
}

// A client that takes its time for a file gets all of it, for longer than the grace of five seconds: what sendfile has sent
// counts like what was written.
func TestSlowDownload(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than five seconds")
	}
	const size, piece = 5 << 20, 64 << 10
	file := t.TempDir() + "/data"
	if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, tune(oneWorker(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }), func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, piece)
	}))
	c := s.dial()
	_ = c.Conn.(*net.TCPConn).SetReadBuffer(2 * piece)
	res, err := http.ReadResponse(c.send(get("/")).r, nil)
	if err != nil {
		t.Fatal(err)
	}
	for left := size; left > 0; left -= piece {
		if _, err := io.CopyN(io.Discard, res.Body, piece); err != nil {
			t.Fatalf("%v with %d bytes to come; %s", err, left, s.failure())
		}
		time.Sleep(80 * time.Millisecond)
	}
}

// E16: signals that interrupt system calls change nothing.
func TestSignalStorm(t *testing.T) {
	s := start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			t.Error(err)
		}
		large(int(n))(w, r)
	}))
	over := make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				_ = unix.Kill(os.Getpid(), unix.SIGURG) // what Go preempts with
			}
		}
	})
	for range 5 {
		c := s.dial()
		for range 20 {
			const size = 100_000
			c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("b", size)))
			if got := len(c.recv("POST").body); got != size {
				t.Errorf("the response has %d bytes", got)
			}
		}
	}
	close(over)
	storm.Wait()
}

// E12, E25: a connection that has something to read or room to write, but nobody who wants it, has nobody wake up over and over.
func TestNothingSpins(t *testing.T) {
	for name, act := range map[string]func(c *client){
		"an idle connection":                             func(c *client) { c.send(get("/")).recv("GET") },
		"an idle connection after a large response":      func(c *client) { c.send(get("/large")).recv("GET") },
		"pipelined requests behind a blocked handler":    func(c *client) { c.send(get("/block") + strings.Repeat(get("/"), 10_000)) },
		"more of them later":                             func(c *client) { c.send(get("/block")).send(get("/")).send(get("/")) },
		"a half-close behind a blocked handler":          func(c *client) { c.send(get("/block")).closeWrite() },
		"a reset behind a blocked handler":               func(c *client) { c.send(get("/block")); c.reset() },
		"a half-close behind requests, and a watch":      func(c *client) { c.send(get("/watch") + get("/")).closeWrite() },
		"a body that does not come":                      func(c *client) { c.send(post + "Content-Length: 10\r\n\r\nabc") },
		"a response that nobody reads":                   func(c *client) { c.send(get("/huge")) },
		"pipelined responses that nobody reads":          func(c *client) { c.send(strings.Repeat(get("/large"), 100)) },
		"an end that waits for the client's, behind 400": func(c *client) { c.send("bad\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			in, release := make(chan struct{}, 1), make(chan struct{})
			s := start(t, oneWorker(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/block":
					in <- struct{}{}
					<-release
				case "/watch":
					select {
					case <-r.Context().Done():
					case <-release:
					}
				case "/large":
					large(1<<20)(w, r)
				case "/huge":
					large(100<<20)(w, r)
				default:
					_, _ = io.Copy(io.Discard, r.Body)
				}
			}))
			defer close(release)
			act(s.dial())
			for range 3 { // what has come by now has been seen
				s.dial().send(get("/")).recv("GET")
			}
			const watched = 200 * time.Millisecond
			for n := 1; ; n++ { // what spins does not stop: whatever else there is to be done, comes to an end
				before := processorTime(t)
				time.Sleep(watched)
				used := processorTime(t) - before
				if used <= watched/2 {
					break
				}
				if n == 25 {
					t.Fatalf("%v of processor time were used in %v, and as much each time before", used, watched)
				}
			}
		})
	}
}

// processorTime is what this process has used of processors.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
