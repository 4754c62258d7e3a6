package httpcore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

func TestMaxConnections(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello), MaxConnections: 2})
		first, second := s.dial().send(get("/")), s.dial().send(get("/"))
		first.recv("GET")
		second.recv("GET")

		for range 3 {
			one := s.dial().send(get("/")) // it is not read, and the answer arrives all the same
			r := one.wantRefusal(503, "max_concurrent_connections_exceeded")
			if r.Header.Get("Retry-After") != "1" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") || r.body == "" {
				t.Errorf("got %v %q", r.Header, r.body)
			}
			one.eof()
			_ = one.Close()
		}
		events := s.waitFor(lifecycletest.AtLeast[*lifecycle.ConnectionRejected](3))
		for _, e := range lifecycletest.Of[*lifecycle.ConnectionRejected](events) {
			if e.Code != "max_concurrent_connections_exceeded" || e.Status != 503 || e.ClientAddr != "127.0.0.1" || e.ClientPort == 0 {
				t.Errorf("got %+v", e)
			}
		}

		_ = first.Close()
		s.waitFor(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
		// The place is given back just after the event.
		for {
			c := s.dial().send(get("/"))
			r := c.recv("GET")
			_ = c.Close()
			if r.StatusCode == 200 {
				break
			}
		}
		second.send(get("/")).recv("GET")
	})
}

// Those whom nobody has told that there are too many are closed by Close, and waited for by Shutdown.
func TestRefusedConnectionsDoNotOutliveTheServer(t *testing.T) {
	s := serveHello()
	s.MaxConnections = 1
	inBubble(t, s, func(b bubble) {
		kept := b.dial().send(get("/"))
		kept.recv("GET")
		refused := b.dial()
		refused.wantRefusal(503, "max_concurrent_connections_exceeded")
		start := time.Now()
		down := b.shutdown()
		kept.eof()
		if err := <-down; err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d == 0 || d > time.Second {
			t.Errorf("Shutdown took %v, want the quiet time of a lingering close", d)
		}
	})
	inBubble(t, &httpcore.Server{Handler: s.Handler, MaxConnections: 1}, func(b bubble) {
		b.dial().send(get("/")).recv("GET")
		b.dialWindow(1) // takes not even the answer
		synctest.Wait()
		start := time.Now()
		if err := errors.Join(b.Close(), b.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
		took(t, start, 0)
	})
}

// A flood of connections that are one too many costs a bounded number of goroutines.
func TestFloodOfRefusedConnections(t *testing.T) {
	inBubble(t, &httpcore.Server{Handler: http.HandlerFunc(hello), MaxConnections: 1}, func(b bubble) {
		b.dial().send(get("/")).recv("GET")
		for range 200 {
			b.dial()
		}
		synctest.Wait()
		told, closed := 0, 0
		for _, e := range lifecycletest.Of[*lifecycle.ConnectionRejected](b.rec.Events()) {
			if e.Status == 503 {
				told++
			} else {
				closed++
			}
		}
		if told != 64 || closed != 136 {
			t.Errorf("%d were told and %d were closed, want 64 and 136", told, closed)
		}
	})
}

func TestMaxConnectionsWithTLS(t *testing.T) {
	cert := newCertificate(t)
	s := serveHello()
	s.MaxConnections = -1
	s.TLSConfig = cert.server()
	site := startTLS(t, s)
	for range 50 {
		site.dialTLS(cert.client()).send(get("/")).recv("GET")
	}
	s = serveHello()
	s.MaxConnections = 1
	s.TLSConfig = cert.server()
	site = startTLS(t, s)
	site.dialTLS(cert.client()).send(get("/")).recv("GET")
	site.dial().eofOrReset()
	if e := lifecycletest.Of[*lifecycle.ConnectionRejected](site.waitFor(lifecycletest.AtLeast[*lifecycle.ConnectionRejected](1)))[0]; e.Status != 0 {
		t.Errorf("got %+v", e)
	}
}

// shortListener fails as accept does.
type shortListener struct {
	*memoryListener
	err error

	mu       sync.Mutex
	failures int         // that are still to come
	at       []time.Time // of those that came
}

func (l *shortListener) Accept() (net.Conn, error) {
	if l.fails() {
		return nil, &net.OpError{Op: "accept", Net: "memory", Err: os.NewSyscallError("accept4", l.err)}
	}
	return l.memoryListener.Accept()
}

func (l *shortListener) fails() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failures == 0 {
		return false
	}
	l.failures--
	l.at = append(l.at, time.Now())
	return true
}

// fail makes the next n Accepts fail, from the one after that which waits.
func (l *shortListener) fail(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures, l.at = n, nil
}

// pauses are the times between the failures.
func (l *shortListener) pauses() (pauses []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := 1; i < len(l.at); i++ {
		pauses = append(pauses, l.at[i].Sub(l.at[i-1]))
	}
	return pauses
}

