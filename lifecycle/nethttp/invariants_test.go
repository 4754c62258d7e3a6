package nethttp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/nethttp"
)

// everything is a handler of which each path does something else that a handler may do.
func everything() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello/{n}", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.PathValue("n")) })
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("no") })
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { runtime.Goexit() })
	mux.HandleFunc("/late-panic", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "10") })
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 300_000)) })
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		for i := range 1000 {
			if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil || r.Context().Err() != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/wait", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/upgrade", upgrade)
	mux.HandleFunc("/upgrade-panic", func(w http.ResponseWriter, r *http.Request) {
		defer panic("after the tunnel")
		upgrade(w, r)
	})
	return mux
}

// someone is one of the many clients of TestInvariantsOfEverything.
type someone struct {
	random *rand.Rand
	addr   string
	secure *tls.Config // nil: without TLS
	good   *atomic.Int64
}

// act makes one connection and does something with it.
func (p *someone) act() error {
	nc, err := net.Dial("tcp", p.addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	tcp := nc.(*net.TCPConn)
	if p.secure != nil {
		nc = tls.Client(nc, p.secure)
	}
	r := bufio.NewReader(nc)
	switch p.random.IntN(8) {
	case 0, 1:
		return p.pipeline(nc, r)
	case 2:
		return p.slowly(nc, r)
	case 3:
		return p.wrongly(nc, r)
	case 4:
		return p.upgrade(nc, r)
	case 5, 6:
		return p.leave(nc, tcp, r)
	}
	return p.reset(nc, tcp)
}

// mix returns n requests and the bodies of their responses.
func (p *someone) mix(n int) (requests string, want []string) {
	for i := range n {
		word := fmt.Sprint("word", i)
		if p.random.IntN(2) == 0 {
			requests += get("/hello/" + word)
		} else {
			requests += fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", len(word), word)
		}
		want = append(want, word)
	}
	return requests, want
}

func (p *someone) expect(r *bufio.Reader, want ...string) error {
	for i, w := range want {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return fmt.Errorf("response %d: %w", i, err)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 || string(b) != w {
			return fmt.Errorf("response %d: %s %.100q, %w", i, res.Status, b, err)
		}
		p.good.Add(1)
	}
	return nil
}

func (p *someone) pipeline(c net.Conn, r *bufio.Reader) error {
	requests, want := p.mix(1 + p.random.IntN(20))
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, requests)
		sent <- err
	}()
	return errors.Join(p.expect(r, want...), <-sent)
}

func (p *someone) slowly(c net.Conn, r *bufio.Reader) error {
	requests, want := p.mix(2)
	for rest := requests; rest != ""; {
		n := min(1+p.random.IntN(1+len(requests)/5), len(rest))
		if _, err := io.WriteString(c, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
		runtime.Gosched()
	}
	return p.expect(r, want...)
}

// wrongly sends what is no request, or one whose handler fails.
func (p *someone) wrongly(c net.Conn, r *bufio.Reader) error {
	bad := []string{get("/panic"), get("/exit"), get("/short"), get("/late-panic"), get("/upgrade-panic"), "what?\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"}
	_, _ = io.WriteString(c, get("/hello/first")+bad[p.random.IntN(len(bad))])
	err := p.expect(r, "first")
	_ = closeWrite(c)
	_, _ = io.Copy(io.Discard, r)
	return err
}

func closeWrite(c net.Conn) error { return c.(interface{ CloseWrite() error }).CloseWrite() }

func (p *someone) upgrade(c net.Conn, r *bufio.Reader) error {
	word := strings.Repeat("w", p.random.IntN(10_000))
	go func() {
		_, _ = io.WriteString(c, "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"+word)
		_ = closeWrite(c)
	}()
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 101 {
		return fmt.Errorf("the upgrade: %v, %w", res, err)
	}
	if b, err := io.ReadAll(r); string(b) != word || err != nil {
		return fmt.Errorf("the echo of %d bytes has %d, %w", len(word), len(b), err)
	}
	return nil
}

// leave goes away in the middle of a response, or of the wait for it.
func (p *someone) leave(c net.Conn, tcp *net.TCPConn, r *bufio.Reader) error {
	path := []string{"/events", "/large", "/wait"}[p.random.IntN(3)]
	_, _ = io.WriteString(c, get("/hello/first")+get(path)+get("/never"))
	if err := p.expect(r, "first"); err != nil {
		return err
	}
	if path != "/wait" {
		_, _ = io.CopyN(io.Discard, r, int64(p.random.IntN(4000)))
	}
	if p.random.IntN(2) == 0 {
		_ = tcp.SetLinger(0)
	}
	return nil
}

// reset resets the connection somewhere in its requests, or in the handshake.
func (p *someone) reset(c net.Conn, tcp *net.TCPConn) error {
	requests, _ := p.mix(3)
	if p.random.IntN(3) == 0 {
		c = tcp
	}
	_, _ = io.WriteString(c, requests[:p.random.IntN(len(requests))])
	_ = tcp.SetLinger(0)
	return nil
}

// overHTTP2 fetches everything on one connection, many requests at once.
func overHTTP2(addr string, secure *tls.Config, requests int, good *atomic.Int64) {
	transport := &http.Transport{TLSClientConfig: secure.Clone(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	paths := []string{"/hello/word", "/hello/word", "/panic", "/exit", "/late-panic", "/short", "/large", "/events", "/wait", "/upgrade"}
	if res, err := client.Get("https://" + addr + "/hello/first"); err == nil { // one connection for all that follow
		res.Body.Close()
	}
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			path := paths[i%len(paths)]
			if path == "/wait" || path == "/events" && i%3 == 0 {
				defer time.AfterFunc(time.Duration(i)*time.Millisecond, cancel).Stop()
			}
			r, err := http.NewRequestWithContext(ctx, "GET", "https://"+addr+path, nil)
			if err != nil {
				return
			}
			res, err := client.Do(r)
			if err != nil {
				return
			}
			defer res.Body.Close()
			if _, err := io.Copy(io.Discard, res.Body); err == nil && res.StatusCode == 200 {
				good.Add(1)
			}
		})
	}
	all.Wait()
}

