package statsd_test

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// server receives datagrams, as a StatsD server does.
type server struct {
	addr string // for Options.Addr
	conn net.PacketConn
}

func listenUDP(t *testing.T) *server {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &server{conn.LocalAddr().String(), conn}
}

func listenUnix(t *testing.T) *server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "statsd.sock")
	return listenAt(t, path)
}

func listenAt(t *testing.T, path string) *server {
	t.Helper()
	conn, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &server{"unix://" + path, conn}
}

// packet returns the next datagram. The deadline is only for a test that fails.
func (s *server) packet(t *testing.T) string {
	t.Helper()
	buf := make([]byte, 64<<10)
	s.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, _, err := s.conn.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// lines returns the next n lines, in whatever packets they come.
func (s *server) lines(t *testing.T, n int) []string {
	t.Helper()
	var lines []string
	for len(lines) < n {
		lines = append(lines, strings.Split(s.packet(t), "\n")...)
	}
	return lines
}

// linesAfter returns all lines that come until act has returned, even if the socket cannot hold them.
func (s *server) linesAfter(t *testing.T, act func()) []string {
	t.Helper()
	var lines []string
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 64<<10)
		for {
			n, _, err := s.conn.ReadFrom(buf)
			if err != nil || n == 0 { // an empty datagram is the last
				return
			}
			lines = append(lines, strings.Split(string(buf[:n]), "\n")...)
		}
	}()
	act()
	end, err := net.Dial(s.conn.LocalAddr().Network(), s.conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	end.Write(nil)
	<-ended
	return lines
}

// lateFlush leaves flushing to the test.
const lateFlush = time.Hour

func newClient(t *testing.T, o statsd.Options) *statsd.Client {
	t.Helper()
	c, err := statsd.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeClient(t, c) })
	return c
}

func closeClient(t *testing.T, c *statsd.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		t.Error(err)
	}
}

func flush(t *testing.T, c *statsd.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// sent returns the lines that a server receives of what use does to a client of a single packet at a time, in an
// order that does not depend on which pipe each went through.
func sent(t *testing.T, o statsd.Options, use func(*statsd.Client)) []string {
	t.Helper()
	s := listenUDP(t)
	o.Addr = s.addr
	o.FlushEvery = lateFlush
	c := newClient(t, o)
	use(c)
	flush(t, c)
	stats := c.Stats()
	lines := s.lines(t, int(stats.Sent))
	slices.Sort(lines)
	return lines
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("received\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
