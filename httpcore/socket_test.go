package httpcore

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tcpPair returns the two ends of a connection. The first one can buffer little.
func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	if err := near.(*net.TCPConn).SetWriteBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func testSocket(nc net.Conn) *socket {
	return newSocket(&conn{server: newServer(), set: &settings{writeTimeout: int64(time.Hour)}}, nc)
}

// interrupting interrupts s all the time while f runs.
func interrupting(s *socket, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		select {
		case <-done:
			return
		default:
			s.interrupt()
		}
	}
}

// What the sweep interrupts within its limits goes on as if nothing had been.
func TestInterruptedWritesGoOn(t *testing.T) {
	content := make([]byte, 300_000)
	for i := range content {
		content[i] = byte(i % 251)
	}
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := len(content)
	for kind, send := range map[string]func(s *socket) (int64, error){
		"Write": func(s *socket) (int64, error) {
			n, err := s.Write(content)
			return int64(n), err
		},
		"writev": func(s *socket) (int64, error) { return s.writev(content[:n/3], content[n/3:n/2], content[n/2:]) },
		"sendfile": func(s *socket) (int64, error) {
			return s.readFrom(&io.LimitedReader{R: file, N: int64(n)})
		},
		"copied by package net": func(s *socket) (int64, error) {
			return s.readFrom(&io.LimitedReader{R: bytes.NewReader(content), N: int64(n)})
		},
		"copied by lowConn": func(s *socket) (int64, error) {
			return s.readFrom(&io.LimitedReader{R: bytes.NewReader(content), N: int64(n)})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			near, far := tcpPair(t)
			if kind == "copied by lowConn" {
				near = struct{ net.Conn }{near}
			}
			s := testSocket(near)
			received := make(chan []byte)
			go func() {
				b, err := io.ReadAll(smallReads{far})
				if err != nil {
					t.Error(err)
				}
				received <- b
			}()
			interrupting(s, func() {
				if sent, err := send(s); sent != int64(n) || err != nil {
					t.Errorf("sent %d bytes, %v", sent, err)
				}
			})
			_ = near.Close()
			if got := <-received; !bytes.Equal(got, content) {
				t.Errorf("%d bytes arrived, or other ones", len(got))
			}
		})
	}
}

// smallReads reads little at a time.
type smallReads struct{ io.Reader }

func (r smallReads) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 1000)]) }

func TestInterruptedReadsGoOn(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 30_000)
	near, far := tcpPair(t)
	s := testSocket(near)
	go func() {
		_, _ = far.Write(content)
		_ = far.(*net.TCPConn).CloseWrite()
	}()
	interrupting(s, func() {
		if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes arrived, or other ones: %v", len(got), err)
		}
	})
}

// A deadline of the handler's is kept among the interruptions of the server's, and TLS's reach lowConn too.
func TestUserDeadlinesAreKept(t *testing.T) {
	near, far := tcpPair(t)
	s := testSocket(near)
	soon := time.Now().Add(50 * time.Millisecond)
	for _, set := range []func() error{
		func() error { return s.setUserDeadline(&soon, nil) },
		func() error { return s.low.SetReadDeadline(soon) },
		func() error { return s.low.SetDeadline(soon) },
	} {
		if err := set(); err != nil {
			t.Fatal(err)
		}
		interrupting(s, func() {
			if n, err := s.Read(make([]byte, 1)); n != 0 || !os.IsTimeout(err) || time.Now().Before(soon) {
				t.Errorf("Read returned %d, %v", n, err)
			}
		})
		s.clearUserDeadlines()
	}
	if err := s.setUserDeadline(nil, &soon); err != nil {
		t.Fatal(err)
	}
	interrupting(s, func() {
		if n, err := s.Write(make([]byte, 10<<20)); n == 10<<20 || !os.IsTimeout(err) {
			t.Errorf("Write returned %d, %v", n, err)
		}
	})
	s.clearUserDeadlines()
	go func() { _, _ = io.Copy(io.Discard, far) }()
	if _, err := s.Write(make([]byte, 100_000)); err != nil {
		t.Errorf("after the deadline was cleared: %v", err)
	}
}

func TestRewindOfWhatCannotBe(t *testing.T) {
	if err := rewind(&io.LimitedReader{R: io.MultiReader(), N: 3}, 3); err != nil {
		t.Errorf("nothing to take back: %v", err)
	}
	if err := rewind(&io.LimitedReader{R: io.MultiReader(), N: 3}, 5); err == nil {
		t.Error("a reader without Seek was rewound")
	}
}

func TestAllowance(t *testing.T) {
	last := int64(0)
	for _, n := range []int64{0, 1, 240, 2400, 1 << 20, 10 << 30, 1 << 40, 1 << 50, 1<<63 - 1} {
		a := allowance(n)
		if a < last {
			t.Errorf("%d bytes may take %d ns, less than fewer ones", n, a)
		}
		last = a
	}
	if a := time.Duration(allowance(0)); a != 5*time.Second {
		t.Errorf("nothing may take %v", a)
	}
	if a := time.Duration(allowance(2400)); a != 15*time.Second {
		t.Errorf("2400 bytes may take %v", a)
	}
}

// A process that was stopped finds its clients no later than it left them.
func TestCoarseClockSleepsWithTheProcess(t *testing.T) {
	var c coarseClock
	c.renew()
	before := c.coarse()
	c.last -= int64(time.Hour) // as if the last tick were an hour ago
	if d := time.Duration(c.renew() - before); d != maxTick {
		t.Errorf("an hour without a tick counts %v, want %v", d, maxTick)
	}
	if d := time.Duration(c.renew() - c.coarse()); d != 0 {
		t.Errorf("renew returned something else than coarse: %v", d)
	}
}
