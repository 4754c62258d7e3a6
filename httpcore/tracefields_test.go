package httpcore_test

import (
	"bufio"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// tracing is a collector that gives each request a span of its own.
var tracing = lifecycle.CollectorFunc(func(e lifecycle.Event) {
	if started, ok := e.(*lifecycle.RequestStarted); ok {
		started.Trace = lifecycle.TraceContext{TraceID: [16]byte{0xab, 15: byte(started.Index)}, SpanID: [8]byte{7: 0xcd}, Flags: 3}
	}
})

// telling returns s with all the fields by which a response tells about its request.
func telling(s *httpcore.Server) *httpcore.Server {
	s.ServerTiming, s.TraceResponse, s.RequestIDs = true, true, true
	return s
}

// serving returns a server whose Handler is f, and one whose SyncHandler does the same.
func serving(f http.HandlerFunc, sync syncFunc) map[string]*httpcore.Server {
	return map[string]*httpcore.Server{
		"Handler":     {Handler: f},
		"SyncHandler": {Sync: httpcore.SyncHandlerFunc(sync)},
	}
}

// onBoth runs f on each engine with each of the servers that make returns.
func onBoth(t *testing.T, make func() map[string]*httpcore.Server, f func(t *testing.T, s *site)) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for name, server := range make() {
			t.Run(name, func(t *testing.T) {
				server.Engine = e
				f(t, start(t, server))
			})
		}
	})
}

func helloSync(w *httpcore.SyncResponse, _ *httpcore.SyncRequest) bool {
	w.SetBodyString("Hello, World!")
	return true
}

// recvHead reads the bytes of a response's head.
func (c *client) recvHead() string {
	c.t.Helper()
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("%v after %q", err, head.String())
		}
		head.WriteString(line)
	}
	return head.String()
}

const anID = `[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`

// traceOf is the trace of the request with this index, as a span of tracing has it.
func traceOf(index int) string {
	return "ab" + strings.Repeat("0", 28) + hex.EncodeToString([]byte{byte(index)}) + "-00000000000000cd"
}

// timingOf matches the Server-Timing of that request when a handler was called.
func timingOf(index int) string {
	return `head;dur=\d+\.\d, queue;dur=\d+\.\d, handler;dur=\d+\.\d, traceparent;desc="00-` + traceOf(index) + `-01"`
}

// once checks that exactly one line of head is the field, with a value that matches pattern, and returns the value.
func once(t *testing.T, head, name, pattern string) string {
	t.Helper()
	lines := regexp.MustCompile(`(?im)^`+name+`: *(.*)\r$`).FindAllStringSubmatch(head, -1)
	if len(lines) != 1 || !regexp.MustCompile(`^(?:`+pattern+`)$`).MatchString(lines[0][1]) {
		t.Fatalf("want one %s like %s in\n%s", name, pattern, head)
	}
	return lines[0][1]
}

// Each response on a connection says which request it is the answer to, in bytes that every client can read.
func TestTraceFields(t *testing.T) {
	onBoth(t, func() map[string]*httpcore.Server {
		servers := serving(hello, helloSync)
		for _, s := range servers {
			telling(s).Collector = tracing
		}
		return servers
	}, func(t *testing.T, s *site) {
		c := s.dial()
		var ids []string
		for i := 1; i <= 3; i++ {
			head := c.send(get("/")).recvHead()
			ids = append(ids, once(t, head, "X-Request-ID", anID))
			once(t, head, "traceresponse", "00-"+traceOf(i)+"-03")
			once(t, head, "Server-Timing", timingOf(i))
			if !strings.Contains(head, "\r\nX-Request-ID: ") || !strings.Contains(head, "\r\ntraceresponse: ") {
				t.Errorf("the names are not as everybody writes them:\n%s", head)
			}
			if _, err := c.r.Discard(len("Hello, World!")); err != nil {
				t.Fatal(err)
			}
		}
		_ = c.Close()
		for i, o := range lifecycletest.Of[*lifecycle.ResponseCompleted](s.closed()) {
			if o.RequestID != ids[i] || o.ResponseFields.Get("X-Request-ID") != ids[i] || slices.Index(ids, ids[i]) != i {
				t.Errorf("request %d of %q is known to the collectors as %q", i+1, ids, o.RequestID)
			}
		}
	})
}

