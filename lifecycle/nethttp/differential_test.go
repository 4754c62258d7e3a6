package nethttp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// The same traffic over both servers gives the same events, field by field, but for what a case says.

// traffic is what clients do to a server.
type traffic struct {
	name    string
	handler http.HandlerFunc
	client  func(c *client)

	// differs changes httpcore's events into those that net/http gives, for the reason why.
	differs func([]string) []string
	why     string
}

// told are the events of a server as lines, without what differs from one run to the next.
func told(events []lifecycle.Event) []string {
	var lines []string
	for _, e := range events {
		lines = append(lines, line(e))
	}
	return lines
}

func line(e lifecycle.Event) string {
	text := e.Name()
	switch e := e.(type) {
	case *lifecycle.ConnectionOpened:
		text += fmt.Sprintf(" from=%s network=%s protocol=%s tls=%t", e.ClientAddr, e.Network, e.Protocol, e.TLS != nil)
	case *lifecycle.RequestStarted:
		text += request(e.Request) + phases(&e.Phases)
	case *lifecycle.StreamOpened:
		text += fmt.Sprintf("%s upgraded=%t", request(e.Request), e.Upgraded)
	case *lifecycle.StreamClosed:
		text += request(e.Request) + " reason=" + string(e.Reason)
	case *lifecycle.ResponseCompleted:
		text += outcome(&e.Outcome)
	case *lifecycle.RequestFailed:
		text += fmt.Sprintf("%s code=%s err=%T started=%t", outcome(&e.Outcome), e.Code, e.Err, e.Started)
	case *lifecycle.ClientDisconnected:
		text += fmt.Sprintf("%s during=%t err=%t", outcome(&e.Outcome), e.DuringStreaming, e.Err != nil)
	case *lifecycle.ConnectionCompleted:
		text += fmt.Sprintf(" served=%d sent=%d reason=%s", e.RequestsServed, e.TotalBytesSent, e.Reason)
	}
	return text
}

func request(r *lifecycle.Request) string {
	return fmt.Sprintf(" %d %s %s %s host=%s scheme=%s fields=%q", r.Index, r.Method, r.Target, r.HTTPVersion, r.Host, r.Scheme, sorted(r.Fields))
}

func outcome(o *lifecycle.Outcome) string {
	return fmt.Sprintf("%s route=%s status=%d sent=%d head=%d received=%d streaming=%t response=%q%s",
		request(o.Request), o.Route, o.Status, o.BytesSent, o.HeadBytes, o.BytesReceived, o.Streaming, sorted(o.ResponseFields), phases(&o.Phases))
}

// sorted returns fields in one order, because net/http forgets theirs, and the Date without its value.
func sorted(f lifecycle.Fields) []string {
	if f == nil {
		return nil
	}
	var all []string
	for name, value := range f.All() {
		if name == "Date" {
			value = ""
		}
		all = append(all, name+": "+value)
	}
	slices.Sort(all)
	return all
}

// phases says which phases there were.
func phases(p *lifecycle.Phases) string {
	text := " phases="
	for i, at := range []int64{p.IdleSince, p.FirstByte, p.HeadParsed, p.HandlerStart, p.FirstResponseByte, p.HandlerEnd, p.LastByte} {
		if at != 0 {
			text += string("ifhsreL"[i])
		}
	}
	return text
}

func (c traffic) run(t *testing.T) {
	if (c.differs == nil) != (c.why == "") {
		t.Fatal("a difference needs a reason, and a reason a difference")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/x/{id}", c.handler)

	ours := start(t, &http.Server{Handler: mux})
	c.client(dial(t, ours.addr))
	got := told(waitClosed(t, wentBy(t, ours.rec)))

	core, rec := startCore(t, mux)
	c.client(dial(t, core))
	want := told(waitClosed(t, wentBy(t, rec)))
	if c.differs != nil {
		want = c.differs(want)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// wentBy waits until there has been a connection.
func wentBy(t *testing.T, rec *lifecycletest.Recorder) *lifecycletest.Recorder {
	t.Helper()
	wait(t, rec, lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
	return rec
}

func startCore(t *testing.T, h http.Handler) (addr string, rec *lifecycletest.Recorder) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rec = new(lifecycletest.Recorder)
	s := &httpcore.Server{Handler: h, Collector: rec, ErrorLog: discard, Engine: httpcore.EngineGoroutine}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Shutdown(context.Background())
		<-served
	})
	return l.Addr().String(), rec
}

// replace changes every line; old and new take turns.
func replace(oldnew ...string) func([]string) []string {
	return func(lines []string) []string {
		for i := range lines {
			lines[i] = strings.NewReplacer(oldnew...).Replace(lines[i])
		}
		return lines
	}
}

// byRequest puts the lines of one request together.
func byRequest(lines []string) []string {
	index := func(line string) string {
		switch name, rest, _ := strings.Cut(line, " "); name {
		case "ConnectionOpened":
			return "0"
		case "ConnectionCompleted":
			return "9"
		default:
			return rest[:1]
		}
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(index(a), index(b)) })
	return lines
}

