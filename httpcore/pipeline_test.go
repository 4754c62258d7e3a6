package httpcore_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// mixed is a server whose paths say who answers, and how.
func mixed() *httpcore.Server {
	return &httpcore.Server{
		Sync: httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
			if !strings.HasPrefix(r.Path(), "/sync") {
				return false
			}
			w.SetHeader("Content-Type", "text/plain")
			w.SetBodyString(r.Path() + "?" + r.Query() + " " + string(r.Body()))
			return true
		}),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/unread") {
				_, _ = io.WriteString(w, r.RequestURI+" ")
				return
			}
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, r.RequestURI+" ")
			if strings.HasPrefix(r.URL.Path, "/stream") {
				w.(http.Flusher).Flush()
			}
			_, _ = w.Write(b)
		}),
	}
}

// mix makes n requests for mixed, and what their responses must be.
func mix(r *rand.Rand, n int) (requests string, want []string) {
	var all strings.Builder
	for i := range n {
		kind := []string{"sync", "sync", "handler", "stream", "unread"}[r.IntN(5)]
		target := fmt.Sprintf("/%s%d?%s", kind, i, strings.Repeat("q", r.IntN(50)))
		body := strings.Repeat(string(rune('a'+i%26)), []int{0, 0, 1, 100, 3000, 10_000}[r.IntN(6)])
		chunked := r.IntN(4) == 0
		// A method that the server has no constant for: what telemetry says of it is a view of the connection's buffer.
		fmt.Fprintf(&all, "PUBLISH %s HTTP/1.1\r\nHost: test\r\n", target)
		switch {
		case chunked && kind != "sync":
			all.WriteString("Transfer-Encoding: chunked\r\n\r\n")
			if body != "" {
				fmt.Fprintf(&all, "%x\r\n%s\r\n", len(body), body)
			}
			all.WriteString("0\r\n\r\n")
		case body != "":
			fmt.Fprintf(&all, "Content-Length: %d\r\n\r\n%s", len(body), body)
		default:
			all.WriteString("\r\n")
		}
		if kind == "unread" {
			body = ""
		}
		want = append(want, target+" "+body)
	}
	return all.String(), want
}

// Whoever answers, and however the bytes arrive, responses keep their order and events their requests.
func TestPipelineOfEverything(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range 20 {
		inBubble(t, mixed(), func(b bubble) {
			random := rand.New(rand.NewPCG(seed, uint64(round)))
			requests, want := mix(random, 100)
			c := b.dialWindow(1000 + random.IntN(100_000))
			go func() {
				for rest := requests; rest != ""; {
					n := min(1+random.IntN(20_000), len(rest))
					if random.IntN(3) == 0 {
						n = min(1+random.IntN(50), len(rest))
						time.Sleep(time.Millisecond)
					}
					if _, err := io.WriteString(c.Conn, rest[:n]); err != nil {
						return
					}
					rest = rest[n:]
				}
			}()
			for i, w := range want {
				if r := c.recv("PUBLISH"); r.StatusCode != 200 || r.body != w {
					b.t.Fatalf("response %d: %s %.200q, want %.200q", i, r.Status, r.body, w)
				}
			}
			events := b.rec.Events()
			started := lifecycletest.Of[*lifecycle.RequestStarted](events)
			completed := lifecycletest.Of[*lifecycle.ResponseCompleted](events)
			for i, w := range want {
				target, _, _ := strings.Cut(w, " ")
				if started[i].Method != "PUBLISH" || started[i].Target != target || started[i].Header("host") != "test" {
					b.t.Fatalf("RequestStarted %d is of %q %.100q, want %.100q", i, started[i].Method, started[i].Target, target)
				}
				if i < len(completed) && (completed[i].Method != "PUBLISH" || completed[i].Target != target || completed[i].Host != "test" || completed[i].Header("host") != "test") {
					b.t.Fatalf("ResponseCompleted %d is of %q %.100q, want %.100q", i, completed[i].Method, completed[i].Target, target)
				}
			}
		})
	}
}

// What is read ahead while a handler runs must not overwrite a request whose response is not sent yet.
func TestReadingAheadLeavesPipelinedRequestsAlone(t *testing.T) {
	s := mixed()
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Context().Done() // from now on it is read ahead
		time.Sleep(time.Second)
		hello(w, r)
	})
	inBubble(t, s, func(b bubble) {
		c := b.dial().send("PUBLISH /sync HTTP/1.1\r\nHost: a\r\n\r\nPUBLISH / HTTP/1.1\r\nHost: a\r\n\r\n")
		synctest.Wait()
		c.send("xUT /sync HTTP/1.1\r\nHost: a\r\n\r\n")
		for range 3 {
			c.recv("PUBLISH")
		}
		for i, e := range lifecycletest.Of[*lifecycle.ResponseCompleted](b.rec.Events()) {
			if want := []string{"PUBLISH", "PUBLISH", "xUT"}[i]; e.Method != want {
				b.t.Errorf("ResponseCompleted %d is of %s, want %s", i, e.Method, want)
			}
		}
	})
}