// What a handler sets is kept where there may be several, and gives way where there may be one.
func TestTraceFieldsOfTheHandler(t *testing.T) {
	set := func(add func(name, value string)) {
		add("X-Request-Id", "handler")
		add("x-request-ID", "handler")
		add("TraceResponse", "handler")
		add("Server-Timing", "db;dur=53")
		add("server-timing", "cache;desc=hit")
	}
	servers := func() map[string]*httpcore.Server {
		return serving(func(w http.ResponseWriter, _ *http.Request) {
			set(func(name, value string) { w.Header()[name] = append(w.Header()[name], value) })
		}, func(w *httpcore.SyncResponse, _ *httpcore.SyncRequest) bool {
			set(w.SetHeader)
			return true
		})
	}
	for _, c := range []struct {
		name        string
		configure   func(*httpcore.Server)
		ids, traces string
		timings     int
	}{
		{"all", func(s *httpcore.Server) { telling(s).Collector = tracing }, anID, "00-" + traceOf(1) + "-03", 3},
		{"all, without a span", func(s *httpcore.Server) { telling(s) }, anID, "handler", 3},
		{"nothing", func(s *httpcore.Server) { s.Collector = tracing }, "handler,handler", "handler", 2},
		{"the id only", func(s *httpcore.Server) { s.RequestIDs, s.Collector = true, tracing }, anID, "handler", 2},
		{"the span only", func(s *httpcore.Server) { s.TraceResponse, s.Collector = true, tracing }, "handler,handler", "00-" + traceOf(1) + "-03", 2},
		{"the times only", func(s *httpcore.Server) { s.ServerTiming, s.Collector = true, tracing }, "handler,handler", "handler", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			onBoth(t, func() map[string]*httpcore.Server {
				all := servers()
				for _, s := range all {
					c.configure(s)
				}
				return all
			}, func(t *testing.T, s *site) {
				h := s.dial().send(get("/")).recv("GET").Header
				for name, pattern := range map[string]string{"X-Request-Id": c.ids, "Traceresponse": c.traces} {
					if got := strings.Join(h[name], ","); !regexp.MustCompile(`^` + pattern + `$`).MatchString(got) {
						t.Errorf("%s is %q, want %s", name, got, pattern)
					}
				}
				timings := h["Server-Timing"]
				if len(timings) != c.timings || !slices.Contains(timings, "db;dur=53") || !slices.Contains(timings, "cache;desc=hit") {
					t.Errorf("Server-Timing is %q", timings)
				}
				if c.timings == 3 && !strings.HasPrefix(timings[2], "head;dur=") {
					t.Errorf("the last Server-Timing is %q", timings[2])
				}
			})
		})
	}
}

