package main

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes connects a steady load with as many servers, each of which takes some time for a request.
func pipes(t *testing.T, n int, takes func(request int) time.Duration) *steady {
	t.Helper()
	var s steady
	for range n {
		client, server := net.Pipe()
		s.conns = append(s.conns, client)
		go func() {
			defer server.Close()
			for i := 0; ; i++ {
				if _, err := io.ReadFull(server, make([]byte, len(crowdRequest))); err != nil {
					return
				}
				time.Sleep(takes(i))
				fmt.Fprintf(server, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(greeting), greeting)
			}
		}()
	}
	return &s
}

func TestSteadyLoadHasAConstantRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pipes(t, 10, func(int) time.Duration { return time.Millisecond })
		s.start(time.Now())
		for range 2 {
			time.Sleep(time.Second)
			// A lap begins and ends among requests of the same moment, of which it has some.
			got := s.lap()
			if math.Abs(got.PerSecond-steadyRate) > 10 || got.P50 != time.Millisecond || got.P99 != time.Millisecond || got.Failed != "" {
				t.Errorf("got %+v, want %d requests of 1ms", got, steadyRate)
			}
		}
		s.last()
	})
}

// A server that hesitates for 100 ms holds up the 50 requests that its connection had to make meanwhile, not only one.
func TestSteadyLoadChargesAllRequestsThatWereHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, stalled = 10, 5
		s := pipes(t, n, func(i int) time.Duration {
			if i == stalled {
				return 100 * time.Millisecond
			}
			return 0
		})
		s.start(time.Now())
		time.Sleep(time.Second)
		s.mu.Lock()
		late, sum := 0, time.Duration(0)
		for _, l := range s.latencies {
			if l > 0 {
				late++
				sum += l
			}
		}
		s.mu.Unlock()
		s.last()
		// A connection makes a request every 2 ms: those that come 2, 4, ... 98 ms after the one that takes 100 ms wait for the rest.
		if late != n*50 || sum != n*2550*time.Millisecond {
			t.Errorf("%d requests are late, by %v in all", late, sum)
		}
	})
}

func TestSteadyLoadSaysWhatEndedIt(t *testing.T) {
	var answered atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answered.Add(1) > 100 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		hello(w, r)
	}))
	defer s.Close()
	p, err := start(t.Context(), nil, roleSteady, s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var all lap
	for all.Failed == "" {
		var l lap
		if err := p.ask(askLap, &l); err != nil {
			t.Fatal(err)
		}
		all.Requests, all.Failed = all.Requests+l.Requests, l.Failed
	}
	var last lap
	if err := p.ask(askLast, &last); err != nil {
		t.Error(err)
	}
	if n := all.Requests + last.Requests; n != 100 || !strings.Contains(all.Failed, "503") {
		t.Errorf("%d requests were answered, and then %s", n, all.Failed)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

func TestSteadyLoadRefusesOtherQuestions(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(hello))
	defer s.Close()
	for _, c := range []struct {
		args     []string
		question string
	}{{nil, ""}, {[]string{"127.0.0.1:1"}, ""}, {[]string{s.Listener.Addr().String()}, "turns"}} {
		if err := runSteady(t.Context(), c.args, strings.NewReader(c.question+"\n"), io.Discard); err == nil {
			t.Errorf("%q of %q was taken", c.question, c.args)
		}
	}
}
