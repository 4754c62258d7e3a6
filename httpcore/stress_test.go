package httpcore_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// The stress test has clients do everything that makes a connection change hands, at random, with one server after the other
// that is shut down in the middle of it. More of it, or the same again:
//
//	go test -race -tags checks -run TestStress ./httpcore -stress 5m -seed 42
var (
	stressFor  = flag.Duration("stress", 3*time.Second, "how long TestStress takes")
	stressSeed = flag.Uint64("seed", 0, "the seed of TestStress; 0: another one each time")
)

func TestStress(t *testing.T) {
	seed := *stressSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	each := *stressFor / 2
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil { // the descriptors that the runtime polls with stay
		_ = l.Close()
	}
	if testing.Short() {
		each = min(each, 500*time.Millisecond)
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		before := measure(t)
		var answered, ended int64
		for round, end := uint64(0), time.Now().Add(each); round == 0 || time.Now().Before(end) && !t.Failed(); round++ {
			b := &stress{t: t, random: rand.New(rand.NewPCG(seed, round))}
			b.run(e, min(each, time.Second))
			answered += b.answered.Load()
			ended += b.ended.Load()
		}
		before.backTo(t, 1<<62)
		t.Logf("%d responses were right, %d connections were ended by a side before", answered, ended)
		if answered == 0 || ended == 0 {
			t.Error("too little has happened")
		}
	})
}

// stress is one server and its clients.
type stress struct {
	t        *testing.T
	random   *rand.Rand
	addr     string
	answered atomic.Int64
	ended    atomic.Int64
	draining atomic.Bool
	hasty    bool // the server has timeouts that its clients may not keep
}

// run lets clients loose on a server for about as long as asked, shuts that down while they go on, and looks at what was
// reported.
func (b *stress) run(e httpcore.Engine, lasting time.Duration) {
	t, rec := b.t, new(lifecycletest.Recorder)
	s := &httpcore.Server{
		Engine: e, Workers: 1 + b.random.IntN(3), Collector: rec, ErrorLog: log.New(ownPanics{t}, "", 0),
		Sync: httpcore.SyncHandlerFunc(stressSync), Handler: http.HandlerFunc(b.handle),
	}
	told := new(hookTally)
	if b.random.IntN(2) == 0 {
		s.Hooks = told.hooks()
	}
	if b.hasty = b.random.IntN(2) == 0; b.hasty {
		s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = b.soon(), b.soon(), b.soon(), b.soon()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()

	var clients sync.WaitGroup
	for range 32 {
		random := rand.New(rand.NewPCG(b.random.Uint64(), 0))
		clients.Go(func() {
			for !b.draining.Load() {
				b.client(random)
			}
		})
	}
	time.Sleep(lasting)
	b.draining.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(b.random.IntN(500))*time.Millisecond)
	defer cancel()
	if s.Shutdown(ctx) != nil {
		_ = s.Close()
	}
	if err := <-served; err != httpcore.ErrServerClosed {
		t.Error(err)
	}
	clients.Wait()
	waitClosed(t, rec)
	told.check(t)
	if err := lifecycletest.CheckInvariants(rec.Events()); err != nil {
		t.Error(err)
	}
}

// ownPanics takes what a server logs, and fails when a handler has ended by a panic that is not the handler's own: what the
// server does for a handler is recovered from with it.
type ownPanics struct{ t *testing.T }

// Write implements [io.Writer].
func (o ownPanics) Write(line []byte) (int, error) {
	if text := string(line); strings.HasPrefix(text, "http: panic serving ") && !strings.Contains(text, ": stress\n") {
		o.t.Errorf("the server logs\n%s", text)
	}
	return len(line), nil
}

func (b *stress) soon() time.Duration { return time.Duration(50+b.random.IntN(500)) * time.Millisecond }

// A request says in its target what its handler does, and by a number who it is; the response repeats both, with a sum of
// the body.
func stressAnswer(target string, body []byte) string {
	sum := fnv.New64a()
	sum.Write(body)
	return fmt.Sprintf("%s %d %x\n", target, len(body), sum.Sum64())
}

func stressSync(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
	if r.Path() != "/sync" {
		return false
	}
	w.SetBodyString(stressAnswer(r.Path()+"?"+r.Query(), r.Body()))
	return true
}