func TestTraceFieldsOfAllResponses(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, c := range []struct {
			name, request, method string
			handler               http.HandlerFunc
			status                int
		}{
			{"HEAD", head, "HEAD", hello, 200},
			{"204", get("/"), "GET", status(204), 204},
			{"304", get("/"), "GET", status(304), 304},
			{"nothing written", get("/"), "GET", func(http.ResponseWriter, *http.Request) {}, 200},
			{"HTTP/1.0", getHTTP10, "GET", hello, 200},
			{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", hello, 200},
			{"a body that is awaited", expecting, "POST", status(403), 403},
			{"a stream", get("/"), "GET", func(w http.ResponseWriter, _ *http.Request) {
				for range 3 {
					_, _ = io.WriteString(w, "part")
					w.(http.Flusher).Flush()
				}
			}, 200},
			{"a large body", get("/"), "GET", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(large100k) }, 200},
			{"a goroutine of the handler", get("/"), "GET", func(w http.ResponseWriter, _ *http.Request) {
				done := make(chan struct{})
				go func() { defer close(done); _, _ = w.Write(large100k) }()
				<-done
			}, 200},
		} {
			t.Run(c.name, func(t *testing.T) {
				s := start(t, telling(&httpcore.Server{Engine: e, Handler: c.handler, Collector: tracing}))
				r := s.dial().send(c.request).recv(c.method)
				h := r.Header
				if r.StatusCode != c.status || len(h["X-Request-Id"]) != 1 || len(h["Traceresponse"]) != 1 || len(h["Server-Timing"]) != 1 || len(r.Trailer) > 0 {
					t.Fatalf("got %s %v", r.Status, h)
				}
				if !regexp.MustCompile(`^` + timingOf(1) + `$`).MatchString(h.Get("Server-Timing")) {
					t.Errorf("Server-Timing is %q", h.Get("Server-Timing"))
				}
			})
		}
	})
}

// Informational responses, 101 among them, are sent as the handler has made them, and so is what it writes to a connection that
// it has taken over.
func TestTraceFieldsAreNotInformational(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, telling(&httpcore.Server{Engine: e, Collector: tracing, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/hints":
				w.Header().Set("Link", "</a>; rel=preload")
				w.WriteHeader(103)
			case "/switch":
				w.Header().Set("Traceresponse", "handler")
				w.WriteHeader(101)
			case "/hijack":
				hijack(t, echoAfterSwitching)(w, r)
			default:
				echo(w, r)
			}
		})}))
		informational := func(c *client, want string) {
			t.Helper()
			if got := c.recvHead(); got != want {
				t.Errorf("got\n%q, want\n%q", got, want)
			}
		}
		c := s.dial().send(get("/hints"))
		informational(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
		once(t, c.recvHead(), "X-Request-ID", anID)

		c = s.dial().send(expecting)
		informational(c, "HTTP/1.1 100 Continue\r\n\r\n")
		once(t, c.send("hello").recvHead(), "X-Request-ID", anID)

		got := s.dial().send(get("/switch")).recvHead()
		once(t, got, "traceresponse", "handler")
		if strings.Contains(got, "X-Request-ID") || strings.Contains(got, "Server-Timing") {
			t.Errorf("101 has\n%s", got)
		}

		c = s.dial().send("GET /hijack HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		informational(c, switching)
		c.closeWrite()
		c.eof()
		for _, o := range lifecycletest.Of[*lifecycle.ResponseCompleted](s.rec.Events()) {
			if !regexp.MustCompile(`^` + anID + `$`).MatchString(o.RequestID) {
				t.Errorf("the id of %s is %q", o.Target, o.RequestID)
			}
		}
	})
}

// The answers that the server makes tell what there is: a head that was not understood has no span and no times, but an id.
func TestTraceFieldsOfRefusals(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			onEngines(t, func(t *testing.T, e httpcore.Engine) {
				server := telling(refusing())
				server.Engine, server.Collector = e, tracing
				server.TrustedProxies = loopback
				s := start(t, server)
				one := s.dial().send(c.request)
				r := one.recv("GET")
				checkRefusal(t, r, c.status, c.code)
				_ = one.Close()
				f := only[*lifecycle.RequestFailed](t, s.closed())
				if ids := r.Header["X-Request-Id"]; len(ids) != 1 || ids[0] != f.RequestID || !lifecycle.ValidRequestID(f.RequestID) {
					t.Errorf("the client was told the id %q, the collectors %q", ids, f.RequestID)
				}
				traced, timing := 0, `^$`
				switch {
				case f.Phases.HandlerStart != 0:
					traced, timing = 1, `^`+timingOf(1)+`$`
				case f.Started:
					traced, timing = 1, `^head;dur=\d+\.\d, traceparent;desc="00-`+traceOf(1)+`-01"$`
				}
				got := r.Header["Server-Timing"]
				if len(r.Header["Traceresponse"]) != traced || len(got) != traced || !regexp.MustCompile(timing).MatchString(strings.Join(got, "")) {
					t.Errorf("started %v, and the client was told %v", f.Started, r.Header)
				}
			})
		})
	}
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// showID answers with the ids that the handler sees.
func showID(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, strings.Join(r.Header["X-Request-Id"], ","))
}

