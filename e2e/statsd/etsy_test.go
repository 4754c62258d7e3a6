package statsd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// metrics is what StatsD has received so far.
type metrics struct {
	Counters map[string]float64   `json:"counters"`
	Gauges   map[string]float64   `json:"gauges"`
	Timers   map[string][]float64 `json:"timers"`
}

// etsy is a StatsD that runs.
type etsy struct {
	addr string
	out  *bufio.Scanner
	sum  metrics
}

// startEtsy installs StatsD as etsy/package-lock.json has it, and starts it.
func startEtsy(t *testing.T) *etsy {
	t.Helper()
	for _, command := range []string{"node", "npm"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("StatsD runs on Node.js: %v", err)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("etsy")); err != nil {
		t.Fatal(err)
	}
	install := command(t.Context(), dir, "npm", "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund")
	if err := install.Run(); err != nil {
		t.Skipf("StatsD cannot be installed here: %s: %v", install, err)
	}

	s := &etsy{addr: freeAddress(t), sum: metrics{map[string]float64{}, map[string]float64{}, map[string][]float64{}}}
	host, port, _ := net.SplitHostPort(s.addr)
	config := fmt.Sprintf(`{address: %q, port: %s, mgmt_address: %[1]q, mgmt_port: %[2]s, flushInterval: 100, backends: [%q]}`,
		host, port, filepath.Join(dir, "backend.js"))
	if err := os.WriteFile(filepath.Join(dir, "config.js"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := command(t.Context(), dir, "node", "node_modules/statsd/stats.js", "config.js")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewScanner(out)
	s.out.Buffer(nil, 1<<20)
	t.Cleanup(func() { // t.Context has ended, which kills it
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	return s
}

func command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir) // where npm leaves its compile cache
	cmd.Stderr = os.Stderr
	return cmd
}

func freeAddress(t *testing.T) string {
	t.Helper()
	for range 10 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := packets.LocalAddr().String()
		packets.Close()
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

// waitFor adds up what StatsD flushes until done says that it is enough. again, if not nil, is called at each flush.
func (s *etsy) waitFor(t *testing.T, done func(*metrics) bool, again func()) {
	t.Helper()
	give := time.AfterFunc(time.Minute, func() { panic("StatsD does not receive what it was sent") })
	defer give.Stop()
	for !done(&s.sum) {
		if !s.out.Scan() {
			t.Fatalf("StatsD ended: %v", s.out.Err())
		}
		var flushed metrics
		if err := json.Unmarshal(s.out.Bytes(), &flushed); err != nil {
			continue // its own log
		}
		s.add(&flushed)
		if again != nil {
			again()
		}
	}
}

func (s *etsy) add(flushed *metrics) {
	for name, v := range flushed.Counters {
		s.sum.Counters[name] += v
	}
	for name, v := range flushed.Gauges {
		s.sum.Gauges[name] = v
	}
	for name, v := range flushed.Timers {
		s.sum.Timers[name] = append(s.sum.Timers[name], v...)
	}
}

// Rows H61 to H67 and H70, as Etsy's StatsD understands them.
func TestEtsyUnderstands(t *testing.T) {
	s := startEtsy(t)
	c, err := statsd.New(statsd.Options{Addr: s.addr, Prefix: "shop."})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	s.waitFor(t, func(m *metrics) bool { return m.Counters["shop.ready"] > 0 }, func() { c.Increment("ready", 1) })

	const requests, increments = 20, 4000
	serve(t, c, requests)
	c.Gauge("below", 5)
	c.Gauge("below", -3)
	c.Gauge("changed", 10)
	c.GaugeDelta("changed", 5)
	c.GaugeDelta("changed", -7)
	c.Increment("tagged", 2, statsd.Tag{Key: "country", Value: "fr"})
	c.Decrement("left", 4)
	c.Timing("timing", 1500*time.Microsecond)
	c.Histogram("histogram", 2.5)
	c.Increment("forged:1|c\nshop.hypercorn.requests", 1)
	for range increments {
		c.Sampled(0.5).Increment("sampled", 1)
		if c.Stats().Waiting > 10_000 {
			t.Fatal("lines pile up")
		}
	}
	c.Gauge("last", 1)
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent := c.Stats().Sent
	s.waitFor(t, func(m *metrics) bool { return m.Counters["statsd.metrics_received"] >= float64(sent) }, nil)

	for name, want := range map[string]float64{
		"shop.hypercorn.requests":                 requests,
		"shop.hypercorn.request.status.200":       requests,
		"shop.tagged;country=fr":                  2,
		"shop.left":                               -4,
		"shop.forged_1_c_shop.hypercorn.requests": 1,
		"statsd.bad_lines_seen":                   0,
	} {
		if got := s.sum.Counters[name]; got != want {
			t.Errorf("counter %s is %v, want %v", name, got, want)
		}
	}
	// Half of them were sent, and count twice: the deviation is 63.
	if got := s.sum.Counters["shop.sampled"]; got < increments-450 || got > increments+450 {
		t.Errorf("a counter at a rate of 0.5 comes to %v, and %d were counted", got, increments)
	}
	for name, want := range map[string]float64{"shop.below": -3, "shop.changed": 8} {
		if got := s.sum.Gauges[name]; got != want {
			t.Errorf("gauge %s is %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string][]float64{"shop.timing": {1.5}, "shop.histogram": {2.5}} {
		if got := s.sum.Timers[name]; !slices.Equal(got, want) {
			t.Errorf("timer %s is %v, want %v", name, got, want)
		}
	}
	if got := len(s.sum.Timers["shop.hypercorn.request.duration"]); got != requests {
		t.Errorf("%d durations, want %d", got, requests)
	}
}

// serve has a real server answer n requests.
func serve(t *testing.T, c *statsd.Client, n int) {
	t.Helper()
	server := &httpcore.Server{
		Collector: statsd.NewCollector(c),
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	const request = "GET / HTTP/1.1\r\nHost: a\r\n"
	io.WriteString(conn, strings.Repeat(request+"\r\n", n-1)+request+"Connection: close\r\n\r\n")
	io.Copy(io.Discard, conn)
	conn.Close()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-served
}
