package toxic_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wirespan/wirespan/e2e/internal/toxic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that sends back what it gets, to the last byte.
func echo(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // until either side ends it
			})
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return l.Addr().String()
}

func open(t *testing.T) (*toxic.Proxy, net.Conn) {
	t.Helper()
	p, err := toxic.Open(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return p, c
}

// say sends one byte.
func say(t *testing.T, c net.Conn, b byte) {
	t.Helper()
	if _, err := c.Write([]byte{b}); err != nil {
		t.Fatal(err)
	}
}

// hear waits for one byte.
func hear(t *testing.T, c net.Conn, want byte) {
	t.Helper()
	var b [1]byte
	if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != want {
		t.Fatalf("heard %q, %v, want %q", b[:], err, want)
	}
}

// silent checks that nothing comes for a moment.
func silent(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if n, err := c.Read(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("heard %q, %v, want nothing", b[:n], err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func TestProxyPassesEverythingOn(t *testing.T) {
	_, c := open(t)
	want := bytes.Repeat([]byte("0123456789"), 1<<20)
	go func() {
		_, _ = c.Write(want) // what did not arrive is missing below
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v, want the %d that were sent", len(got), err, len(want))
	}
}

func TestProxyDelays(t *testing.T) {
	const delay = 40 * time.Millisecond
	p, c := open(t)
	p.Requests().Delay(delay)
	p.Responses().Delay(delay)
	begin := time.Now()
	say(t, c, 'a')
	hear(t, c, 'a')
	if d := time.Since(begin); d < 2*delay {
		t.Errorf("%v to the target and back, want at least %v", d, 2*delay)
	}
}

func TestProxyHoldsAndSwallows(t *testing.T) {
	for name, path := range map[string]func(*toxic.Proxy) toxic.Path{
		"requests": (*toxic.Proxy).Requests, "responses": (*toxic.Proxy).Responses,
	} {
		t.Run(name, func(t *testing.T) {
			p, c := open(t)
			path(p).Hold()
			say(t, c, 'a')
			silent(t, c)
			path(p).Pass()
			hear(t, c, 'a')
			path(p).Discard()
			say(t, c, 'b')
			silent(t, c)
			path(p).Pass()
			say(t, c, 'c')
			hear(t, c, 'c')
		})
	}
}

func TestProxySilencesWhatIsOpen(t *testing.T) {
	p, c := open(t)
	say(t, c, 'a')
	hear(t, c, 'a')
	p.Silence()
	say(t, c, 'b')
	silent(t, c)
	again, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	say(t, again, 'c')
	hear(t, again, 'c')
}

func TestProxyResets(t *testing.T) {
	p, c := open(t)
	say(t, c, 'a')
	hear(t, c, 'a')
	p.Reset()
	var b [1]byte
	if _, err := c.Read(b[:]); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v, want a reset", err)
	}
	again, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	say(t, again, 'b')
	hear(t, again, 'b')
}

func TestProxyWithoutATarget(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p, err := toxic.Open(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return // reset as soon as it was open
	}
	defer c.Close()
	var b [1]byte
	if _, err := c.Read(b[:]); err == nil {
		t.Error("connected to nobody")
	}
}