func TestAcceptBacksOffAndGoesOn(t *testing.T) {
	for _, err := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		t.Run(fmt.Sprint(err), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				enterBubble(t)
				l := &shortListener{memoryListener: newMemoryListener(), failures: 12, err: err}
				b := bubble{startOn(t, serveHello(), l), l.memoryListener}
				b.dial().send(get("/")).recv("GET")
				const ms = time.Millisecond
				want := []time.Duration{5 * ms, 10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms, 320 * ms, 640 * ms, 1000 * ms, 1000 * ms, 1000 * ms}
				if got := l.pauses(); !slices.Equal(got, want) {
					t.Errorf("the pauses were %v, want %v", got, want)
				}
				// After a success they begin anew.
				l.fail(3)
				b.dial().send(get("/")).recv("GET")
				b.dial().send(get("/")).recv("GET")
				if got := l.pauses(); !slices.Equal(got, want[:2]) {
					t.Errorf("then the pauses were %v, want %v", got, want[:2])
				}
			})
		})
	}
}

// What became of one connection is no reason to let the next one wait.
func TestAcceptGoesOnAfterAConnectionThatWasAborted(t *testing.T) {
	for _, err := range []error{
		syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM, syscall.EINTR, syscall.ENOPROTOOPT,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH,
	} {
		t.Run(fmt.Sprint(err), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				enterBubble(t)
				l := &shortListener{memoryListener: newMemoryListener(), failures: 12, err: err}
				b := bubble{startOn(t, serveHello(), l), l.memoryListener}
				start := time.Now()
				b.dial().send(get("/")).recv("GET")
				took(t, start, 0)
			})
		})
	}
}

// While nothing can be accepted, the connections that are open go on, and the server can be closed.
func TestAcceptThatKeepsFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		l := &shortListener{memoryListener: newMemoryListener(), err: syscall.EMFILE}
		b := bubble{startOn(t, serveHello(), l), l.memoryListener}
		c := b.dial().send(get("/"))
		c.recv("GET")
		synctest.Wait()
		l.fail(1 << 30)
		b.dial() // the Accept that waits returns this one
		for range 30 {
			time.Sleep(10 * time.Second)
			c.send(get("/")).recv("GET")
		}
		if n := len(l.pauses()); n > 320 {
			t.Errorf("accept was tried %d times in 300 s", n)
		}
		start := time.Now()
		if err := errors.Join(b.Close(), b.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
		took(t, start, 0)
	})
}

// A connection that ends may leave its descriptor to one that waits.
func TestAcceptIsTriedAgainWhenAConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		l := &shortListener{memoryListener: newMemoryListener(), err: syscall.EMFILE}
		b := bubble{startOn(t, serveHello(), l), l.memoryListener}
		c := b.dial().send(get("/"))
		c.recv("GET")
		synctest.Wait()
		l.fail(1 << 30)
		b.dial()                           // the Accept that waits returns this one
		time.Sleep(10 * time.Second)       // the pauses last a second now
		time.Sleep(100 * time.Millisecond) // and one is under way
		l.fail(0)
		start := time.Now()
		_ = c.Close()
		b.dial().send(get("/")).recv("GET")
		took(t, start, 0)
	})
}

// However often an accept fails, the log gets a line a second.
func TestAcceptComplainsOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		l := &shortListener{memoryListener: newMemoryListener(), err: syscall.ENFILE, failures: 1 << 30}
		s := serveHello()
		lines := make(chan []byte, 100)
		s.ErrorLog = log.New(writerFunc(func(p []byte) { lines <- bytes.Clone(p) }), "", 0)
		startOn(t, s, l)
		time.Sleep(10*time.Second + time.Millisecond)
		if n := len(lines); n < 5 || n > 11 {
			t.Errorf("there were %d lines in 10 s", n)
		}
		if line := string(<-lines); line != "http: accept: accept memory: accept4: too many open files in system; trying again in 5ms\n" {
			t.Errorf("the line is %q", line)
		}
	})
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

func TestAcceptErrorThatStays(t *testing.T) {
	want := errors.New("the listener is broken")
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		l := &shortListener{memoryListener: newMemoryListener(), failures: 1, err: want}
		if err := serveHello().Serve(l); !errors.Is(err, want) {
			t.Errorf("Serve returned %v", err)
		}
		if _, err := l.memoryListener.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error("Serve has left its listener open")
		}
	})
}

func TestMaxRequestsPerConnection(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, sync := range []bool{false, true} {
			server := &httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello), MaxRequestsPerConnection: 3}
			if sync {
				server.Sync = httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, _ *httpcore.SyncRequest) bool {
					w.SetBodyString("Hello, World!")
					return true
				})
			}
			s := start(t, server)
			c := s.dial().send(strings.Repeat(get("/"), 10))
			for i := range 3 {
				if r := c.recv("GET"); r.StatusCode != 200 || r.Close != (i == 2) {
					t.Errorf("response %d: %s, close %v", i, r.Status, r.Close)
				}
			}
			c.eof()
			_ = c.Close()
			waitClosed(t, s.rec)
			for _, e := range lifecycletest.Of[*lifecycle.ConnectionCompleted](s.rec.Events()) {
				if e.Reason != lifecycle.ReasonLimit || e.RequestsServed != 3 {
					t.Errorf("got %+v", e)
				}
			}
		}
	})
}
