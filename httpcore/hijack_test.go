package httpcore_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

const (
	upgrade   = "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
)

// hijack takes the connection over and leaves it to f.
func hijack(t *testing.T, f func(net.Conn, *bufio.ReadWriter)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		f(conn, rw)
	}
}

// echoAfterSwitching answers 101 by itself and then echoes until the client has sent all.
func echoAfterSwitching(conn net.Conn, rw *bufio.ReadWriter) {
	defer conn.Close()
	_, _ = io.WriteString(conn, switching)
	_, _ = io.Copy(conn, rw)
}

// switched reads the answer to upgrade.
func (c *client) switched() {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, &http.Request{Method: "GET"})
	if err != nil || res.StatusCode != 101 {
		c.t.Fatalf("got %+v, %v", res, err)
	}
}

func TestHijack(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: hijack(t, echoAfterSwitching)})
		c := s.dial().send(upgrade)
		c.switched()
		for range 3 {
			c.send("hello")
			if b, err := c.r.Peek(5); string(b) != "hello" {
				t.Fatalf("got %q, %v", b, err)
			}
			_, _ = c.r.Discard(5)
		}
		c.closeWrite()
		c.eof()

		events := s.closed()
		want := "ConnectionOpened RequestStarted StreamOpened StreamClosed ResponseCompleted ConnectionCompleted"
		if got := lifecycletest.Names(events); got != want {
			t.Errorf("events\n%s, want\n%s", got, want)
		}
		if !only[*lifecycle.StreamOpened](t, events).Upgraded {
			t.Error("StreamOpened does not tell that the connection was taken over")
		}
		o := only[*lifecycle.ResponseCompleted](t, events)
		if o.Status != 101 || o.BytesSent != 15 || o.BytesReceived != 15 || !o.Streaming || o.HeadBytes != int64(len(switching)) {
			t.Errorf("got %+v", o)
		}
		if got := o.ResponseFields.Get("upgrade"); got != "echo" {
			t.Errorf("Upgrade: %q", got)
		}
		if end := only[*lifecycle.ConnectionCompleted](t, events); end.Reason != lifecycle.ReasonUpgrade || end.TotalBytesSent != 15 {
			t.Errorf("got %+v", end)
		}
	})
}

// E28: whatever came with the head is in the reader's buffer, however much it is.
func TestHijackDeliversWhatWasBuffered(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, size := range []int{1, 100, 4000, 20_000} {
			early := strings.Repeat("e", size)
			s := start(t, &httpcore.Server{Engine: e, Handler: hijack(t, func(conn net.Conn, rw *bufio.ReadWriter) {
				defer conn.Close()
				buffered, _ := rw.Peek(rw.Reader.Buffered())
				rest, err := io.ReadAll(conn)
				if got := string(buffered) + string(rest); got != early || err != nil {
					t.Errorf("got %d bytes, %v, want %d", len(got), err, size)
				}
			})})
			c := s.dial().send(upgrade + early)
			c.closeWrite()
			c.eof()
			if o := only[*lifecycle.ResponseCompleted](t, s.closed()); o.BytesReceived != int64(size) || o.Status != 0 {
				t.Errorf("got %+v", o)
			}
		}
	})
}

func TestHijackAfterWriteHeader(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "echo")
			w.WriteHeader(http.StatusSwitchingProtocols)
			hijack(t, func(conn net.Conn, rw *bufio.ReadWriter) {
				_, _ = io.Copy(conn, rw)
				_ = conn.Close()
			})(w, r)
		})})
		c := s.dial().send(upgrade)
		res, err := http.ReadResponse(c.r, nil)
		if err != nil || res.StatusCode != 101 || res.Header.Get("Connection") != "Upgrade" || res.Header.Get("Content-Length") != "" || res.TransferEncoding != nil {
			t.Fatalf("got %+v, %v", res, err)
		}
		c.send("hello").closeWrite()
		if b, err := io.ReadAll(c.r); string(b) != "hello" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		if o := only[*lifecycle.ResponseCompleted](t, s.closed()); o.Status != 101 || o.BytesSent != 5 || o.BytesReceived != 5 {
			t.Errorf("got %+v", o)
		}
	})
}

// A successful CONNECT opens a tunnel: its head says nothing about the length of what follows.
func TestTunnel(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			hijack(t, func(conn net.Conn, rw *bufio.ReadWriter) {
				_, _ = io.Copy(conn, rw)
				_ = conn.Close()
			})(w, r)
		})})
		c := s.dial().send("CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n")
		line, _ := c.r.ReadString('\n')
		header, err := textproto.NewReader(c.r).ReadMIMEHeader()
		if line != "HTTP/1.1 200 OK\r\n" || len(header) != 1 || header.Get("Date") == "" || err != nil {
			t.Fatalf("got %q %v, %v", line, header, err)
		}
		c.send("hello").closeWrite()
		if b, err := io.ReadAll(c.r); string(b) != "hello" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
	})
}

// Without Hijack, nothing can follow a 101.
func TestSwitchingWithoutHijack(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: withLast(status(101))})
		if said := converse(t, s.addr, upgrade, "GET"); len(said.Answers) != 1 || said.Answers[0].Status != 101 || said.Open {
			t.Errorf("got %+v", said)
		}
	})
}

