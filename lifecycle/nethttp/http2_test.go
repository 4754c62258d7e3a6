package nethttp_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/statistics"
	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// http2Client returns a client that speaks HTTP/2 to s on one connection, and a function that closes it.
func http2Client(t *testing.T, h http.Handler, also ...lifecycle.Collector) (*site, *http.Client, func()) {
	t.Helper()
	s, pool := startTLS(t, &http.Server{Handler: h}, also...)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com"}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return s, &http.Client{Transport: transport, Timeout: patience}, transport.CloseIdleConnections
}

// fetch gets a path of s and returns what it got.
func fetch(ctx context.Context, t *testing.T, client *http.Client, s *site, path string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", "https://"+s.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// The second of two requests has its outcome before the first.
func TestHTTP2SideBySide(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/slow/{id}", func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		hello(w, r)
	})
	mux.HandleFunc("/quick", hello)
	s, client, hangUp := http2Client(t, mux)
	slow := make(chan error, 1)
	go func() {
		_, err := fetch(t.Context(), t, client, s, "/slow/1")
		slow <- err
	}()
	<-entered
	if body, err := fetch(t.Context(), t, client, s, "/quick"); body != "hello" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	s.wait(lifecycletest.AtLeast[*lifecycle.ResponseCompleted](1))
	close(release)
	if err := <-slow; err != nil {
		t.Error(err)
	}
	hangUp()
	events := s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
	want := "ConnectionOpened RequestStarted RequestStarted ResponseCompleted ResponseCompleted ConnectionCompleted"
	if got := lifecycletest.Names(events); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	opened := only[*lifecycle.ConnectionOpened](t, events)
	if opened.Protocol != "h2" || opened.TLS == nil || opened.TLS.NegotiatedProtocol != "h2" {
		t.Errorf("opened %+v", opened)
	}
	outcomes := lifecycletest.Of[*lifecycle.ResponseCompleted](events)
	if outcomes[0].Route != "/quick" || outcomes[1].Route != "/slow/{id}" {
		t.Errorf("the outcomes are those of %s and %s", outcomes[0].Route, outcomes[1].Route)
	}
	for _, o := range outcomes {
		if o.HTTPVersion != "2" || o.Scheme != "https" || o.Host != s.addr || o.BytesSent != 5 || o.Phases.HandlerEnd == 0 || o.Phases.LastByte != 0 {
			t.Errorf("the outcome is %+v", o)
		}
	}
	if e := only[*lifecycle.ConnectionCompleted](t, events); e.RequestsServed != 2 || e.TotalBytesSent != 10 || e.Reason != lifecycle.ReasonComplete {
		t.Errorf("completed %+v", e)
	}
}

// The collectors for operators keep requests apart that end in another order than they began.
func TestHTTP2ForOperators(t *testing.T) {
	var lines strings.Builder
	log := accesslog.New(accesslog.Options{
		Output: accesslog.Writer(&lines), Workers: 1, ErrorLog: slog.New(slog.DiscardHandler),
		Format: accesslog.MustCompile(`%(U)s %(s)s %(B)s %({user}e)s %({request_index}x)s`, accesslog.FormatOptions{}),
	})
	stats := statistics.New(statistics.Options{LogInterval: -1})
	if err := stats.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	metrics, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer metrics.Close()
	client, err := statsd.New(statsd.Options{Addr: metrics.LocalAddr().String(), Dialect: statsd.Plain})
	if err != nil {
		t.Fatal(err)
	}

	entered := make(chan string)
	release := map[string]chan struct{}{"/1": make(chan struct{}), "/2": make(chan struct{}), "/3": make(chan struct{})}
	s, h2, hangUp := http2Client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accesslog.Set(r.Context(), "user", "of "+r.URL.Path)
		entered <- r.URL.Path
		<-release[r.URL.Path]
		accesslog.Set(r.Context(), "user", "still of "+r.URL.Path)
		if r.URL.Path == "/2" {
			w.WriteHeader(http.StatusBadGateway)
		}
		hello(w, r)
	}), log, stats.Collector(), statsd.NewCollector(client))
	answered := make(chan error, 3)
	for _, path := range []string{"/1", "/2", "/3"} {
		go func() {
			_, err := fetch(t.Context(), t, h2, s, path)
			answered <- err
		}()
		<-entered
	}
	for _, path := range []string{"/3", "/1", "/2"} {
		close(release[path])
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	hangUp()
	s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
	for _, end := range []func(context.Context) error{log.Close, stats.Stop, client.Close} {
		if err := end(t.Context()); err != nil {
			t.Error(err)
		}
	}

	const want = "/3 200 5 still of /3 3\n/1 200 5 still of /1 1\n/2 502 5 still of /2 2\n"
	if got := lines.String(); got != want {
		t.Errorf("the access log has\n%swant\n%s", got, want)
	}
	if f := stats.Calculate(); f.RequestsFinished != 2 || f.RequestsFailed != 1 || f.RequestsTotal != 3 {
		t.Errorf("the statistics are %v", f)
	}
	packet := make([]byte, 64<<10)
	n, _, err := metrics.ReadFrom(packet)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]int{
		"hypercorn.requests:1|c": 3, "hypercorn.request.status.200:1|c": 2, "hypercorn.request.status.502:1|c": 1, "hypercorn.request.duration:": 3,
	} {
		if got := strings.Count(string(packet[:n]), line); got != want {
			t.Errorf("%q was sent %d times, want %d:\n%s", line, got, want, packet[:n])
		}
	}
}

