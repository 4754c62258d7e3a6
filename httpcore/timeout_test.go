package httpcore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// All of this file runs in virtual time, with the defaults: 10 s, 30 s, 30 s, 75 s.

// precision is how much later than it should a timeout may act: two ticks of the server.
const precision = 200 * time.Millisecond

// took checks that what began at start took as long as want, not less and hardly more.
func took(t testing.TB, start time.Time, want time.Duration) {
	t.Helper()
	if d := time.Since(start); d < want || d > want+precision {
		t.Errorf("it took %v, want %v to %v", d, want, want+precision)
	}
}

// trickle sends one byte at a time until the connection ends; in a goroutine of its own. It does so between the ticks of the
// server: what would come at the same moment as one would be counted to the time before it or after it, as it happens.
func (c *client) trickle(data string, every time.Duration) {
	go func() {
		time.Sleep(every / 2)
		for {
			for i := range len(data) {
				if _, err := io.WriteString(c.Conn, data[i:i+1]); err != nil {
					return
				}
				time.Sleep(every)
			}
		}
	}()
}

// ended waits for all connections to end and returns the reason of the last, and the codes of the requests that failed.
func (b bubble) ended() (lifecycle.Reason, string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 24*time.Hour)
	defer cancel()
	events, err := b.rec.WaitFor(ctx, func(events []lifecycle.Event) bool {
		opened := len(lifecycletest.Of[*lifecycle.ConnectionOpened](events))
		return opened > 0 && opened == len(lifecycletest.Of[*lifecycle.ConnectionCompleted](events))
	})
	if err != nil {
		b.t.Fatal(err)
	}
	var codes []string
	for _, f := range lifecycletest.Of[*lifecycle.RequestFailed](events) {
		codes = append(codes, f.Code)
	}
	completed := lifecycletest.Of[*lifecycle.ConnectionCompleted](events)
	return completed[len(completed)-1].Reason, strings.Join(codes, " ")
}

// wantEnd checks what ended returns.
func (b bubble) wantEnd(reason lifecycle.Reason, codes string) {
	b.t.Helper()
	if r, c := b.ended(); r != reason || c != codes {
		b.t.Errorf("the connection ended for %q with failures %q, want %q and %q", r, c, reason, codes)
	}
}

// wantRefusal reads an answer of the server's own, the last of its connection.
func (c *client) wantRefusal(status int, code string) reply {
	c.t.Helper()
	r := c.recv("GET")
	if r.StatusCode != status || r.Header.Get("X-Wirespan-Error") != code || !r.Close {
		c.t.Errorf("got %s %q, close %v; want %d %q", r.Status, r.Header.Get("X-Wirespan-Error"), r.Close, status, code)
	}
	return r
}

func serveHello() *httpcore.Server { return handler(hello) }

// readAll is a handler that says what it could read.
func readAll(w http.ResponseWriter, r *http.Request) {
	if b, err := io.ReadAll(r.Body); err == nil {
		_, _ = w.Write(b)
	}
}

func TestIdleConnectionIsClosedSilently(t *testing.T) {
	inBubble(t, serveHello(), func(b bubble) {
		start := time.Now()
		b.dial().eof()
		took(t, start, 75*time.Second)
		b.wantEnd(lifecycle.ReasonTimeout, "")
	})
}

func TestIdleTimeoutBeginsAnewAfterEachResponse(t *testing.T) {
	inBubble(t, serveHello(), func(b bubble) {
		c := b.dial()
		for range 3 {
			time.Sleep(70 * time.Second)
			c.send(get("/")).recv("GET")
		}
		start := time.Now()
		c.eof()
		took(t, start, 75*time.Second)
		b.wantEnd(lifecycle.ReasonTimeout, "")
	})
}

func TestEmptyLinesAreNoRequest(t *testing.T) {
	inBubble(t, serveHello(), func(b bubble) {
		start := time.Now()
		c := b.dial()
		for range 3 {
			c.send("\r\n")
			time.Sleep(20 * time.Second)
		}
		c.eof()
		took(t, start, 75*time.Second)
		b.wantEnd(lifecycle.ReasonTimeout, "")
	})
}

