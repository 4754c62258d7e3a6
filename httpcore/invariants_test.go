package httpcore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// everything is a server of which each path does something else that a handler may do.
func everything() *httpcore.Server {
	s := mixed()
	plain := s.Handler
	mux := http.NewServeMux()
	mux.Handle("/", plain)
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("no") })
	mux.HandleFunc("/late-panic", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "10") })
	mux.HandleFunc("/large", large(300_000))
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		for i := range 1000 {
			if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil || r.Context().Err() != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/wait", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/upgrade", func(w http.ResponseWriter, _ *http.Request) {
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer nc.Close()
		_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(nc, rw)
	})
	s.Handler = mux
	return s
}

// someone is one of the many clients of TestInvariantsOfEverything.
type someone struct {
	random *rand.Rand
	addr   string
	good   *atomic.Int64 // responses that were as they must be
}

// act makes one connection and does something with it.
func (p *someone) act() error {
	nc, err := net.Dial("tcp", p.addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	c, r := nc.(*net.TCPConn), bufio.NewReader(nc)
	acts := []func(*net.TCPConn, *bufio.Reader) error{p.pipeline, p.pipeline, p.slowly, p.wrongly, p.half, p.upgrade, p.leave, p.leave, p.reset}
	return acts[p.random.IntN(len(acts))](c, r)
}

// expect reads a response to each of the requests whose bodies are given.
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

func (p *someone) pipeline(c *net.TCPConn, r *bufio.Reader) error {
	requests, want := mix(p.random, 1+p.random.IntN(20))
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, requests)
		sent <- err
	}()
	return errors.Join(p.expect(r, want...), <-sent)
}

func (p *someone) slowly(c *net.TCPConn, r *bufio.Reader) error {
	requests, want := mix(p.random, 2)
	for rest := requests; rest != ""; {
		n := min(1+p.random.IntN(1+len(requests)/5), len(rest))
		if _, err := io.WriteString(c, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
		time.Sleep(time.Duration(p.random.IntN(1000)) * time.Microsecond)
	}
	return p.expect(r, want...)
}

// wrongly sends a request that the server refuses, or whose handler fails.
func (p *someone) wrongly(c *net.TCPConn, r *bufio.Reader) error {
	bad := []string{"/panic", "/short", "/late-panic"}
	request, status := get(bad[p.random.IntN(len(bad))]), 0
	if p.random.IntN(2) == 0 {
		one := refusals[p.random.IntN(len(refusals)-3)] // the last ones need the handler of refusing
		request, status = one.request, one.status
	}
	_, _ = io.WriteString(c, request)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	if status != 0 && res.StatusCode != status {
		return fmt.Errorf("%.100q was answered %s, want %d", request, res.Status, status)
	}
	return nil
}

func (p *someone) half(c *net.TCPConn, r *bufio.Reader) error {
	requests, want := mix(p.random, 3)
	go func() {
		_, _ = io.WriteString(c, requests)
		_ = c.CloseWrite()
	}()
	if err := p.expect(r, want...); err != nil {
		return err
	}
	if b, err := io.ReadAll(r); len(b) > 0 || err != nil {
		return fmt.Errorf("behind the last response there is %q, %w", b, err)
	}
	return nil
}

func (p *someone) upgrade(c *net.TCPConn, r *bufio.Reader) error {
	word := strings.Repeat("w", p.random.IntN(10_000))
	go func() {
		_, _ = io.WriteString(c, "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"+word)
		_ = c.CloseWrite()
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
func (p *someone) leave(c *net.TCPConn, r *bufio.Reader) error {
	path := []string{"/events", "/large", "/wait"}[p.random.IntN(3)]
	_, _ = io.WriteString(c, get("/first")+get(path)+get("/never"))
	if err := p.expect(r, "/first "); err != nil {
		return err
	}
	if path != "/wait" {
		_, _ = io.CopyN(io.Discard, r, int64(p.random.IntN(4000)))
	}
	if p.random.IntN(2) == 0 {
		_ = c.SetLinger(0)
	}
	return nil
}

// reset resets the connection somewhere in its requests.
func (p *someone) reset(c *net.TCPConn, _ *bufio.Reader) error {
	requests, _ := mix(p.random, 3)
	_, _ = io.WriteString(c, requests[:p.random.IntN(len(requests))])
	_ = c.SetLinger(0)
	return nil
}

// TestInvariantsOfEverything: good, bad, slow, aborted, upgraded and pipelined connections all at once, and after that
// the events of all of them agree with each other, and nothing is left.
func TestInvariantsOfEverything(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		people, acts := 16, 50
		if testing.Short() {
			acts = 5
		}
		before := measure(t)
		rec := new(lifecycletest.Recorder)
		s := everything()
		s.Engine, s.Collector, s.ErrorLog = e, rec, discard
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()

		var good atomic.Int64
		errs := make(chan error, people*acts)
		var all sync.WaitGroup
		for i := range people {
			all.Go(func() {
				p := &someone{random: rand.New(rand.NewPCG(seed, uint64(i))), addr: l.Addr().String(), good: &good}
				for range acts {
					if err := p.act(); err != nil {
						errs <- err
					}
				}
			})
		}
		all.Wait()
		close(errs)
		for err := range errs {
			t.Error(err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != httpcore.ErrServerClosed {
			t.Error(err)
		}
		before.backTo(t, 1<<62) // the recorder has the events of all
		checkSums(t, rec.Events(), people*acts, good.Load())
	})
}

// checkSums compares the events with what the clients saw.
func checkSums(t *testing.T, events []lifecycle.Event, connections int, good int64) {
	t.Helper()
	if err := lifecycletest.CheckInvariants(events); err != nil {
		t.Error(err)
	}
	counts := map[string]int{}
	for _, e := range events {
		counts[e.Name()]++
	}
	t.Log(counts, good)
	started, failed := counts["RequestStarted"], 0
	for _, f := range lifecycletest.Of[*lifecycle.RequestFailed](events) {
		if f.Started {
			failed++
		}
	}
	switch {
	case counts["ConnectionOpened"] > connections, counts["ConnectionOpened"] < connections*9/10: // some are reset before they are accepted
		t.Errorf("of %d connections %d were opened", connections, counts["ConnectionOpened"])
	case counts["ConnectionOpened"] != counts["ConnectionCompleted"]:
		t.Errorf("%d connections were opened, %d completed", counts["ConnectionOpened"], counts["ConnectionCompleted"])
	case started != counts["ResponseCompleted"]+counts["ClientDisconnected"]+failed:
		t.Errorf("%d requests were started, %d completed, %d ended with the client and %d failed", started, counts["ResponseCompleted"], counts["ClientDisconnected"], failed)
	case int64(counts["ResponseCompleted"]) < good:
		t.Errorf("%d responses were completed, but clients have got %d", counts["ResponseCompleted"], good)
	case counts["StreamOpened"] != counts["StreamClosed"]:
		t.Errorf("%d streams were opened, %d closed", counts["StreamOpened"], counts["StreamClosed"])
	}
	for _, name := range []string{"ResponseCompleted", "RequestFailed", "ClientDisconnected", "StreamOpened"} {
		if counts[name] == 0 {
			t.Errorf("there is no %s", name)
		}
	}
}