// The responses before an error arrive, then the error, and what is behind it is never looked at.
func TestPipelineUpToAnError(t *testing.T) {
	for name, c := range map[string]struct {
		bad, code string
		status    int
	}{
		"bad head":  {"GET / HTTP/1.1\nHost: a\r\n\r\n", "invalid_request_line", 400},
		"bad chunk": {post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", "invalid_chunked_body", 400},
		"too large": {post + "Content-Length: 1000000000\r\n\r\n", "max_request_body_size_exceeded", 413},
	} {
		t.Run(name, func(t *testing.T) {
			var handled atomic.Int32
			s := handler(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					handled.Add(1)
					hello(w, r)
				}
			})
			inBubble(t, s, func(b bubble) {
				one := b.dial().send(strings.Repeat(get("/"), 5) + c.bad + strings.Repeat(get("/smuggled"), 5))
				for range 5 {
					if r := one.recv("GET"); r.StatusCode != 200 || r.Close {
						b.t.Errorf("got %s, close %v", r.Status, r.Close)
					}
				}
				one.wantRefusal(c.status, c.code)
				one.eof()
				if n := handled.Load(); n != 5 {
					b.t.Errorf("%d requests were handled", n)
				}
			})
		})
	}
}

// Responses of a batch leave in one write, so that a client gets them in one piece.
func TestPipelinedResponsesLeaveTogether(t *testing.T) {
	for name, collector := range map[string]lifecycle.Collector{"traced": lifecycle.CollectorFunc(func(lifecycle.Event) {}), "untraced": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				enterBubble(t)
				l := &countingListener{memoryListener: newMemoryListener()}
				s := &httpcore.Server{Handler: http.HandlerFunc(hello), Collector: collector, ErrorLog: discard}
				go func() { _ = s.Serve(l) }()
				b := bubble{&site{Server: s, t: t}, l.memoryListener}
				c := b.dial().send(strings.Repeat(get("/"), 32))
				for range 32 {
					c.recv("GET")
				}
				if n := l.writes.Load(); n != 1 {
					t.Errorf("32 responses left in %d writes, want 1", n)
				}
				_ = s.Close()
			})
		})
	}
}

// countingListener counts the writes to its connections.
type countingListener struct {
	*memoryListener
	writes atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.memoryListener.Accept()
	if err != nil {
		return nil, err
	}
	return &countingConn{c, &l.writes}, nil
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c *countingConn) Write(p []byte) (int, error) { c.writes.Add(1); return c.Conn.Write(p) }

// A response does not wait for a slow handler behind it, whether anybody listens to the events or not.
func TestPipelinedResponseDoesNotWaitForSlowHandlers(t *testing.T) {
	for name, collector := range map[string]lifecycle.Collector{"traced": lifecycle.CollectorFunc(func(lifecycle.Event) {}), "untraced": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				enterBubble(t)
				l := newMemoryListener()
				s := handler(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(time.Second)
					hello(w, r)
				})
				s.Collector, s.ErrorLog = collector, discard
				go func() { _ = s.Serve(l) }()
				b := bubble{&site{Server: s, t: t}, l}
				c := b.dial().send(strings.Repeat(get("/"), 10))
				start := time.Now()
				for i := range 10 {
					c.recv("GET")
					if d := time.Since(start); d != time.Duration(i+1)*time.Second {
						t.Errorf("response %d came after %v", i, d)
					}
				}
				_ = s.Close()
			})
		})
	}
}

// The timer that sends what waits for a slow handler runs on from one handler to the next, and from one batch to the next.
func TestHeldResponsesWaitAMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		l := newMemoryListener()
		s := handler(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				time.Sleep(time.Second)
			}
			hello(w, r)
		})
		s.ErrorLog = discard
		go func() { _ = s.Serve(l) }()
		c := bubble{&site{Server: s, t: t}, l}.dial()
		for round, pause := range []time.Duration{0, 500 * time.Microsecond, time.Millisecond, 1500 * time.Microsecond, time.Minute} {
			c.send(get("/") + get("/")) // starts the timer
			c.recv("GET")
			c.recv("GET")
			time.Sleep(pause)
			start := time.Now()
			c.send(get("/") + get("/slow"))
			c.recv("GET")
			if d := time.Since(start); d > time.Millisecond {
				t.Errorf("round %d: a response was held back for %v", round, d)
			}
			c.recv("GET")
			if d := time.Since(start); d != time.Second {
				t.Errorf("round %d: the slow response came after %v", round, d)
			}
		}
		_ = s.Close()
	})
}

func BenchmarkPipelined(b *testing.B) {
	for _, e := range engines {
		b.Run(e.String(), func(b *testing.B) {
			c := bare(b, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello), ErrorLog: discard})
			pipeline(b, c, 16)
		})
	}
}

// pipeline measures requests for hello, so many at a time.
func pipeline(b *testing.B, c net.Conn, batch int) {
	requests, answers := []byte(strings.Repeat(get("/"), batch)), make([]byte, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(requests); err != nil {
			b.Fatal(err)
		}
		for left := batch; left > 0; {
			n, err := c.Read(answers)
			if err != nil {
				b.Fatal(err)
			}
			left -= bytes.Count(answers[:n], []byte("!")) // each has one, at its end
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/request")
}

// E14: a client that sends requests and reads no response is not served without end: the memory that it takes is bounded
// (see also TestPipelinedFloodThatIsNeverRead).
func TestPipelinedFloodTakesBoundedMemory(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		var handled atomic.Int64
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handled.Add(1)
			large(10_000)(w, r)
		})})
		before := heap()
		flood := []byte(strings.Repeat(get("/"), 10_000))
		for range 5 {
			c := s.dial()
			_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			for {
				if _, err := c.Write(flood); err != nil {
					break
				}
			}
		}
		if grown := int64(heap()) - int64(before); grown > 5<<20 {
			t.Errorf("5 floods took %d MiB, after %d requests", grown>>20, handled.Load())
		}
		runtime.KeepAlive(flood)
	})
}

// heap is the live memory of this process.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