func TestHeadTimeoutCountsFromItsFirstByte(t *testing.T) {
	for name, head := range map[string]string{"silence": "G", "after empty lines": "\r\n\r\nGET / HT", "half a line end": get("/")[:len(get("/"))-1]} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serveHello(), func(b bubble) {
				c := b.dial()
				time.Sleep(50 * time.Second)
				start := time.Now()
				c.send(head).wantRefusal(408, "request_headers_timeout")
				took(t, start, 10*time.Second)
				b.wantEnd(lifecycle.ReasonTimeout, "request_headers_timeout")
			})
		})
	}
}

func TestHeadTimeoutIsATotal(t *testing.T) {
	inBubble(t, serveHello(), func(b bubble) {
		c := b.dial()
		c.send(get("/")).recv("GET")
		start := time.Now()
		c.trickle("GET / HTTP/1.1\r\nHost: test\r\nX: "+strings.Repeat("x", 1000), 300*time.Millisecond)
		c.wantRefusal(408, "request_headers_timeout")
		took(t, start, 10*time.Second)
		b.wantEnd(lifecycle.ReasonTimeout, "request_headers_timeout")
	})
}

// The server cannot read while a handler runs: that time is not the next head's.
func TestHeadTimeoutOfAPipelinedHeadBeginsWithTheWait(t *testing.T) {
	slow := handler(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Minute)
		hello(w, r)
	})
	inBubble(t, slow, func(b bubble) {
		start := time.Now()
		c := b.dial().send(get("/") + "GET / HT")
		c.recv("GET")
		took(t, start, time.Minute)
		time.Sleep(9 * time.Second)
		c.send("TP/1.1\r\nHost: test\r\n\r\nGET")
		c.recv("GET")
		start = time.Now()
		c.wantRefusal(408, "request_headers_timeout")
		took(t, start, 10*time.Second)
	})
}

func TestTimeoutsMayBeShort(t *testing.T) {
	s := serveHello()
	s.IdleTimeout, s.ReadHeaderTimeout = 150*time.Millisecond, 150*time.Millisecond
	inBubble(t, s, func(b bubble) {
		for range 20 {
			time.Sleep(37 * time.Millisecond) // at any distance from the ticks
			start := time.Now()
			b.dial().eof()
			took(t, start, s.IdleTimeout)
			start = time.Now()
			b.dial().send("G").wantRefusal(408, "request_headers_timeout")
			took(t, start, s.ReadHeaderTimeout)
		}
	})
}

func TestNegativeTimeoutsAreNone(t *testing.T) {
	s := handler(readAll)
	s.IdleTimeout, s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout = -1, -1, -1, -1
	inBubble(t, s, func(b bubble) {
		c := b.dialWindow(10)
		for _, piece := range []string{"PO", "ST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", "a", "bc"} {
			time.Sleep(time.Hour)
			c.send(piece)
		}
		time.Sleep(time.Hour)
		if r := c.recv("POST"); r.body != "abc" {
			t.Errorf("got %s %q", r.Status, r.body)
		}
	})
}

const post = "POST / HTTP/1.1\r\nHost: test\r\n"

// chunk is a chunk of n bytes.
func chunk(n int) string { return fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("x", n)) }