// resources are what a server may not keep.
type resources struct{ files, goroutines int }

func measure(t *testing.T) resources {
	t.Helper()
	r := resources{goroutines: runtime.NumGoroutine()}
	if runtime.GOOS == "linux" {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		r.files = len(files)
	}
	return r
}

// backTo waits until descriptors and goroutines are back where they were: nothing tells of their end.
func (r resources) backTo(t *testing.T) {
	t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		now := measure(t)
		if now.files <= r.files && now.goroutines <= r.goroutines {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("left open: %d descriptors, %d goroutines", now.files-r.files, now.goroutines-r.goroutines)
		}
	}
}

// TestInvariantsOfEverything: good, bad, slow, aborted, upgraded and pipelined connections, with TLS and HTTP/2 and without,
// all at once, and after that the events of all of them agree with each other, and nothing is left.
func TestInvariantsOfEverything(t *testing.T) {
	people, acts := 8, 40
	if testing.Short() {
		acts = 5
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	certificate, pool := certificate()
	before := measure(t)
	rec := new(lifecycletest.Recorder)
	plain, plainAddr, stopPlain := serving(t, rec, nil)
	secured, securedAddr, stopSecured := serving(t, rec, &tls.Config{Certificates: []tls.Certificate{certificate}})

	var good atomic.Int64
	errs := make(chan error, people*acts)
	var all sync.WaitGroup
	for i := range people {
		p := &someone{random: rand.New(rand.NewPCG(seed, uint64(i))), addr: plainAddr, good: &good}
		if i%2 == 1 {
			p.addr, p.secure = securedAddr, secureFor(pool)
		}
		all.Go(func() {
			for range acts {
				if err := p.act(); err != nil {
					errs <- err
				}
			}
		})
	}
	all.Go(func() { overHTTP2(securedAddr, secureFor(pool), people*acts, &good) })
	all.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	for _, err := range []error{plain.Shutdown(context.Background()), secured.Shutdown(context.Background()), stopPlain(), stopSecured()} {
		if err != nil && err != http.ErrServerClosed {
			t.Error(err)
		}
	}
	events := waitClosed(t, rec) // upgraded connections are not waited for by Shutdown
	before.backTo(t)
	checkSums(t, events, good.Load())
}

// serving starts a server of everything. The function that it returns waits for its end.
func serving(t *testing.T, rec *lifecycletest.Recorder, secure *tls.Config) (s *nethttp.Server, addr string, wait func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = nethttp.Attach(&http.Server{Handler: everything(), ErrorLog: discard, TLSConfig: secure}, rec)
	served := make(chan error, 1)
	go func() {
		if secure == nil {
			served <- s.Serve(l)
			return
		}
		served <- s.ServeTLS(l, "", "")
	}()
	return s, l.Addr().String(), func() error { return <-served }
}

func secureFor(pool *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: pool, ServerName: "example.com"}
}

// checkSums compares the events with what the clients saw.
func checkSums(t *testing.T, events []lifecycle.Event, good int64) {
	t.Helper()
	if err := lifecycletest.CheckInvariants(events); err != nil {
		t.Error(err)
	}
	counts := map[string]int{}
	for _, e := range events {
		counts[e.Name()]++
		if e, ok := e.(*lifecycle.ConnectionOpened); ok {
			counts[e.Protocol]++
		}
	}
	t.Log(counts, good)
	switch {
	case counts["RequestStarted"] != counts["ResponseCompleted"]+counts["ClientDisconnected"]+counts["RequestFailed"]:
		t.Error("requests that were started have not ended")
	case int64(counts["ResponseCompleted"]) < good:
		t.Errorf("%d responses were completed, but clients have got %d", counts["ResponseCompleted"], good)
	}
	for _, name := range []string{"ResponseCompleted", "RequestFailed", "ClientDisconnected", "StreamOpened", "TLSHandshakeFailed", "h1", "h2"} {
		if counts[name] == 0 && !testing.Short() {
			t.Errorf("there is no %s", name)
		}
	}
}