func showIDSync(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
	w.SetBodyString(r.Header("x-request-ID"))
	return true
}

func withFields(lines string) string { return "GET / HTTP/1.1\r\nHost: test\r\n" + lines + "\r\n" }

func TestRequestIDsOfClients(t *testing.T) {
	elsewhere := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name    string
		trusted []netip.Prefix
		fields  string
		want    string
	}{
		{"a stranger's", nil, "X-Request-ID: theirs\r\n", anID},
		{"that of a proxy elsewhere", elsewhere, "X-Request-ID: theirs\r\n", anID},
		{"a trusted proxy's", loopback, "X-Request-ID: theirs-7.a_b~c+d/e=f:g@h\r\n", regexp.QuoteMeta("theirs-7.a_b~c+d/e=f:g@h")},
		{"in lower case, with white space", loopback, "x-request-id: \t theirs \r\n", "theirs"},
		{"a long one", loopback, "X-Request-ID: " + strings.Repeat("x", 128) + "\r\n", "x{128}"},
		{"one too long", loopback, "X-Request-ID: " + strings.Repeat("x", 129) + "\r\n", anID},
		{"an empty one", loopback, "X-Request-ID:\r\n", anID},
		{"two", loopback, "X-Request-ID: theirs\r\nX-Request-ID: theirs\r\n", anID},
		{"an empty one and another", loopback, "X-Request-ID:\r\nX-Request-ID: theirs\r\n", anID},
		{"a list", loopback, "X-Request-ID: one, two\r\n", anID},
		{"with a space", loopback, "X-Request-ID: one two\r\n", anID},
		{"with an escaped end of line", loopback, "X-Request-ID: a%0d%0aX-Evil:%20b\r\n", anID},
		{"with bytes beyond ASCII", loopback, "X-Request-ID: \xc3\xa4\r\n", anID},
		{"with markup", loopback, "X-Request-ID: <script>\r\n", anID},
		{"none", loopback, "", anID},
	} {
		t.Run(c.name, func(t *testing.T) {
			onBoth(t, func() map[string]*httpcore.Server {
				servers := serving(showID, showIDSync)
				for _, s := range servers {
					s.RequestIDs, s.TrustedProxies = true, c.trusted
				}
				return servers
			}, func(t *testing.T, s *site) {
				one := s.dial().send(withFields(c.fields))
				id := once(t, one.recvHead(), "X-Request-ID", c.want)
				if body, err := one.r.Peek(len(id)); string(body) != id || one.r.Buffered() != len(id) {
					t.Errorf("the client is told %q, and the handler %q, %v", id, body, err)
				}
				_ = one.Close()
				if o := only[*lifecycle.ResponseCompleted](t, s.closed()); o.RequestID != id {
					t.Errorf("the client is told %q, and the collectors %q", id, o.RequestID)
				}
			})
		})
	}
}

// No byte that ends a line gets into a response by way of an id: such a head is refused, by whomever it was sent.
func TestRequestIDCannotEndItsLine(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(showID), RequestIDs: true, TrustedProxies: loopback})
		for _, value := range []string{"a\rX-Evil: b", "a\nX-Evil: b", "a\r\n X-Evil: b", "a\x00b", "a\x7fb"} {
			c := s.dial().send(withFields("X-Request-ID: " + value + "\r\n"))
			head := c.recvHead()
			once(t, head, "X-Request-ID", anID)
			if !strings.HasPrefix(head, "HTTP/1.1 400 ") || strings.Contains(head, "Evil") {
				t.Errorf("%q is answered\n%s", value, head)
			}
		}
	})
}

