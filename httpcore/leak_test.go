package httpcore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
)

// eventually waits until ok reports true.
func eventually(t testing.TB, what func() string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what())
		}
	}
}

// resources are what a server may not keep.
type resources struct {
	files, goroutines int
	heap              uint64
}

func measure(t testing.TB) resources { return resources{openFiles(t), runtime.NumGoroutine(), heap()} }

// backTo waits until descriptors and goroutines are back where they were, and compares the memory.
func (r resources) backTo(t testing.TB, growth uint64) {
	t.Helper()
	var now resources
	eventually(t, func() string {
		return "left open: " + now.since(r)
	}, func() bool {
		now = resources{openFiles(t), runtime.NumGoroutine(), 0}
		return now.files <= r.files && now.goroutines <= r.goroutines
	})
	if now := heap(); now > r.heap+growth {
		t.Errorf("the heap grew by %d KiB", (now-r.heap)>>10)
	}
}

func (r resources) since(before resources) string {
	return fmt.Sprint(r.files-before.files, " descriptors, ", r.goroutines-before.goroutines, " goroutines")
}

// TestShortConnectionsLeaveNothing: whichever way a connection ends, nothing of it is left.
func TestShortConnectionsLeaveNothing(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		connections := 10_000
		switch {
		case *stressFor > time.Minute:
			connections = 100_000
		case testing.Short():
			connections = 500
		}
		var opened, completed atomic.Int64
		s := &httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello), ErrorLog: discard, Collector: lifecycle.CollectorFunc(func(e lifecycle.Event) {
			switch e.(type) {
			case *lifecycle.ConnectionOpened:
				opened.Add(1)
			case *lifecycle.ConnectionCompleted:
				completed.Add(1)
			}
		})}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()

		if err := shortConnections(addr, 200); err != nil { // what is made once is made now
			t.Fatal(err)
		}
		eventually(t, func() string { return fmt.Sprint(opened.Load(), " opened, ", completed.Load(), " completed") },
			func() bool { return opened.Load() == completed.Load() })
		before := measure(t)
		if err := shortConnections(addr, connections); err != nil {
			t.Fatal(err)
		}
		before.backTo(t, 2<<20)
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != httpcore.ErrServerClosed {
			t.Error(err)
		}
		if o, c := opened.Load(), completed.Load(); o != c || o < int64(connections)*9/10 {
			t.Errorf("%d connections were opened, %d completed", o, c)
		}
	})
}

// shortConnections makes n connections from a few goroutines, and ends them in turn in each way there is.
func shortConnections(addr string, n int) error {
	const clients = 8
	errs := make(chan error, clients)
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for i := client; i < n; i += clients {
				if err := shortConnection(addr, i%6); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

func shortConnection(addr string, kind int) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	request := get("/")
	switch kind {
	case 0: // nothing at all
		return nil
	case 1: // a reset in the middle of the head
		_, err := io.WriteString(c, request[:10])
		_ = c.(*net.TCPConn).SetLinger(0)
		return err
	case 2: // the server closes
		request = "GET / HTTP/1.0\r\n\r\n"
	case 3: // and after an error
		request = "bad\r\n\r\n"
	case 4: // a half-close
		defer func() { _ = c.(*net.TCPConn).CloseWrite() }()
	}
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// Connections that are idle hold little, whatever they have carried before.
func TestIdleConnectionsHoldLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own for each goroutine")
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := &httpcore.Server{Engine: e, ErrorLog: discard, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			large(1<<20)(w, r)
		})}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		request := post + "X: " + strings.Repeat("x", 50_000) + "\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1_000_000)
		var clients []net.Conn
		connect := func() {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			clients = append(clients, c)
			go func() { _, _ = io.WriteString(c, request) }()
			r := bufio.NewReader(c)
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, res.Body); n != 1<<20 || err != nil {
				t.Fatalf("%d bytes, %v", n, err)
			}
		}
		connect()
		before := heap()
		for range 50 {
			connect()
		}
		if grown := (int64(heap()) - int64(before)) / 50; grown > 32<<10 {
			t.Errorf("an idle connection holds %d bytes, with its client", grown)
		}
		for _, c := range clients {
			_ = c.Close()
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
	})
}
