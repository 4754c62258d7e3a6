package statsd_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// Row H60: nothing is on the wire because of New, and no socket is made before there is a metric.
func TestNoSocketWithoutAMetric(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		c := newClient(t, statsd.Options{Dial: n.dial})
		time.Sleep(time.Minute)
		synctest.Wait()
		if n.dialled() != 0 {
			t.Error("a socket was made for nothing")
		}
		c.Gauge("a", 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := all(n.take()); got != "a:1|g" || n.dialled() != 1 {
			t.Errorf("received %q over %d sockets", got, n.dialled())
		}
	})
}

// Rows H6 and H60: where the metrics go.
func TestAddresses(t *testing.T) {
	for addr, want := range map[string]string{
		"":                         "udp localhost:8125",
		"metrics.example":          "udp metrics.example:8125",
		"metrics.example:9125":     "udp metrics.example:9125",
		"metrics.example:":         "udp metrics.example:8125",
		":9125":                    "udp localhost:9125",
		"[::1]":                    "udp [::1]:8125",
		"[::1]:9125":               "udp [::1]:9125",
		"udp://192.0.2.1:8125":     "udp 192.0.2.1:8125",
		"unix:///run/statsd.sock":  "unixgram /run/statsd.sock",
		"unix://statsd.sock":       "unixgram statsd.sock",
		"unixgram:///run/dsd.sock": "unixgram /run/dsd.sock",
	} {
		t.Run(addr, func(t *testing.T) {
			dialled := make(chan string, 1)
			c := newClient(t, statsd.Options{Addr: addr, Dial: func(_ context.Context, network, address string) (net.Conn, error) {
				dialled <- network + " " + address
				return nil, errDown
			}})
			c.Gauge("a", 1)
			flush(t, c)
			if got := <-dialled; got != want {
				t.Errorf("dialled %q, want %q", got, want)
			}
		})
	}
}