// The request lasts until the connection is closed, which may be long after the handler has returned.
func TestHijackedConnectionOutlivesItsHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		conns := make(chan net.Conn, 1)
		s := start(t, &httpcore.Server{Engine: e, Handler: hijack(t, func(conn net.Conn, _ *bufio.ReadWriter) { conns <- conn })})
		c := s.dial().send(upgrade)
		conn := <-conns
		if err := s.Shutdown(context.Background()); err != nil { // which does not wait for it
			t.Fatal(err)
		}
		if got := lifecycletest.Names(s.rec.Events()); got != "ConnectionOpened RequestStarted StreamOpened" {
			t.Errorf("before Close: %s", got)
		}
		_, _ = io.WriteString(conn, switching+"bye")
		_, _ = conn.Close(), conn.Close()
		c.switched()
		if b, err := io.ReadAll(c.r); string(b) != "bye" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		if o := only[*lifecycle.ResponseCompleted](t, s.closed()); o.Status != 101 || o.BytesSent != 3 {
			t.Errorf("got %+v", o)
		}
	})
}

func TestResponseAfterHijack(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		kept := make(chan http.ResponseWriter, 1)
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			kept <- w
			if r.URL.Path != "/hijack" {
				return
			}
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			done := r.Context().Done() // must not read from the connection, which is the handler's
			_, again, hijacked := second(w)
			_, body := r.Body.Read(make([]byte, 1))
			w.WriteHeader(500)
			_, write := w.Write([]byte("x"))
			rc := http.NewResponseController(w)
			for _, err := range []error{again, write, rc.Flush(), rc.SetReadDeadline(past), rc.SetWriteDeadline(past)} {
				if !errors.Is(err, http.ErrHijacked) {
					t.Errorf("got %v", err)
				}
			}
			if hijacked || !errors.Is(body, http.ErrBodyReadAfterClose) {
				t.Errorf("got %v, %v", hijacked, body)
			}
			echoAfterSwitching(conn, rw)
			select {
			case <-done:
				t.Error("the context ended before the handler")
			default:
			}
		})})
		c := s.dial().send("POST /hijack HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n")
		c.switched()
		c.send("hello").closeWrite()
		if b, err := io.ReadAll(c.r); string(b) != "hello" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		<-kept
		s.dial().send(get("/")).recv("GET")
		if _, err, _ := second(<-kept); err == nil || errors.Is(err, http.ErrHijacked) {
			t.Errorf("Hijack after the handler returned %v", err)
		}
	})
}

// second hijacks again.
func second(w http.ResponseWriter) (net.Conn, error, bool) {
	conn, _, err := w.(http.Hijacker).Hijack()
	return conn, err, conn != nil
}

// Deadlines are the handler's own from then on, also under TLS.
func TestDeadlinesOfAHijackedConnection(t *testing.T) {
	cert := newCertificate(t)
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, secure := range []bool{false, true} {
			s := &httpcore.Server{Engine: e, TLSConfig: cert.server(), Handler: hijack(t, func(conn net.Conn, _ *bufio.ReadWriter) {
				defer conn.Close()
				if err := conn.SetReadDeadline(past); err != nil {
					t.Error(err)
				}
				if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("secure %v: Read returned %v", secure, err)
				}
				_, _ = io.WriteString(conn, switching)
				if err := conn.SetWriteDeadline(past); err != nil {
					t.Error(err)
				}
				if _, err := conn.Write(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("secure %v: Write returned %v", secure, err)
				}
			})}
			var nc net.Conn
			if secure {
				nc = tls.Client(startTLS(t, s).dial().Conn, cert.client())
			} else {
				nc = start(t, s).dial().Conn
			}
			c := &client{Conn: nc, t: t, r: bufio.NewReader(nc)}
			c.send(upgrade).switched()
		}
	})
}

func TestHijackedHandlerPanics(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: hijack(t, func(conn net.Conn, _ *bufio.ReadWriter) {
			defer conn.Close()
			_, _ = io.WriteString(conn, switching)
			panic("no")
		})})
		c := s.dial().send(upgrade)
		c.switched()
		c.eof()
		events := s.closed()
		if f := only[*lifecycle.RequestFailed](t, events); f.Code != "handler_panic" || f.Status != 101 || !f.Streaming {
			t.Errorf("got %+v", f)
		}
		if end := only[*lifecycle.ConnectionCompleted](t, events); end.Reason != lifecycle.ReasonError {
			t.Errorf("the connection ended for %q", end.Reason)
		}
	})
}

// Copies between a hijacked connection and others are counted whichever way they go.
func TestHijackedConnectionCountsCopies(t *testing.T) {
	const size = 1 << 20
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: hijack(t, func(conn net.Conn, _ *bufio.ReadWriter) {
			defer conn.Close()
			_, _ = fmt.Fprint(conn, switching)
			if n, err := conn.(io.ReaderFrom).ReadFrom(bytes.NewReader(make([]byte, size))); n != size || err != nil {
				t.Errorf("ReadFrom returned %d, %v", n, err)
			}
			_ = conn.(interface{ CloseWrite() error }).CloseWrite()
			if n, err := io.Copy(io.Discard, conn); n != 2*size || err != nil {
				t.Errorf("Copy returned %d, %v", n, err)
			}
		})})
		c := s.dial().send(upgrade)
		c.switched()
		if n, err := io.Copy(io.Discard, c.r); n != size || err != nil {
			t.Errorf("got %d bytes, %v", n, err)
		}
		c.send(strings.Repeat("x", 2*size)).closeWrite()
		if o := only[*lifecycle.ResponseCompleted](t, s.closed()); o.BytesSent != size || o.BytesReceived != 2*size {
			t.Errorf("sent %d, received %d", o.BytesSent, o.BytesReceived)
		}
	})
}
