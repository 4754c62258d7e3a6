package main

import (
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// statsdLines returns what a StatsD server was sent, and how often each line came, by a server that has ended with this log.
// Lines of different workers may overtake one another; durations are left out.
func statsdLines(t *testing.T, server net.PacketConn, log string) map[string]int {
	t.Helper()
	_, rest, _ := strings.Cut(log, "statsd_lines_sent=")
	number, _, _ := strings.Cut(rest, " ")
	sent, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	duration := regexp.MustCompile(`:[0-9.]+\|ms`)
	server.SetReadDeadline(time.Now().Add(patience))
	lines := map[string]int{}
	for packet := make([]byte, 64<<10); sent > 0; {
		n, _, err := server.ReadFrom(packet)
		if err != nil {
			t.Fatalf("%v; until then there came %v", err, lines)
		}
		for line := range strings.SplitSeq(string(packet[:n]), "\n") {
			lines[duration.ReplaceAllString(line, ":N|ms")]++
			sent--
		}
	}
	return lines
}

func listenPackets(t *testing.T, network, address string) net.PacketConn {
	t.Helper()
	l, err := net.ListenPacket(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// What comes of two requests, one of which fails: their metrics, the record about it, and the workers that came and went.
func TestStatsd(t *testing.T) {
	udp := listenPackets(t, "udp", "127.0.0.1:0")
	socket := filepath.Join(t.TempDir(), "statsd")
	local := listenPackets(t, "unixgram", socket)
	for _, c := range []struct {
		server net.PacketConn
		args   []string
		prefix string
		tags   string
	}{
		{udp, []string{"--statsd", udp.LocalAddr().String()}, "", ""},
		{local, []string{"--statsd", "unix:" + socket, "--statsd-prefix", "shop", "--statsd-tags", "env:test,canary"}, "shop.", "|#env:test,canary"},
	} {
		s := start(t, nil, append([]string{"demo", "--workers", "2"}, c.args...)...)
		s.get("/")
		resp, _ := s.get("/panic")
		if resp.StatusCode != http.StatusInternalServerError {
			t.Errorf("status %d", resp.StatusCode)
		}
		s.stop()
		got := statsdLines(t, c.server, s.stderr.String())
		for name, want := range map[string]int{
			"requests:1|c": 2, "request.status.200:1|c": 1, "request.status.500:1|c": 1, "request.duration:N|ms": 2,
			"log.warning:1|c": 1, "log.error:1|c": 1,
		} {
			if n := got[c.prefix+"hypercorn."+name+c.tags]; n != want {
				t.Errorf("%q came %d times, want %d; all: %v", name, n, want, got)
			}
		}
		if got[c.prefix+"hypercorn.workers:2|g"+c.tags] < 1 || got[c.prefix+"hypercorn.workers:0|g"+c.tags] < 1 {
			t.Errorf("the workers did not come and go; all: %v", got)
		}
		expect(t, "standard error", s.stderr.String(), `msg=stopped .*statsd_lines_sent=\d+ statsd_lines_dropped=0 `)
	}
}

// A server that is not there fails no request, and hinders neither the start nor the end.
func TestNobodyListensForStatsd(t *testing.T) {
	s := start(t, nil, "demo", "--statsd", "unix:"+filepath.Join(t.TempDir(), "nobody"))
	if _, body := s.get("/"); body != greeting {
		t.Errorf("body %q", body)
	}
	waitFor(t, s.admin+"/readyz?verbose", `\[!\] statsd: unix://.*/nobody; lines: \d+ = 0 sent \+ \d+ waiting \+ [1-9]\d* dropped\n`)
	s.stop()
	expect(t, "standard error", s.stderr.String(), `level=WARN msg="Error sending message to statsd" dropped_lines=[1-9]`)
	expect(t, "standard error", s.stderr.String(), `msg=stopped .*statsd_lines_sent=0 statsd_lines_dropped=[1-9]`)
}