// handle does what the path says, and answers.
func (b *stress) handle(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	checkCaller(b.t)
	switch r.URL.Path {
	case "/sleep":
		time.Sleep(3 * time.Millisecond)
	case "/channel":
		woken := make(chan struct{})
		time.AfterFunc(2*time.Millisecond, func() { close(woken) })
		<-woken
	case "/spin":
		for start := time.Now(); time.Since(start) < 2*time.Millisecond; {
			runtime.Gosched()
		}
	case "/watch":
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Millisecond)
		<-ctx.Done()
		cancel()
	case "/flush":
		_ = control.EnableFullDuplex()
		w.WriteHeader(200)
		_ = control.Flush()
	case "/deadline":
		_ = control.SetReadDeadline(time.Now().Add(time.Minute))
		_ = control.SetWriteDeadline(time.Now().Add(time.Minute))
	case "/expired":
		_ = control.SetReadDeadline(time.Now().Add(time.Millisecond))
	case "/panic":
		panic("stress")
	case "/abort":
		panic(http.ErrAbortHandler)
	case "/exit":
		runtime.Goexit()
	case "/thread":
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	case "/hijack":
		b.hijack(control)
		return
	case "/elsewhere": // another goroutine reads and writes
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.answer(w, r)
		}()
		<-done
		return
	}
	b.answer(w, r)
}

// answer reads the body and answers with its sum, and as many more bytes as the query asks for.
func (b *stress) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if r.URL.Path == "/flush" { // its response has begun, and must not look as if it were whole
			panic(http.ErrAbortHandler)
		}
		return
	}
	text := stressAnswer(r.RequestURI, body)
	more, _ := strconv.Atoi(r.URL.Query().Get("more"))
	_, _ = io.WriteString(w, text)
	_, _ = io.WriteString(w, strings.Repeat(text, more/len(text)))
}