func TestBodyWithoutProgress(t *testing.T) {
	for _, c := range []struct {
		name, request string
		after         time.Duration
		code          string
	}{
		{"nothing of it", post + "Content-Length: 100\r\n\r\n", 5 * time.Second, "min_request_body_data_rate"},
		{"a few bytes", post + "Content-Length: 100\r\n\r\nabc", 5 * time.Second, "min_request_body_data_rate"},
		{"240 bytes", post + "Content-Length: 1000\r\n\r\n" + strings.Repeat("x", 240), 6 * time.Second, "min_request_body_data_rate"},
		{"much, and then nothing", post + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000), 30 * time.Second, "request_body_timeout"},
		{"chunks", post + "Transfer-Encoding: chunked\r\n\r\n" + chunk(50_000), 30 * time.Second, "request_body_timeout"},
		{"half a chunk line", post + "Transfer-Encoding: chunked\r\n\r\n1", 5 * time.Second, "min_request_body_data_rate"},
		{"no last chunk", post + "Transfer-Encoding: chunked\r\n\r\n" + chunk(3), 5 * time.Second, "min_request_body_data_rate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, handler(readAll), func(b bubble) {
				start := time.Now()
				b.dial().send(c.request).wantRefusal(408, c.code)
				took(t, start, c.after)
				b.wantEnd(lifecycle.ReasonTimeout, c.code)
			})
		})
	}
}

// everyHandler is a Server with a Handler, and one with a SyncHandler, that give the body back.
func everyHandler(t *testing.T, f func(t *testing.T, s *httpcore.Server)) {
	t.Run("Handler", func(t *testing.T) { f(t, handler(readAll)) })
	t.Run("Sync", func(t *testing.T) {
		f(t, &httpcore.Server{Sync: httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
			w.SetBody(r.Body())
			return r.Header("Transfer-Encoding") == "" // with that there is no Body, and the Handler is asked
		}), Handler: http.HandlerFunc(readAll)})
	})
}

func TestBodyThatTrickles(t *testing.T) {
	everyHandler(t, func(t *testing.T, s *httpcore.Server) {
		inBubble(t, s, func(b bubble) {
			start := time.Now()
			c := b.dial().send(post + "Content-Length: 10000\r\n\r\n")
			c.trickle("x", 10*time.Millisecond) // 100 bytes a second: 5 s * 240 / (240 - 100)
			c.wantRefusal(408, "min_request_body_data_rate")
			took(t, start, 8*time.Second+500*time.Millisecond)
			b.wantEnd(lifecycle.ReasonTimeout, "min_request_body_data_rate")
		})
	})
}

func TestSlowButHonestBody(t *testing.T) {
	everyHandler(t, func(t *testing.T, s *httpcore.Server) {
		inBubble(t, s, func(b bubble) {
			c := b.dial().send(post + "Content-Length: 30000\r\n\r\n")
			for range 100 { // 300 bytes a second
				time.Sleep(time.Second)
				c.send(strings.Repeat("x", 300))
			}
			if r := c.recv("POST"); len(r.body) != 30_000 {
				t.Errorf("got %s with %d bytes", r.Status, len(r.body))
			}
		})
	})
}

// A handler that takes its time with the body does not make the client slow.
func TestBodyRateCountsOnlyTheWait(t *testing.T) {
	s := handler(func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 1)
		for {
			if _, err := io.ReadFull(r.Body, b); err != nil {
				return
			}
			time.Sleep(5 * time.Second)
		}
	})
	inBubble(t, s, func(b bubble) {
		c := b.dial().send(post + "Content-Length: 100\r\n\r\n" + strings.Repeat("x", 99))
		time.Sleep(99*5*time.Second + 2*time.Second)
		if r := c.send("x").recv("POST"); r.StatusCode != 200 {
			t.Errorf("got %s", r.Status)
		}
	})
}

// What a handler leaves of a body is drained under the same rules.
func TestUnreadBodyThatDoesNotCome(t *testing.T) {
	inBubble(t, serveHello(), func(b bubble) {
		start := time.Now()
		c := b.dial().send(post + "Content-Length: 100\r\n\r\nabc")
		if r := c.recv("POST"); r.StatusCode != 200 {
			t.Errorf("got %s", r.Status)
		}
		took(t, start, 0)
		c.eof()
		took(t, start, 5*time.Second)
		b.wantEnd(lifecycle.ReasonTimeout, "")
	})
}

// large is a handler whose response no buffer holds.
func large(size int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, size))
	}
}

