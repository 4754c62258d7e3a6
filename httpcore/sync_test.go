package httpcore_test

import (
	"bytes"
	"io"
	"math"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

type syncFunc = func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool

// onSync runs f with a server whose SyncHandler is answer and whose Handler reads the body.
func onSync(t *testing.T, answer syncFunc, f func(t *testing.T, s *site)) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		f(t, start(t, &httpcore.Server{Engine: e, Sync: httpcore.SyncHandlerFunc(answer), Handler: http.HandlerFunc(readAll)}))
	})
}

func TestSyncRequest(t *testing.T) {
	onSync(t, func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
		for _, s := range []string{r.Method(), r.Path(), r.Query(), r.Host(), r.HTTPVersion(), r.Header("x-a"), r.Header("X-A"), r.Header("X-None"), string(r.Body())} {
			w.SetHeader("X-Got", s)
		}
		if host, _, err := net.SplitHostPort(r.RemoteAddr()); err != nil || host != "127.0.0.1" {
			t.Errorf("RemoteAddr is %q", r.RemoteAddr())
		}
		w.SetStatus(299)
		return true
	}, func(t *testing.T, s *site) {
		for request, want := range map[string][]string{
			get("/"): {"GET", "/", "", "test", "1.1", "", "", "", ""},
			"BREW /a%20b?c?d HTTP/1.0\r\nX-A: v\r\n\r\n":                      {"BREW", "/a%20b", "c?d", "", "1.0", "v", "v", "", ""},
			post + "X-A: v\r\nX-A: w\r\nContent-Length: 3\r\n\r\nabc":         {"POST", "/", "", "test", "1.1", "v", "v", "", "abc"},
			"PUT http://there/x?y HTTP/1.1\r\nHost: here\r\nX-a:v \t\r\n\r\n": {"PUT", "http://there/x", "y", "there", "1.1", "v", "v", "", ""},
		} {
			r := s.dial().send(request).recv("GET")
			if got := r.Header["X-Got"]; r.StatusCode != 299 || strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("%q: %s %q, want %q", request, r.Status, got, want)
			}
		}
	})
}

func TestSyncResponse(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789"), 30_000)
	onSync(t, func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
		switch r.Path() {
		case "/text":
			w.SetBody([]byte("overwritten"))
			w.SetBodyString("text")
		case "/bytes":
			w.SetBodyString("overwritten")
			w.SetBody([]byte("<p>bytes"))
			w.SetHeader("content-type", "text/html")
		case "/split":
			w.SetHeader("X-Split", "a\r\nX-Evil: b\x00")
			w.SetHeader("X Bad", "left out")
			w.SetHeader("Content-Length", "5")
			w.SetHeader("transfer-encoding", "chunked")
			w.SetHeader("Connection", "close")
			w.SetHeader("Date", "never")
		case "/204":
			w.SetStatus(204)
			w.SetBodyString("left out")
		case "/304":
			w.SetStatus(304)
			w.SetBodyString("left out")
		case "/large":
			w.SetBody(large)
		case "/large-text":
			w.SetBodyString(string(large))
		}
		return true
	}, func(t *testing.T, s *site) {
		c := s.dial()
		for _, method := range []string{"GET", "HEAD"} {
			for _, want := range []struct {
				path        string
				status      int
				contentType string
				body        string
			}{
				{"/nothing", 200, "", ""},
				{"/text", 200, "text/plain; charset=utf-8", "text"},
				{"/bytes", 200, "text/html", "<p>bytes"},
				{"/split", 200, "", ""},
				{"/204", 204, "", ""},
				{"/304", 304, "", ""},
				{"/large", 200, "text/plain; charset=utf-8", string(large)},
				{"/large-text", 200, "text/plain; charset=utf-8", string(large)},
			} {
				r := c.send(method + " " + want.path + " HTTP/1.1\r\nHost: a\r\n\r\n").recv(method)
				body, length := want.body, int64(len(want.body))
				if method == "HEAD" {
					body = ""
				}
				if want.status != 200 && method == "HEAD" {
					length = -1 // net/http's client knows none
				}
				if r.StatusCode != want.status || r.Header.Get("Content-Type") != want.contentType || r.body != body || r.ContentLength != length {
					t.Errorf("%s %s: %s %v, length %d, %d bytes", method, want.path, r.Status, r.Header, r.ContentLength, len(r.body))
				}
				if want.status != 200 && r.Header["Content-Length"] != nil {
					t.Errorf("%s %s: %v", method, want.path, r.Header)
				}
				if want.path == "/split" {
					if v := r.Header["X-Split"]; len(v) != 1 || strings.ContainsAny(v[0], "\r\n\x00") || r.Header["X-Evil"] != nil || r.Header["X Bad"] != nil {
						t.Errorf("the header is %v", r.Header)
					}
					if r.Close || len(r.Header["Date"]) != 1 || r.Header.Get("Date") == "never" || len(r.TransferEncoding) > 0 {
						t.Errorf("the header is %v", r.Header)
					}
				}
			}
		}
		_ = c.Close()
		waitClosed(t, s.rec)
		for _, e := range lifecycletest.Of[*lifecycle.ResponseCompleted](s.rec.Events()) {
			want := map[string]int64{"/text": 4, "/bytes": 8, "/large": 300_000, "/large-text": 300_000}[e.Target]
			if e.Method == "HEAD" {
				want = 0
			}
			if e.BytesSent != want || e.Phases.LastByte == 0 || e.Phases.FirstResponseByte == 0 {
				t.Errorf("%s %s: %d bytes sent, want %d; %+v", e.Method, e.Target, e.BytesSent, want, e.Phases)
			}
		}
	})
}