// Row H69: datagrams over UDP and over a Unix socket, several lines in each.
func TestTransports(t *testing.T) {
	for name, listen := range map[string]func(*testing.T) *server{"udp": listenUDP, "unix": listenUnix} {
		t.Run(name, func(t *testing.T) {
			s := listen(t)
			c := newClient(t, statsd.Options{Addr: s.addr, FlushEvery: lateFlush})
			c.Gauge("a", 1)
			c.Gauge("b", 2)
			flush(t, c)
			if got, want := s.packet(t), "a:1|g\nb:2|g"; got != want {
				t.Errorf("received %q, want %q", got, want)
			}
			if got, want := c.Stats(), (statsd.Stats{Lines: 2, Sent: 2, Packets: 1}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// Row H69, as the original has it: one datagram for each metric, when asked for.
func TestUnbatched(t *testing.T) {
	s := listenUDP(t)
	c := newClient(t, statsd.Options{Addr: s.addr, FlushEvery: lateFlush, Unbatched: true})
	c.Gauge("a", -1)
	for _, want := range []string{"a:0|g", "a:-1|g"} {
		if got := s.packet(t); got != want {
			t.Errorf("received %q, want %q", got, want)
		}
	}
}

// A packet is as full as lines can make it and never larger; lines are never cut.
func TestPacketsFillUp(t *testing.T) {
	for name, c := range map[string]struct {
		listen func(*testing.T) *server
		addr   string // the option, if not that of the server
		max    int    // the option
		size   int    // what it comes to
	}{
		"udp":           {listenUDP, "192.0.2.1", 0, 1432},
		"a name":        {listenUDP, "statsd.example:8125", 0, 1432},
		"loopback":      {listenUDP, "", 0, 4000},
		"IPv6 loopback": {listenUDP, "[::1]", 0, 4000},
		"localhost":     {listenUDP, "udp://localhost", 0, 4000},
		"the default":   {listenUDP, "udp://", 0, 4000},
		"unix":          {listenUnix, "", 0, 8192},
		"chosen":        {listenUDP, "", 64, 64},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.listen(t)
			client := newClient(t, statsd.Options{
				Addr: cmp.Or(c.addr, s.addr), FlushEvery: lateFlush, MaxPacketBytes: c.max,
				Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, s.conn.LocalAddr().Network(), s.conn.LocalAddr().String())
				},
			})
			const line = "name:1|g"
			perPacket := (c.size + 1) / (len(line) + 1)
			for range perPacket {
				client.Gauge("name", 1)
			}
			client.Gauge("name", 1) // the one too many is what makes the packet full
			if got, want := s.packet(t), strings.TrimSuffix(strings.Repeat(line+"\n", perPacket), "\n"); got != want {
				t.Errorf("a packet of %d bytes, want one of %d", len(got), len(want))
			}
			flush(t, client)
			if got := s.packet(t); got != line {
				t.Errorf("received %q, want %q", got, line)
			}
		})
	}
}

func TestLinesThatDoNotFitAreCounted(t *testing.T) {
	var n network
	c := newClient(t, statsd.Options{Dial: n.dial, FlushEvery: lateFlush, MaxPacketBytes: 20})
	c.Gauge("exactly.20.bytes", 1)
	c.Gauge("exactly.21.bytes.", 1)
	c.Gauge("split.up", -1) // its two lines do not fit into one packet
	flush(t, c)
	if got, want := all(n.take()), "exactly.20.bytes:1|g\nsplit.up:0|g\nsplit.up:-1|g"; got != want {
		t.Errorf("received %q, want %q", got, want)
	}
	if got, want := c.Stats(), (statsd.Stats{Lines: 4, Sent: 3, Packets: 3, TooLong: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestPartialPacketsAreSentAtTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		c := newClient(t, statsd.Options{Dial: n.dial})
		c.Gauge("a", 1)
		time.Sleep(100*time.Millisecond - 1)
		synctest.Wait()
		if got := n.take(); len(got) > 0 {
			t.Fatalf("sent %q before the interval was over", got)
		}
		c.Gauge("b", 1)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got, want := all(n.take()), "a:1|g\nb:1|g"; got != want {
			t.Errorf("sent %q at the interval, want %q", got, want)
		}
	})
}

// Row H69: a dead server fails nobody. Packets wait for it until there are too many; then the oldest go, and are counted.
func TestDeadServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		n.setDown(errDown)
		c := newClient(t, statsd.Options{Dial: n.dial, Unbatched: true, MaxWaiting: 3})
		c.Gauge("lost", 1)
		synctest.Wait()
		for i := range 5 {
			c.Gauge("waiting", float64(i))
		}
		synctest.Wait()
		if got, want := c.Stats(), (statsd.Stats{Lines: 6, SendFailed: 1, QueueFull: 2, Waiting: 3}); got != want {
			t.Errorf("while it is dead %+v, want %+v", got, want)
		}
		if n.dialled() != 1 {
			t.Errorf("%d dials in the same second, want 1", n.dialled())
		}
		n.setDown(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := all(n.take()), "waiting:2|g\nwaiting:3|g\nwaiting:4|g"; got != want {
			t.Errorf("once it is back it receives %q, want %q", got, want)
		}
		if got, want := c.Stats(), (statsd.Stats{Lines: 6, Sent: 3, Packets: 3, SendFailed: 1, QueueFull: 2}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// A failure after the socket was made gives it up: a Unix socket that is made anew is another one.
func TestServerThatComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statsd.sock")
	before := listenAt(t, path)
	c := newClient(t, statsd.Options{Addr: before.addr, FlushEvery: lateFlush})
	c.Gauge("a", 1)
	flush(t, c)
	before.packet(t)

	before.conn.Close()
	os.Remove(path)
	c.Gauge("b", 1)
	flush(t, c)
	after := listenAt(t, path)
	c.Gauge("c", 1)
	flush(t, c)
	if got := after.packet(t); got != "c:1|g" {
		t.Errorf("received %q", got)
	}
	if got, want := c.Stats(), (statsd.Stats{Lines: 3, Sent: 2, Packets: 2, SendFailed: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Row H69: nobody listens at the UDP port. The kernel says so to the packet after.
func TestNobodyListens(t *testing.T) {
	s := listenUDP(t)
	s.conn.Close()
	c := newClient(t, statsd.Options{Addr: s.addr, FlushEvery: lateFlush, Unbatched: true, MaxWaiting: 8})
	for range 1000 {
		c.Increment("a", 1)
	}
	closeClient(t, c)
	got := c.Stats()
	if got.Lines != 1000 || got.Waiting != 0 || got.Sent+got.Dropped() != 1000 {
		t.Errorf("%+v does not add up to 1000", got)
	}
}

// A server that does not read blocks the client's goroutine, and nobody else. Close with a deadline gives up the rest.
func TestSlowServer(t *testing.T) {
	s := listenUnix(t) // its queue holds a few datagrams, and nobody reads them
	c := newClient(t, statsd.Options{Addr: s.addr, FlushEvery: lateFlush, Unbatched: true, MaxWaiting: 16})
	const lines = 2000
	var adding sync.WaitGroup
	for range 4 {
		adding.Go(func() {
			for range lines / 4 {
				c.Gauge("a", 1)
			}
		})
	}
	adding.Wait()
	if got := c.Stats(); got.QueueFull == 0 {
		t.Errorf("%+v: nothing was dropped", got)
	}

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Flush(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Flush returned %v", err)
	}
	if err := c.Close(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Close returned %v", err)
	}
	got := c.Stats()
	if got.Lines != lines || got.Waiting != 0 || got.Sent+got.Dropped() != lines || got.Closed == 0 {
		t.Errorf("%+v does not add up to %d", got, lines)
	}
}

func TestClose(t *testing.T) {
	s := listenUDP(t)
	c := newClient(t, statsd.Options{Addr: s.addr, FlushEvery: lateFlush})
	c.Gauge("a", 1)
	closeClient(t, c)
	if got := s.packet(t); got != "a:1|g" {
		t.Errorf("received %q", got)
	}
	for range 100 { // on whichever pipe
		c.Increment("late", 1)
	}
	flush(t, c)
	closeClient(t, c)
	if got, want := c.Stats(), (statsd.Stats{Lines: 101, Sent: 1, Packets: 1, Closed: 100}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Row H68, as Gunicorn does: a warning says that metrics were lost. It comes once a minute at most, and may count itself.
func TestWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		n.setDown(errDown)
		var log bytes.Buffer
		var handler slog.Handler
		indirect := slog.New(handlerFunc(func(ctx context.Context, r slog.Record) error { return handler.Handle(ctx, r) }))
		c := newClient(t, statsd.Options{Dial: n.dial, Unbatched: true, ErrorLog: indirect})
		handler = statsd.NewHandler(slog.NewTextHandler(&log, nil), c, statsd.HandlerOptions{})

		for range 290 {
			c.Gauge("a", 1)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		text := log.String()
		if got := strings.Count(text, "\n"); got != 5 {
			t.Errorf("%d warnings in 5 minutes:\n%s", got, text)
		}
		if want := fmt.Sprintf("level=WARN msg=%q dropped_lines=1 error=%q", "Error sending message to statsd", errDown); !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
		n.setDown(nil)
	})
}

type handlerFunc func(context.Context, slog.Record) error

func (f handlerFunc) Enabled(context.Context, slog.Level) bool        { return true }
func (f handlerFunc) Handle(ctx context.Context, r slog.Record) error { return f(ctx, r) }
func (f handlerFunc) WithAttrs([]slog.Attr) slog.Handler              { return f }
func (f handlerFunc) WithGroup(string) slog.Handler                   { return f }

// The accounts agree whenever they are read.
func TestStatsAgree(t *testing.T) {
	var n network
	c := newClient(t, statsd.Options{Dial: n.dial, MaxPacketBytes: 64, MaxWaiting: 2})
	var adding sync.WaitGroup
	for range 4 {
		adding.Go(func() {
			for range 2000 {
				c.Increment("a", 1)
				c.Increment("", 1)
				if s := c.Stats(); s.Lines < s.Sent+s.Dropped() {
					t.Errorf("%+v", s)
				}
			}
		})
	}
	adding.Wait()
	closeClient(t, c)
	if s := c.Stats(); s.Lines != 16000 || s.Waiting != 0 || s.Invalid != 8000 {
		t.Errorf("%+v", s)
	}
}