func TestResponseThatNobodyReads(t *testing.T) {
	for name, s := range map[string]*httpcore.Server{
		"Handler": handler(large(1 << 20)),
		"Sync": {Sync: httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, _ *httpcore.SyncRequest) bool {
			w.SetBody(make([]byte, 1<<20))
			return true
		})},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, s, func(b bubble) {
				start := time.Now()
				c := b.dial().send(get("/"))
				b.wantEnd(lifecycle.ReasonTimeout, "response_timeout")
				// The interruption after the grace of 5 s finds the progress of the first moment.
				took(t, start, 35*time.Second)
				_ = c.Close()
			})
		})
	}
}

func TestResponseThatIsReadTooSlowly(t *testing.T) {
	inBubble(t, handler(large(1<<20)), func(b bubble) {
		c := b.dialWindow(100).send(get("/"))
		one := make([]byte, 1)
		var err error
		start := time.Now()
		for err == nil {
			time.Sleep(10 * time.Millisecond) // 100 bytes a second
			_, err = c.Read(one)
			if time.Since(start) > time.Minute {
				t.Fatal("a client that reads 100 bytes a second is served for a minute")
			}
		}
		b.wantEnd(lifecycle.ReasonBackpressure, "min_response_data_rate")
	})
}

func TestResponseThatIsReadSlowlyButHonestly(t *testing.T) {
	inBubble(t, handler(large(60_000)), func(b bubble) {
		c := b.dialWindow(100).send(get("/"))
		start := time.Now()
		c.r = bufio.NewReaderSize(&slowReader{c.Conn}, 16)
		if r := c.recv("GET"); len(r.body) != 60_000 {
			t.Errorf("got %s with %d bytes", r.Status, len(r.body))
		}
		if d := time.Since(start); d < time.Minute {
			t.Errorf("that took %v only", d)
		}
	})
}

// slowReader reads 1000 bytes a second.
type slowReader struct{ io.Reader }

func (r *slowReader) Read(p []byte) (int, error) {
	time.Sleep(10 * time.Millisecond)
	return r.Reader.Read(p[:min(len(p), 10)])
}

func TestPipelinedFloodThatIsNeverRead(t *testing.T) {
	inBubble(t, serveHello(), func(b bubble) {
		c := b.dialWindow(4096)
		start := time.Now()
		flood := strings.Repeat(get("/"), 1000)
		for {
			if _, err := io.WriteString(c.Conn, flood); err != nil {
				break
			}
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("it took %v", d)
		}
		reason, _ := b.ended()
		if reason != lifecycle.ReasonTimeout && reason != lifecycle.ReasonBackpressure {
			t.Errorf("the connection ended for %q", reason)
		}
	})
}

func TestSlowHandshake(t *testing.T) {
	cert := newCertificate(t)
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		rec := new(lifecycletest.Recorder)
		l := newMemoryListener()
		s := &httpcore.Server{Collector: rec, ErrorLog: discard, TLSConfig: cert.server()}
		served := make(chan error, 1)
		go func() { served <- s.ServeTLS(l, "", "") }()
		start := time.Now()
		c := l.connect(window)
		if _, err := c.Write([]byte{22, 3, 1, 1, 0}); err != nil { // the head of a record that does not come
			t.Fatal(err)
		}
		if b, err := io.ReadAll(c); len(b) > 0 {
			t.Errorf("read %q, %v", b, err)
		}
		took(t, start, 10*time.Second)
		events, err := rec.WaitFor(t.Context(), lifecycletest.AtLeast[*lifecycle.TLSHandshakeFailed](1))
		if err != nil {
			t.Fatal(err)
		}
		f := events[0].(*lifecycle.TLSHandshakeFailed)
		if ne, ok := f.Err.(net.Error); !ok || !ne.Timeout() {
			t.Errorf("the handshake failed with %v, want a timeout", f.Err)
		}
		_ = s.Close()
		if err := <-served; err != httpcore.ErrServerClosed {
			t.Error(err)
		}
	})
}