// On a Unix socket any peer is trusted, if any proxy is.
func TestRequestIDsOnUnixSockets(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for want, trusted := range map[string][]netip.Prefix{"theirs": loopback, anID: nil} {
			s, path := startUnix(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(showID), RequestIDs: true, TrustedProxies: trusted})
			once(t, s.dialUnix(path).send(withFields("X-Request-ID: theirs\r\n")).recvHead(), "X-Request-ID", want)
		}
	})
}

// Requests that come together keep their ids and their spans apart.
func TestTraceFieldsOfPipelinedRequests(t *testing.T) {
	onBoth(t, func() map[string]*httpcore.Server {
		servers := serving(showID, showIDSync)
		for _, s := range servers {
			telling(s).Collector, s.TrustedProxies = tracing, loopback
		}
		return servers
	}, func(t *testing.T, s *site) {
		const requests = 50
		var all strings.Builder
		for i := 1; i <= requests; i++ {
			all.WriteString(withFields("X-Request-ID: id-" + strconv.Itoa(i) + "\r\nX-Pad: " + strings.Repeat("x", 20*i) + "\r\n"))
		}
		c := s.dial().send(all.String())
		for i := 1; i <= requests; i++ {
			r := c.recv("GET")
			want := "id-" + strconv.Itoa(i)
			if ids := r.Header["X-Request-Id"]; len(ids) != 1 || ids[0] != want || r.body != want || r.Header.Get("Traceresponse") != "00-"+traceOf(i)+"-03" {
				t.Fatalf("request %d is answered %v %q", i, r.Header, r.body)
			}
		}
		_ = c.Close()
		for i, o := range lifecycletest.Of[*lifecycle.ResponseCompleted](s.closed()) {
			if want := "id-" + strconv.Itoa(i+1); o.RequestID != want || o.ResponseFields.Get("x-request-id") != want {
				t.Errorf("request %d ends as %q", i+1, o.RequestID)
			}
		}
	})
}

// A handler may keep the id beyond the request.
func TestRequestIDMayBeKept(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		const requests = 200
		kept := make(chan string, requests)
		s := start(t, &httpcore.Server{Engine: e, RequestIDs: true, TrustedProxies: loopback, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			kept <- r.Header.Get("X-Request-ID")
		})})
		c := s.dial()
		var told []string
		for i := range requests {
			request := get("/")
			if i%2 == 1 {
				request = withFields("X-Request-ID: theirs-" + strconv.Itoa(i) + "\r\n")
			}
			told = append(told, c.send(request).recv("GET").Header.Get("X-Request-ID"))
		}
		for i, want := range told {
			if got := <-kept; got != want {
				t.Fatalf("id %d has become %q, was %q", i, got, want)
			}
		}
	})
}

// The times are those of the request's phases, to the tenth of a millisecond.
func TestServerTiming(t *testing.T) {
	const ms = time.Millisecond
	work := func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(3249 * time.Microsecond)
		if r.URL.Path == "/stream" {
			w.(http.Flusher).Flush()
			time.Sleep(time.Second)
		}
	}
	server := &httpcore.Server{ServerTiming: true, Handler: http.HandlerFunc(work)}
	inBubble(t, server, func(b bubble) {
		times := func(r reply) string { return strings.Join(r.Header["Server-Timing"], "|") }
		c := b.dial()
		first, rest := get("/")[:9], get("/")[9:]
		c.send(first)
		time.Sleep(120 * ms)
		if got, want := times(c.send(rest).recv("GET")), "head;dur=120.0, queue;dur=0.0, handler;dur=3.2"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		c.send(get("/") + get("/stream"))
		if got, want := times(c.recv("GET")), "head;dur=0.0, queue;dur=0.0, handler;dur=3.2"; got != want {
			t.Errorf("the first of two: %q, want %q", got, want)
		}
		if got, want := times(c.recv("GET")), "head;dur=0.0, queue;dur=3.2, handler;dur=3.2"; got != want {
			t.Errorf("a stream behind it: %q, want %q", got, want)
		}
		c.send("GET / HTTP/1.1\r\nX")
		if r := c.recv("GET"); r.StatusCode != 408 || times(r) != "" {
			t.Errorf("a head that did not come: %s %v", r.Status, r.Header)
		}
		_ = c.Close()
	})
}

