package httpcore_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"go.uber.org/goleak"
)

// E32: no goroutine is left when all is closed.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	if child := children[os.Getenv(childVariable)]; child != nil {
		child()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// engines are the engines that every test of the server runs on.
var engines = []httpcore.Engine{httpcore.EngineGoroutine, httpcore.EngineEpoll}

// onEngines runs f once for each engine.
func onEngines(t *testing.T, f func(t *testing.T, e httpcore.Engine)) {
	for _, e := range engines {
		t.Run(e.String(), func(t *testing.T) { f(t, e) })
	}
}

// site is a server under test and what it has reported.
type site struct {
	*httpcore.Server
	t    testing.TB
	addr string
	rec  *lifecycletest.Recorder
}

// start serves on a free port until the end of the test, and then checks the invariants of all that was reported.
func start(t testing.TB, s *httpcore.Server) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, s, l)
}

func startOn(t testing.TB, s *httpcore.Server, l net.Listener) *site {
	t.Helper()
	return startWith(t, s, l, s.Serve)
}

func startWith(t testing.TB, s *httpcore.Server, l net.Listener, serve func(net.Listener) error) *site {
	t.Helper()
	rec := new(lifecycletest.Recorder)
	s.Collector = lifecycle.Tee(rec, s.Collector)
	if s.ErrorLog == nil {
		s.ErrorLog = log.New(io.Discard, "", 0)
	}
	served := make(chan error, 1)
	go func() { served <- serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-served; err != httpcore.ErrServerClosed {
			t.Errorf("Serve returned %v, want ErrServerClosed", err)
		}
		waitClosed(t, rec)
		if err := lifecycletest.CheckInvariants(rec.Events()); err != nil {
			t.Error(err)
		}
	})
	return &site{Server: s, t: t, addr: l.Addr().String(), rec: rec}
}

// waitClosed waits until every connection that was opened is completed.
func waitClosed(t testing.TB, rec *lifecycletest.Recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := rec.WaitFor(ctx, func(events []lifecycle.Event) bool {
		return len(lifecycletest.Of[*lifecycle.ConnectionOpened](events)) == len(lifecycletest.Of[*lifecycle.ConnectionCompleted](events))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dial connects to the site.
func (s *site) dial() *client {
	s.t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{Conn: nc, t: s.t, r: bufio.NewReader(nc)}
}

// client is a raw connection.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (c *client) send(s string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, s); err != nil {
		c.t.Fatal(err)
	}
	return c
}

// reply is a response read whole.
type reply struct {
	*http.Response
	body string
}

// recv reads one response to a request with this method.
func (c *client) recv(method string) reply {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("no response: %v", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("the body of %s: %v", res.Status, err)
	}
	return reply{res, string(body)}
}

// eof checks that the server closes the connection, cleanly, without another byte.
func (c *client) eof() {
	c.t.Helper()
	if b, err := io.ReadAll(c.r); err != nil || len(b) > 0 {
		c.t.Fatalf("the connection ended with %q and %v, want a clean end", b, err)
	}
}

// eofOrReset checks that the server closes the connection without another byte, if only by a reset.
func (c *client) eofOrReset() {
	c.t.Helper()
	if b, _ := io.ReadAll(c.r); len(b) > 0 {
		c.t.Fatalf("the connection ended with %q, want nothing", b)
	}
}

func (c *client) closeWrite() {
	c.t.Helper()
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

// reset closes with a RST.
func (c *client) reset() {
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	_ = c.Conn.Close()
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n" }

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Hello, World!") }

func handler(f http.HandlerFunc) *httpcore.Server { return &httpcore.Server{Handler: f} }

// openFiles counts the descriptors of this process.
func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd on this system: descriptors cannot be counted")
	}
	return len(entries)
}