// hijack answers and echoes what comes.
func (b *stress) hijack(control *http.ResponseController) {
	nc, rw, err := control.Hijack()
	if err != nil {
		return
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_, _ = io.Copy(nc, rw)
}

// checkCaller fails when a handler is run by a goroutine that has other things to do.
func checkCaller(t *testing.T) {
	buf := make([]byte, 8<<10)
	stack := string(buf[:runtime.Stack(buf, false)])
	for _, other := range []string{").sweep(", ").shutdown(", ").close(", ").acceptFrom("} {
		if strings.Contains(stack, other) {
			t.Errorf("a handler is run by\n%s", stack)
		}
	}
}

// stressPaths are what a pipeline is made of; those of stressEnds come at its end.
var (
	stressPaths = []string{"/sync", "/sync", "/", "/", "/sleep", "/channel", "/spin", "/watch", "/flush", "/deadline", "/thread", "/elsewhere"}
	stressEnds  = []string{"/expired", "/panic", "/abort", "/exit"}
)

// stressRequest is a request and what must come back; want is empty when that may be anything.
type stressRequest struct{ text, want string }

func newStressRequest(random *rand.Rand, path string) stressRequest {
	target := fmt.Sprintf("%s?id=%d", path, random.Uint64())
	more := 0
	if path != "/sync" && random.IntN(8) == 0 {
		more = []int{1000, 5000, 20_000, 300_000}[random.IntN(4)]
		target += fmt.Sprint("&more=", more)
	}
	size := []int{0, 0, 0, 0, 0, 0, 10, 300, 5000, 5000, 30_000, 100_000}[random.IntN(12)]
	body := []byte(strings.Repeat(fmt.Sprintf("%08x", random.Uint32()), 1+size/8)[:size])
	var text strings.Builder
	switch {
	case path != "/sync" && random.IntN(3) == 0:
		fmt.Fprintf(&text, "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", target)
		if size > 0 {
			fmt.Fprintf(&text, "%x\r\n%s\r\n", size, body)
		}
		text.WriteString("0\r\n\r\n")
	default:
		fmt.Fprintf(&text, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", target, size, body)
	}
	answer := stressAnswer(target, body)
	return stressRequest{text.String(), answer + strings.Repeat(answer, more/len(answer))}
}

// client makes one connection, and does one thing with it.
func (b *stress) client(random *rand.Rand) {
	nc, err := net.Dial("tcp", b.addr)
	if err != nil {
		return // the server has been shut down
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	c := &stressClient{b: b, TCPConn: nc.(*net.TCPConn), random: random}
	if random.IntN(10) == 0 {
		_ = c.SetReadBuffer(128 << 10)
	}
	if random.IntN(10) == 0 {
		c.upgrade()
		return
	}
	for range 1 + random.IntN(1+random.IntN(80)) {
		c.requests = append(c.requests, newStressRequest(random, stressPaths[random.IntN(len(stressPaths))]))
	}
	if random.IntN(5) == 0 {
		last := newStressRequest(random, stressEnds[random.IntN(len(stressEnds))])
		c.requests = append(c.requests, stressRequest{text: last.text})
	}
	c.slow, c.resets = random.IntN(4) == 0, random.IntN(5) == 0
	var sending sync.WaitGroup
	defer sending.Wait()
	sender := rand.New(rand.NewPCG(random.Uint64(), 0))
	sending.Go(func() { c.send(sender) })
	c.expect()
	_ = c.Close()
}

// stressClient is one connection.
type stressClient struct {
	*net.TCPConn
	b        *stress
	random   *rand.Rand
	requests []stressRequest
	slow     bool // to read
	resets   bool // somewhere
}

// send sends the requests: at once, or in pieces; and then perhaps shuts its side down, or resets the connection on the way.
func (c *stressClient) send(random *rand.Rand) {
	var all strings.Builder
	for _, r := range c.requests {
		all.WriteString(r.text)
	}
	rest, piece := all.String(), all.Len()
	if c.resets {
		rest = rest[:random.IntN(len(rest))]
	}
	if random.IntN(2) == 0 {
		piece = 1 + all.Len()/(1+random.IntN(50))
	}
	for rest != "" {
		n := min(piece, len(rest))
		if _, err := io.WriteString(c.TCPConn, rest[:n]); err != nil {
			return
		}
		if rest = rest[n:]; piece < all.Len() {
			time.Sleep(time.Duration(random.IntN(1000)) * time.Microsecond)
		}
	}
	switch {
	case c.resets:
		_ = c.SetLinger(0)
		_ = c.Close()
	case !strings.Contains(all.String(), "POST /watch") && random.IntN(3) == 0: // whose handler would take that for the client's end
		_ = c.CloseWrite()
	}
}

// expect reads the responses, each of which is right, until the connection ends, which it may only do for a reason.
func (c *stressClient) expect() {
	r := bufio.NewReader(c.TCPConn)
	for _, request := range c.requests {
		if c.slow {
			time.Sleep(time.Duration(c.random.IntN(5000)) * time.Microsecond)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			c.over(request, err)
			return
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			c.over(request, err)
			return
		}
		if request.want != "" && res.StatusCode == 200 {
			if string(body) != request.want {
				c.b.t.Errorf("%.60q is answered with %d bytes %.100q, want %d bytes %.100q", request.text, len(body), body, len(request.want), request.want)
				return
			}
			c.b.answered.Add(1)
		}
		if res.StatusCode != 200 || res.Close {
			c.over(request, fmt.Errorf("it was answered %s", res.Status))
			return
		}
	}
}

// over is the end of the connection before all responses have come.
func (c *stressClient) over(r stressRequest, err error) {
	c.b.ended.Add(1)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.b.t.Errorf("%.60q is not answered, and the connection does not end", r.text)
	case c.resets, r.want == "", c.b.hasty, c.b.draining.Load():
	default:
		c.b.t.Errorf("%.60q ends the connection: %v", r.text, err)
	}
}

// upgrade takes the connection out of the engine, together with some of what is sent on it.
func (c *stressClient) upgrade() {
	word := strings.Repeat("w", c.random.IntN(50_000))
	go func() {
		_, _ = io.WriteString(c.TCPConn, "GET /hijack HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"+word)
		_ = c.CloseWrite()
	}()
	r := bufio.NewReader(c.TCPConn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 101 {
		if !c.b.hasty && !c.b.draining.Load() {
			c.b.t.Errorf("the upgrade: %v, %v", res, err)
		}
		return
	}
	if got, err := io.ReadAll(r); string(got) != word || err != nil {
		c.b.t.Errorf("the echo of %d bytes has %d, %v", len(word), len(got), err)
	}
}