func TestHTTP2WithoutTLS(t *testing.T) {
	server := &http.Server{Handler: http.HandlerFunc(hello), Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	server.Protocols.SetHTTP1(true)
	s := start(t, server)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: transport, Timeout: patience}
	res, err := client.Get("http://" + s.addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	transport.CloseIdleConnections()
	dial(t, s.addr).send(get("/")).recv("GET")
	dial(t, s.addr).Close()
	_ = s.Shutdown(t.Context())
	var protocols []string
	for _, e := range lifecycletest.Of[*lifecycle.ConnectionOpened](waitClosed(t, s.rec)) {
		protocols = append(protocols, e.Protocol)
	}
	if got := strings.Join(protocols, " "); got != "h2 h1 h1" && got != "h2 h1" { // the last one may not have been accepted
		t.Errorf("the protocols are %s", got)
	}
}

func TestHTTP2Endings(t *testing.T) {
	entered := make(chan struct{}, 1)
	large := strings.Repeat("x", 10_000)
	mux := http.NewServeMux()
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("no") })
	mux.HandleFunc("/abort", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, large)
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		hello(w, r)
		_ = http.NewResponseController(w).Flush()
		hello(w, r)
	})
	mux.HandleFunc("/wait", func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
	})
	for _, tt := range []struct{ path, want string }{
		{"/panic", "RequestStarted RequestFailed status=0 sent=0 code=handler_panic"},
		{"/abort", "RequestStarted RequestFailed status=200 sent=10000 code=aborted_by_app"},
		{"/stream", "RequestStarted StreamOpened StreamClosed ResponseCompleted status=200 sent=10 code="},
		{"/wait", "RequestStarted ClientDisconnected status=0 sent=0 code="},
	} {
		t.Run(tt.path, func(t *testing.T) {
			s, client, hangUp := http2Client(t, mux)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.path == "/wait" {
				go func() { <-entered; cancel() }()
			}
			_, _ = fetch(ctx, t, client, s, tt.path)
			hangUp()
			_ = s.Shutdown(t.Context())
			events := waitClosed(t, s.rec)
			if got := ending(events); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// ending is what happened on a connection with one request.
func ending(events []lifecycle.Event) string {
	text := lifecycletest.Names(events[1 : len(events)-1])
	for _, e := range events {
		if o := lifecycle.OutcomeOf(e); o != nil {
			var code string
			if f, ok := e.(*lifecycle.RequestFailed); ok {
				code = f.Code
			}
			text += " " + strings.Join([]string{"status=" + itoa(o.Status), "sent=" + itoa(int(o.BytesSent)), "code=" + code}, " ")
		}
	}
	return text
}

func TestHTTP2Writer(t *testing.T) {
	s, client, _ := http2Client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, pushes := w.(http.Pusher)
		_, hijacks := w.(http.Hijacker)
		_, readsFrom := w.(io.ReaderFrom)
		if !pushes || hijacks || readsFrom {
			t.Errorf("pushes %t, hijacks %t, reads from %t", pushes, hijacks, readsFrom)
		}
		if err := w.(http.Pusher).Push("/x", nil); err == nil {
			t.Error("the client has switched push off")
		}
		c := http.NewResponseController(w)
		if err := c.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "hello")
	}))
	if body, err := fetch(t.Context(), t, client, s, "/"); body != "hello" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
}
