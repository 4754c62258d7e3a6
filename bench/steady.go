package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// steadyRate is how many requests a second a steady load makes, and steadyConnections are those that it makes them on.
	steadyRate        = 5000
	steadyConnections = 16
)

// steady is a load at a constant rate, whether the server is quick or not, which wrk cannot make. Each request has its time; one
// that comes late because its connection still waits for the last response counts from its time on, so that a server that
// hesitates is charged with all requests that it has held up. That the client itself wakes up late is not the server's fault.
type steady struct {
	conns   []net.Conn
	running sync.WaitGroup

	mu        sync.Mutex
	begin     time.Time // of the lap
	latencies []time.Duration
	over      bool
	failed    error // what ended the first connection that has ended
}

// lap is what a steady load has seen since the lap before.
type lap struct {
	load
	Requests uint64 `json:"requests"`         // that were answered
	Failed   string `json:"failed,omitempty"` // why a connection makes no more requests
}

// runSteady is a process that puts a server under a steady load until it is asked for the last lap.
func runSteady(ctx context.Context, args []string, questions io.Reader, answers io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("%q is not an address", args)
	}
	var s steady
	defer s.last()
	for range steadyConnections {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", args[0])
		if err != nil {
			return err
		}
		s.conns = append(s.conns, conn)
	}
	s.start(time.Now())
	return answer(questions, answers, args[0], func(question string) (any, error) {
		switch question {
		case askLap:
			return s.lap(), nil
		case askLast:
			return s.last(), nil
		}
		return nil, fmt.Errorf("%q is no question", question)
	})
}

func (s *steady) start(now time.Time) {
	s.begin = now
	for i := range s.conns {
		s.running.Go(func() {
			if err := s.requests(i, now); err != nil {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.failed = cmp.Or(s.failed, err)
			}
		})
	}
}

// requests makes those of one connection until the load is over.
func (s *steady) requests(connection int, begin time.Time) error {
	buffer := make([]byte, kibibyte)
	for n := connection; ; n += len(s.conns) {
		from := begin.Add(time.Duration(n) * time.Second / steadyRate)
		if wait := time.Until(from); wait > 0 {
			time.Sleep(wait)
			from = time.Now()
		}
		if s.isOver() {
			return nil
		}
		if err := exchange(s.conns[connection], buffer); err != nil {
			return err
		}
		s.answered(time.Since(from))
	}
}

func (s *steady) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

func (s *steady) answered(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latencies = append(s.latencies, took)
}

// lap returns what was seen since the lap before, and begins the next.
func (s *steady) lap() lap {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	l := lap{load: newLoad(s.latencies, now.Sub(s.begin)), Requests: uint64(len(s.latencies))}
	if s.failed != nil {
		l.Failed = s.failed.Error()
	}
	s.begin, s.latencies = now, nil
	return l
}

// last waits for the responses to all requests, closes the connections, and returns the last lap.
func (s *steady) last() lap {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.running.Wait()
	for _, c := range s.conns {
		c.Close()
	}
	return s.lap()
}
