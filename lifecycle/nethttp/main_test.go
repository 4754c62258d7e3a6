package nethttp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/nethttp"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

var discard = log.New(io.Discard, "", 0)

// site is a server under test and what it has reported.
type site struct {
	*nethttp.Server
	t    testing.TB
	addr string
	rec  *lifecycletest.Recorder
}

// start serves on a free port until the end of the test, and then checks the invariants of all that was reported.
func start(t testing.TB, server *http.Server, also ...lifecycle.Collector) *site {
	t.Helper()
	return startWith(t, server, (*nethttp.Server).Serve, also...)
}

// startTLS is start with TLS, for clients that trust pool.
func startTLS(t testing.TB, server *http.Server, also ...lifecycle.Collector) (s *site, pool *x509.CertPool) {
	t.Helper()
	certificate, pool := certificate()
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	serve := func(s *nethttp.Server, l net.Listener) error { return s.ServeTLS(l, "", "") }
	return startWith(t, server, serve, also...), pool
}

// certificate returns one for example.com, and who trusts it.
func certificate() (tls.Certificate, *x509.CertPool) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}

func startWith(t testing.TB, server *http.Server, serve func(*nethttp.Server, net.Listener) error, also ...lifecycle.Collector) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if server.ErrorLog == nil {
		server.ErrorLog = discard
	}
	rec := new(lifecycletest.Recorder)
	s := nethttp.Attach(server, lifecycle.Tee(append([]lifecycle.Collector{rec}, also...)...))
	served := make(chan error, 1)
	go func() { served <- serve(s, l) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("Serve returned %v, want ErrServerClosed", err)
		}
		waitClosed(t, rec)
		if err := lifecycletest.CheckInvariants(rec.Events()); err != nil {
			t.Error(err)
		}
	})
	return &site{Server: s, t: t, addr: l.Addr().String(), rec: rec}
}

// wait returns the events as soon as done reports true for them.
func (s *site) wait(done func([]lifecycle.Event) bool) []lifecycle.Event {
	s.t.Helper()
	return wait(s.t, s.rec, done)
}

func wait(t testing.TB, rec *lifecycletest.Recorder, done func([]lifecycle.Event) bool) []lifecycle.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	events, err := rec.WaitFor(ctx, done)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// waitClosed waits until every connection that was opened is completed.
func waitClosed(t testing.TB, rec *lifecycletest.Recorder) []lifecycle.Event {
	t.Helper()
	return wait(t, rec, func(events []lifecycle.Event) bool {
		return len(lifecycletest.Of[*lifecycle.ConnectionOpened](events)) == len(lifecycletest.Of[*lifecycle.ConnectionCompleted](events))
	})
}

// only returns the one event of type T among events.
func only[T lifecycle.Event](t testing.TB, events []lifecycle.Event) T {
	t.Helper()
	of := lifecycletest.Of[T](events)
	if len(of) != 1 {
		t.Fatalf("there are %d events of type %T in %s", len(of), *new(T), lifecycletest.Names(events))
	}
	return of[0]
}

// client is a raw connection.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, nc)
}

func newClient(t testing.TB, nc net.Conn) *client {
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	return &client{Conn: nc, t: t, r: bufio.NewReader(nc)}
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

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n" }