// without leaves out the lines of events with this name.
func without(name string) func([]string) []string {
	return func(lines []string) []string {
		return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, name) })
	}
}

// instead puts another response, up to the part that until begins, into the outcome of the one request of a connection, and so many
// bytes into its sum.
func instead(response, until string, sent int) func([]string) []string {
	return func(lines []string) []string {
		before, after, _ := strings.Cut(lines[2], "status=")
		_, after, _ = strings.Cut(after, until)
		lines[2] = before + response + until + after
		lines[3] = fmt.Sprintf("ConnectionCompleted served=1 sent=%d reason=error", sent)
		return lines
	}
}

// leaving closes the connection when its last response was read.
func leaving(methods ...string) func(*client, string) {
	return func(c *client, requests string) {
		c.send(requests)
		for _, m := range methods {
			c.recv(m)
		}
		_ = c.Close()
	}
}

func TestSameEventsAsHTTPCore(t *testing.T) {
	hello := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }
	post := func(body string) string {
		return fmt.Sprintf("POST /x/1?a=b HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for _, c := range []traffic{
		{
			name: "one request", handler: hello,
			client: func(c *client) { leaving("GET")(c, get("/x/1?q=2")) },
		},
		{
			name: "keep-alive", handler: hello,
			client: func(c *client) {
				for range 3 {
					c.send(get("/x/1")).recv("GET")
				}
				_ = c.Close()
			},
		},
		{
			name: "a body", handler: func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) },
			client: func(c *client) { leaving("POST")(c, post("a body")) },
		},
		{
			name: "HEAD", handler: hello,
			client: func(c *client) { leaving("HEAD")(c, "HEAD /x/1 HTTP/1.1\r\nHost: test\r\n\r\n") },
		},
		{
			name: "a stream", handler: func(w http.ResponseWriter, _ *http.Request) {
				for range 3 {
					_, _ = io.WriteString(w, "piece")
					w.(http.Flusher).Flush()
				}
			},
			client: func(c *client) { leaving("GET")(c, get("/x/1")) },
		},
		{
			name: "no content", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
			client: func(c *client) { leaving("GET")(c, get("/x/1")) },
		},
		{
			name: "an informational response", handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Link", "</style.css>")
				w.WriteHeader(http.StatusEarlyHints)
				hello(w, r)
			},
			client: func(c *client) { c.send(get("/x/1")); c.recv("GET"); c.recv("GET"); _ = c.Close() },
		},
		{
			name: "HTTP/1.0", handler: hello,
			client:  func(c *client) { leaving("GET")(c, "GET /x/1 HTTP/1.0\r\nHost: test\r\n\r\n") },
			differs: replace("head=135", "head=116", `"Connection: close" `, ""),
			why:     "net/http does not say that it closes a connection of HTTP/1.0",
		},
		{
			name: "nothing", handler: hello,
			client: func(c *client) { _ = c.Close() },
		},
		{
			name: "an upgrade", handler: func(w http.ResponseWriter, _ *http.Request) {
				nc, rw, err := http.NewResponseController(w).Hijack()
				if err != nil {
					return
				}
				defer nc.Close()
				_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
				_, _ = io.CopyN(nc, rw, 4)
			},
			client: func(c *client) {
				c.send("GET /x/1 HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n" + "echo")
				c.recv("GET")
				_, _ = io.Copy(io.Discard, c.r)
			},
		},
		{
			name: "less than announced, after the head", handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "10")
				hello(w, r)
				w.(http.Flusher).Flush()
			},
			client: func(c *client) { c.send(get("/x/1")); _, _ = io.Copy(io.Discard, c.r) },
		},
		{
			name: "aborted in the stream", handler: func(w http.ResponseWriter, r *http.Request) {
				hello(w, r)
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			},
			client: func(c *client) { c.send(get("/x/1")); _, _ = io.Copy(io.Discard, c.r) },
		},
		{
			name: "aborted", handler: func(w http.ResponseWriter, r *http.Request) {
				hello(w, r)
				panic(http.ErrAbortHandler)
			},
			client:  func(c *client) { c.send(get("/x/1")); _, _ = io.Copy(io.Discard, c.r) },
			differs: replace("head=17", "head=0"),
			why:     "httpcore counts a head that it has begun and not sent",
		},
		{
			name: "panicked in the stream", handler: func(w http.ResponseWriter, r *http.Request) {
				hello(w, r)
				w.(http.Flusher).Flush()
				panic("no")
			},
			client: func(c *client) { c.send(get("/x/1")); _, _ = io.Copy(io.Discard, c.r) },
		},
		{
			name: "left in the wait", handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			client:  func(c *client) { c.send(get("/x/1")); _ = c.Close() },
			differs: replace("status=0", "status=200", "head=0", "head=75", "response=[]", `response=["Content-Length: 0" "Date: "]`, "ifhse", "ifhsreL"),
			why:     "net/http answers a client that has left",
		},
		{
			name: "left in the stream", handler: func(w http.ResponseWriter, r *http.Request) {
				hello(w, r)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			},
			client: func(c *client) { c.send(get("/x/1")); _, _ = c.r.Peek(1); _ = c.Close() },
		},
		{
			name: "left in the stream, which the handler gives up", handler: func(w http.ResponseWriter, r *http.Request) {
				hello(w, r)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				panic(http.ErrAbortHandler)
			},
			client: func(c *client) { c.send(get("/x/1")); _, _ = c.r.Peek(1); _ = c.Close() },
		},
		{
			name: "pipelined", handler: hello,
			client:  func(c *client) { leaving("GET", "GET", "GET")(c, get("/x/1")+get("/x/2")+get("/x/3")) },
			differs: byRequest,
			why:     "net/http reads no request before it has answered the one before",
		},
		{
			name: "a chunked body", handler: func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) },
			client: func(c *client) {
				leaving("POST")(c, "POST /x/1 HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
			},
			differs: replace(` "Transfer-Encoding: chunked"`, ""),
			why:     "net/http has it in a field of the Request only",
		},
		{
			name: "a body that nobody reads", handler: hello,
			client:  func(c *client) { leaving("POST", "GET")(c, post("a body")+get("/x/1")) },
			differs: func(lines []string) []string { return replace("received=6", "received=0")(byRequest(lines)) },
			why:     "net/http skips it by itself, and answers one by one",
		},
		{
			name: "100-continue", handler: func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) },
			client: func(c *client) {
				c.send("POST /x/1 HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
				c.recv("POST")
				c.send("ab").recv("POST")
				_ = c.Close()
			},
		},
		{
			name: "trailers", handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Trailer", "Sum")
				hello(w, r)
				w.Header().Set("Sum", "7")
			},
			client: func(c *client) { leaving("GET")(c, get("/x/1")) },
		},
		{
			name: "not found", handler: hello,
			client: func(c *client) { leaving("GET")(c, get("/nowhere")) },
		},
		{
			name: "a large body", handler: func(w http.ResponseWriter, _ *http.Request) {
				for range 100 {
					_, _ = w.Write(make([]byte, 10_000))
				}
			},
			client: func(c *client) { leaving("GET")(c, get("/x/1")) },
		},
		{
			name: "the server closes", handler: hello,
			client: func(c *client) {
				c.send("GET /x/1 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").recv("GET")
				_, _ = io.Copy(io.Discard, c.r)
			},
		},
		{
			name: "half closed", handler: hello,
			client: func(c *client) {
				c.send(get("/x/1"))
				_ = c.Conn.(*net.TCPConn).CloseWrite()
				c.recv("GET")
			},
		},
		{
			name: "less than announced", handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "10")
				hello(w, r)
			},
			client: func(c *client) { c.send(get("/x/1")); _, _ = io.Copy(io.Discard, c.r) },
			differs: instead(
				`status=200 sent=5 head=117 received=0 streaming=false response=["Content-Length: 10" "Content-Type: text/plain; charset=utf-8" "Date: "]`,
				" phases", 5,
			),
			why: "net/http sends what there is",
		},
		{
			name: "panicked", handler: func(http.ResponseWriter, *http.Request) { panic("no") },
			client:  func(c *client) { c.send(get("/x/1")); _, _ = io.Copy(io.Discard, c.r) },
			differs: instead("status=0 sent=0 head=0 received=0 streaming=false response=[] phases=ifhse", " code", 0),
			why:     "net/http answers nothing",
		},
		{
			name: "not HTTP", handler: hello,
			client: func(c *client) { c.send("what?\r\n\r\n"); _, _ = io.Copy(io.Discard, c.r) },
			differs: func(lines []string) []string {
				lines = without("RequestFailed")(lines)
				lines[1] = "ConnectionCompleted served=0 sent=0 reason=error"
				return lines
			},
			why: "net/http answers it by itself",
		},
		{
			name: "half a head", handler: hello,
			client:  func(c *client) { c.send("GET /x"); _ = c.Close() },
			differs: without("RequestFailed"),
			why:     "net/http says nothing of it",
		},
	} {
		t.Run(c.name, c.run)
	}
}