func TestSyncStatusThatIsNone(t *testing.T) {
	onSync(t, func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
		w.SetStatus(len(r.Path()))
		return true
	}, func(t *testing.T, s *site) {
		checkRefusal(t, s.dial().send(get("/"+strings.Repeat("x", 100))).recv("GET"), 500, "handler_panic")
		checkRefusal(t, s.dial().send(get("/"+strings.Repeat("x", 999))).recv("GET"), 500, "handler_panic")
		if r := s.dial().send(get("/" + strings.Repeat("x", 998))).recv("GET"); r.StatusCode != 999 {
			t.Errorf("got %s", r.Status)
		}
	})
}

// A request that the SyncHandler leaves goes to the Handler as if it had never been asked.
func TestSyncFallsThrough(t *testing.T) {
	onSync(t, func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
		w.SetStatus(500)
		w.SetHeader("X-Of-Sync", "x")
		w.SetBodyString("must not be seen")
		return r.Path() == "/taken" && len(r.Body()) == 10
	}, func(t *testing.T, s *site) {
		for _, size := range []int{0, 1, 10, 4000, 5000, 64 << 10, 64<<10 + 1, 200_000} {
			body := strings.Repeat("b", size)
			c := s.dial()
			for range 3 {
				head := "POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: " + strconv.Itoa(size) + "\r\n\r\n"
				for _, split := range []int{0, len(head) - 1, len(head), len(head) + size/2} {
					request := head + body
					c.send(request[:split]).send(request[split:])
					if r := c.recv("POST"); r.StatusCode != 200 || r.body != body || r.Header.Get("X-Of-Sync") != "" {
						t.Fatalf("a body of %d bytes: %s %v with %d bytes", size, r.Status, r.Header, len(r.body))
					}
				}
				if r := c.send("POST /taken HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789").recv("POST"); r.StatusCode != 500 || r.body != "must not be seen" {
					t.Fatalf("got %s %q", r.Status, r.body)
				}
			}
			_ = c.Close()
		}
	})
}

// Every request is offered to the SyncHandler, then to the Handler, whose routes say the rest: the server has no pages of its
// own, and a WebSocket is a request that the Handler takes.
func TestOrderOfDispatch(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		asked := make(chan string, 2)
		mux := http.NewServeMux()
		mux.Handle("/sync", hijacker(t, asked))
		mux.Handle("/ws", hijacker(t, asked))
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			asked <- "Handler"
			http.NotFound(w, r)
		})
		s := start(t, &httpcore.Server{Engine: e, Handler: mux, Sync: httpcore.SyncHandlerFunc(func(_ *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
			asked <- "Sync"
			return r.Path() == "/sync"
		})})
		const upgrade = " HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
		for _, c := range []struct {
			request string
			status  int
			asked   []string
		}{
			{get("/sync"), 200, []string{"Sync"}},
			{"GET /sync" + upgrade, 200, []string{"Sync"}},
			{"GET /ws" + upgrade, 101, []string{"Sync", "Handler"}},
			{get("/healthz"), 404, []string{"Sync", "Handler"}},
			{get("/metrics"), 404, []string{"Sync", "Handler"}},
		} {
			r := s.dial().send(c.request).recv("GET")
			var got []string
			for len(asked) > 0 {
				got = append(got, <-asked)
			}
			if r.StatusCode != c.status || !slices.Equal(got, c.asked) {
				t.Errorf("%q: %s by %q, want %d by %q", c.request, r.Status, got, c.status, c.asked)
			}
		}
	})
}

