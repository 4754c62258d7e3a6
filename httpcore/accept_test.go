package httpcore_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// startListening serves on the listener that the server itself makes.
func startListening(t *testing.T, s *httpcore.Server) *site {
	t.Helper()
	s.Addr = "127.0.0.1:0"
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, s, l)
}

// spread opens n connections, one after the other, and returns how many each worker has.
func (s *site) spread(n, workers int) []int {
	s.t.Helper()
	for i := range n {
		s.dial()
		s.waitFor(lifecycletest.AtLeast[*lifecycle.ConnectionOpened](i + 1))
	}
	counts := make([]int, workers)
	for _, e := range lifecycletest.Of[*lifecycle.ConnectionOpened](s.rec.Events()) {
		counts[e.WorkerID]++
	}
	return counts
}

func TestAcceptDistribute(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := startListening(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello), Workers: 4, Accept: httpcore.AcceptDistribute})
		for worker, n := range s.spread(40, 4) {
			if n != 10 {
				t.Errorf("worker %d has %d of 40 connections, want 10", worker, n)
			}
		}
	})
}

// The hash of the system may favour a worker, but not for long.
func TestAcceptReusePortStaysBalanced(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := startListening(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello), Workers: 4})
		counts := s.spread(80, 4)
		least, most := counts[0], counts[0]
		for _, n := range counts {
			least, most = min(least, n), max(most, n)
		}
		if most > least+least/4+4 {
			t.Errorf("the workers have %v of 80 connections", counts)
		}
	})
}

// With one socket, nobody else can be let in by SO_REUSEPORT.
func TestAcceptDistributeHasOneSocket(t *testing.T) {
	s := &httpcore.Server{Addr: "127.0.0.1:0", Workers: 4, Accept: httpcore.AcceptDistribute}
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, ok := l.(*net.TCPListener); !ok {
		t.Errorf("Listen returned a %T", l)
	}
}
