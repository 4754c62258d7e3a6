package statistics_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// BenchmarkRequest measures what the collector adds to one request: its two events, recorded by one worker for each
// goroutine. What it takes to make the events is not in it.
func BenchmarkRequest(b *testing.B) {
	s := started(b, statistics.Options{LogInterval: -1})
	var workers atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		c := open(s, int(workers.Add(1)))
		o := c.start()
		o.Status, o.Duration = 200, 120*time.Microsecond
		begin := &lifecycle.RequestStarted{Stamp: c.Stamp, Request: o.Request}
		end := &lifecycle.ResponseCompleted{Stamp: c.Stamp, Outcome: o}
		for p.Next() {
			c.to.Record(begin)
			c.to.Record(end)
		}
	})
}

// TestRecordDoesNotAllocate: a connection, its requests however they end, and an error that was seen before.
func TestRecordDoesNotAllocate(t *testing.T) {
	s := started(t, statistics.Options{RetryHeader: "Idempotency-Key"})
	c := open(s, 0)
	o := c.start([2]string{"Idempotency-Key", "key"})
	o.Status, o.Duration = 200, time.Millisecond
	cause := errors.New("cause")
	opened := &lifecycle.ConnectionOpened{Stamp: c.Stamp}
	events := []lifecycle.Event{
		&lifecycle.RequestStarted{Stamp: c.Stamp, Request: o.Request},
		&lifecycle.ResponseCompleted{Stamp: c.Stamp, Outcome: o},
		&lifecycle.ClientDisconnected{Stamp: c.Stamp, Outcome: o},
		&lifecycle.RequestFailed{Stamp: c.Stamp, Outcome: o, Code: "code", Err: cause, Started: true},
		&lifecycle.ConnectionCompleted{Stamp: c.Stamp},
	}
	collector := s.Collector()
	if n := testing.AllocsPerRun(1000, func() {
		to := lifecycle.Open(collector, opened)
		for _, e := range events {
			to.Record(e)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a connection and its requests, want none", n)
	}
}