// bare serves s without a collector, and returns a connection to it.
func bare(t testing.TB, s *httpcore.Server) *client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
	})
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &client{Conn: nc, t: t, r: bufio.NewReader(nc)}
}

// Times and ids need no collector.
func TestTraceFieldsWithoutACollector(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, collector := range []lifecycle.Collector{nil, lifecycle.Noop} {
			c := bare(t, telling(&httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello), Collector: collector}))
			head := c.send(get("/")).recvHead()
			once(t, head, "Server-Timing", `head;dur=\d+\.\d, queue;dur=\d+\.\d, handler;dur=\d+\.\d`)
			once(t, head, "X-Request-ID", anID)
			if strings.Contains(head, "traceresponse") {
				t.Errorf("without a span there is\n%s", head)
			}
		}
	})
}

func TestTraceFieldsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates by itself")
	}
	requests := map[string]string{
		"an id made": "GET /hello?a=b HTTP/1.1\r\nHost: test\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n",
		"an id kept": "GET /hello HTTP/1.1\r\nHost: test\r\nUser-Agent: test\r\nX-Request-ID: 0192f6c1-6f0e-7abc-8def-0123456789ab\r\n\r\n",
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for name, request := range requests {
			t.Run(name, func(t *testing.T) {
				sync := telling(&httpcore.Server{Engine: e, Collector: tracing, TrustedProxies: loopback, ErrorLog: discard, Sync: syncHello})
				if n := allocations(t, sync, request); n > 0.05 {
					t.Errorf("to a SyncHandler a request takes %g allocations", n)
				}
				off := allocations(t, &httpcore.Server{Engine: e, Collector: tracing, ErrorLog: discard, Handler: http.HandlerFunc(hello)}, request)
				on := telling(&httpcore.Server{Engine: e, Collector: tracing, TrustedProxies: loopback, ErrorLog: discard, Handler: http.HandlerFunc(hello)})
				most := 2.0 // the id and the slice that a header has it in
				if name == "an id kept" {
					most = 0
				}
				if more := allocations(t, on, request) - off; more > most+0.05 {
					t.Errorf("to a Handler a request takes %g allocations more than without, want %g", more, most)
				}
			})
		}
	})
}

// BenchmarkTraceFields sends a few requests at a time, so that the kernel's part is small, but no more than are answered with one
// write.
func BenchmarkTraceFields(b *testing.B) {
	for _, handler := range []string{"Sync", "Handler"} {
		for _, c := range []struct {
			name      string
			configure func(*httpcore.Server)
		}{
			{"off", func(*httpcore.Server) {}},
			{"ServerTiming", func(s *httpcore.Server) { s.ServerTiming = true }},
			{"TraceResponse", func(s *httpcore.Server) { s.TraceResponse = true }},
			{"RequestIDs", func(s *httpcore.Server) { s.RequestIDs = true }},
			{"all", func(s *httpcore.Server) { telling(s) }},
		} {
			b.Run(handler+"/"+c.name, func(b *testing.B) {
				s := &httpcore.Server{Collector: tracing, ErrorLog: discard, Handler: http.HandlerFunc(hello)}
				if handler == "Sync" {
					s.Sync = httpcore.SyncHandlerFunc(helloSync)
				}
				c.configure(s)
				one := bare(b, s)
				pipeline(b, one, 8)
			})
		}
	}
}
