package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCrowdUsesEachConnectionInItsTurn(t *testing.T) {
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c, err := gather(t.Context(), s.Listener.Addr().String(), 250)
	defer c.close()
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.turns(200 * time.Millisecond)
	if err != nil || l.PerSecond <= 0 || l.P50 <= 0 || l.P99 < l.P50 {
		t.Errorf("got %+v, %v", l, err)
	}
	if n := opened.Load(); n != 250 || len(c.shares) != 2 || len(c.shares[0]) != 125 {
		t.Errorf("%d connections in %d shares, want 250 in 2", n, len(c.shares))
	}
}

func TestExchangeRefusesWhatIsNotTheGreeting(t *testing.T) {
	for _, response := range []string{
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 13\r\n\r\n" + greeting,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
		"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 2*kibibyte),
	} {
		client, server := net.Pipe()
		go func() {
			_, _ = io.ReadFull(server, make([]byte, len(crowdRequest)))
			_, _ = io.WriteString(server, response)
			server.Close()
		}()
		if err := exchange(client, make([]byte, kibibyte)); err == nil {
			t.Errorf("%.60q was taken", response)
		}
		client.Close()
	}
}

func TestGatherSaysWhatFailed(t *testing.T) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c, err := gather(t.Context(), l.Addr().String(), 5)
	c.close()
	if err == nil || !strings.Contains(err.Error(), "open connection 0") {
		t.Errorf("got %v", err)
	}
}

func TestCrowdRefusesOtherQuestions(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(hello))
	defer s.Close()
	addr := s.Listener.Addr().String()
	for _, c := range []struct {
		args     []string
		question string
	}{{[]string{addr}, ""}, {[]string{addr, "x"}, ""}, {[]string{addr, "1"}, "flush"}, {[]string{addr, "1"}, "turns around"}} {
		if err := runCrowd(t.Context(), c.args, strings.NewReader(c.question+"\n"), io.Discard); err == nil {
			t.Errorf("%q of %q was taken", c.question, c.args)
		}
	}
}

func TestNewLoad(t *testing.T) {
	var latencies []time.Duration
	for i := range 101 {
		latencies = append(latencies, time.Duration(100-i)*time.Millisecond)
	}
	want := load{PerSecond: 50.5, P50: 50 * time.Millisecond, P99: 99 * time.Millisecond}
	if got := newLoad(latencies, 2*time.Second); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := newLoad(nil, time.Second); got != (load{}) {
		t.Errorf("got %+v of nothing", got)
	}
}

func TestRoom(t *testing.T) {
	if err := room(10); err != nil {
		t.Error(err)
	}
	if err := room(1_000_000_000); err == nil {
		t.Error("there is room for a billion connections")
	}
}