// hijacker takes the connection over, answers 101, and closes it.
func hijacker(t *testing.T, asked chan<- string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		asked <- "Handler"
		nc, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = nc.Close() }()
		_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	}
}

// Bodies that come in pieces, chunks or after 100 Continue never reach a SyncHandler half.
func TestSyncBodies(t *testing.T) {
	asked := make(chan int, 100)
	onSync(t, func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
		asked <- len(r.Body())
		w.SetBody(r.Body())
		return true
	}, func(t *testing.T, s *site) {
		for _, c := range []struct {
			name, request string
			asked         bool
			body          string
		}{
			{"none", get("/"), true, ""},
			{"empty", post + "Content-Length: 0\r\n\r\n", true, ""},
			{"small", post + "Content-Length: 3\r\n\r\nabc", true, "abc"},
			{"largest", post + "Content-Length: 65536\r\n\r\n" + strings.Repeat("x", 65536), true, strings.Repeat("x", 65536)},
			{"larger", post + "Content-Length: 65537\r\n\r\n" + strings.Repeat("x", 65537), false, strings.Repeat("x", 65537)},
			{"chunked", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false, "abc"},
			{"expected", post + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", false, "abc"},
		} {
			r := s.dial().send(c.request).recv("POST")
			if r.StatusCode != 200 || r.body != c.body || (len(asked) > 0) != c.asked {
				t.Errorf("%s: %s with %d bytes, asked %v", c.name, r.Status, len(r.body), len(asked) > 0)
			}
			if len(asked) > 0 {
				if n := <-asked; n != len(c.body) {
					t.Errorf("%s: asked with %d bytes", c.name, n)
				}
			}
		}
	})
}

func TestSyncThatEndsItsGoroutine(t *testing.T) {
	onSync(t, func(*httpcore.SyncResponse, *httpcore.SyncRequest) bool { runtime.Goexit(); return true }, func(t *testing.T, s *site) {
		c := s.dial().send(get("/") + get("/"))
		checkRefusal(t, c.recv("GET"), 500, "handler_panic")
		c.eof()
		_ = c.Close()
		waitClosed(t, s.rec)
	})
}

// TestSyncAllocatesNothing counts the allocations of the whole process while a client that makes none sends requests.
func TestSyncAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates by itself")
	}
	var seen int
	for name, collector := range map[string]lifecycle.Collector{
		"without a collector": nil,
		"with a collector":    lifecycle.CollectorFunc(func(e lifecycle.Event) { seen += len(e.Name()) }),
	} {
		for kind, request := range map[string]string{
			"GET":          "GET /hello?a=b HTTP/1.1\r\nHost: test\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n",
			"POST":         "POST /hello HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 1000),
			"large answer": "GET /large HTTP/1.1\r\nHost: test\r\n\r\n",
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				onEngines(t, func(t *testing.T, e httpcore.Engine) {
					checkAllocations(t, &httpcore.Server{Engine: e, Collector: collector, ErrorLog: discard, Sync: syncHello}, request)
				})
			})
		}
	}
}

var large100k = bytes.Repeat([]byte("x"), 100_000)

var syncHello = httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
	w.SetHeader("Content-Type", "text/plain")
	w.SetHeader("X-Agent", r.Header("User-Agent"))
	if r.Path() == "/large" {
		w.SetBody(large100k)
		return true
	}
	w.SetBodyString("Hello, World!")
	return r.Query() != "none"
})

// checkAllocations has s serve request many times, and fails when that takes more allocations than the server's tick.
func checkAllocations(t *testing.T, s *httpcore.Server, request string) {
	t.Helper()
	if each := allocations(t, s, request); each > 0.05 {
		t.Errorf("a request takes %g allocations", each)
	}
}

// allocations has s serve request again and again, and returns how many allocations each takes.
func allocations(t *testing.T, s *httpcore.Server, request string) float64 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	defer func() {
		_ = s.Close()
		<-served
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, answer, end := []byte(request), make([]byte, 256<<10), []byte("Hello, World!")
	roundTrip := func() {
		if _, err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		for n := 0; !bytes.HasSuffix(answer[:n], end) && !bytes.HasSuffix(answer[:n], large100k); {
			k, err := c.Read(answer[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += k
		}
	}
	const requests = 2000
	for range 100 {
		roundTrip()
	}
	least := uint64(math.MaxUint64)
	for range 3 { // what the process does beside, and a garbage collection that empties the pools, can only add
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range requests {
			roundTrip()
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.Mallocs-before.Mallocs)
	}
	return float64(least) / requests
}
