package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCollectorsTellOfEveryRequest: what is measured is done, and what is not asked for is not.
func TestCollectorsTellOfEveryRequest(t *testing.T) {
	const requests = 20
	o := &options{dir: t.TempDir()}
	for _, name := range collected {
		t.Run(name, func(t *testing.T) {
			r := &result{scenario: *scenarioNamed(t, eachCollector), server: *candidateNamed(name)}
			audience, environment, err := gatherAudience(t.Context(), o, r)
			if err != nil {
				t.Fatal(err)
			}
			defer audience.leave()
			server, err := start(t.Context(), environment, roleServer, name, eachCollector, o.dir)
			if err != nil {
				t.Fatal(err)
			}
			defer server.stop()
			request(t, server.addr, requests)
			if err := settle(t.Context(), server); err != nil {
				t.Fatal(err)
			}
			var trouble string
			if err := server.ask(askFlush, &trouble); err != nil || trouble != "" {
				t.Errorf("the flush: %q, %v", trouble, err)
			}
			var seen sample
			for ask := true; ask; ask = r.server.statsd && seen.told.Requests < requests { // a datagram is read some time
				if err := audience.ask(&seen); err != nil {
					t.Fatal(err)
				}
			}
			if got := seen.received.ServerSpans; r.server.traced != (got == requests) || !r.server.traced && got > 0 {
				t.Errorf("%d spans", got)
			}
			if got := seen.told.Requests; got != 0 && got != requests || got > 0 && seen.told.Datagrams == 0 {
				t.Errorf("StatsD has %+v", seen.told)
			}
			lines, err := os.ReadFile(filepath.Join(o.dir, accessLogFile))
			if n := bytes.Count(lines, []byte("\"GET / HTTP/1.1\" 200 13 ")); err == nil && n != requests {
				t.Errorf("%d lines:\n%s", n, lines)
			}
			if wanted := name == accessLogHandler || name == allHandler; wanted != (err == nil) {
				t.Errorf("an access log: %v", err)
			}
			_ = os.Remove(filepath.Join(o.dir, accessLogFile))
		})
	}
}

// request makes so many requests on one connection.
func request(t *testing.T, addr string, n int) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buffer := make([]byte, kibibyte)
	for range n {
		if err := exchange(c, buffer); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCollectorSaysWhatIsMissing(t *testing.T) {
	broken := errors.New("it is broken")
	has := func(n uint64, err error) func() (uint64, error) { return func() (uint64, error) { return n, err } }
	for _, c := range []struct {
		collector collector
		want      string // "" is nothing
	}{
		{collector{}, ""},
		{collector{recorded: has(4, nil)}, ""},
		{collector{recorded: has(5, nil)}, ""}, // requests that no handler saw
		{collector{recorded: has(3, nil)}, "look into the books: it has only 3 of 4 requests"},
		{collector{recorded: has(4, broken)}, "look into the books: it is broken"},
		{collector{flush: func(context.Context) error { return broken }, recorded: has(4, nil)}, "flush the books: it is broken"},
	} {
		c.collector.name = "books"
		got := ""
		if err := c.collector.complete(t.Context(), 4); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestStatsdRefusesOtherQuestions(t *testing.T) {
	for _, c := range []struct {
		args     []string
		question string
	}{{[]string{"x"}, askAccount}, {nil, askTurns}} {
		if err := runStatsd(t.Context(), c.args, strings.NewReader(c.question+"\n"), new(bytes.Buffer)); err == nil {
			t.Errorf("%q of %q was taken", c.question, c.args)
		}
	}
}
