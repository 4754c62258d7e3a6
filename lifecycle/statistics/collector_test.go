package statistics_test

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// S25, S26, S28: what the events of a server are counted as.
func TestEventsAreCounted(t *testing.T) {
	s := started(t, statistics.Options{})
	c := open(s, 0)
	c.respond(200, 1500*time.Nanosecond) // counts as 2 microseconds
	c.respond(404, 4*time.Microsecond)
	c.respond(503, 10*time.Microsecond)
	c.disconnect(20 * time.Microsecond)
	c.fail(408, "request_body_timeout", errors.New("cause"))
	c.to.Record(&lifecycle.RequestFailed{
		Stamp: c.Stamp, Outcome: lifecycle.Outcome{Request: &lifecycle.Request{}, Status: 400}, Code: "invalid_request_line",
	})
	c.to.Record(&lifecycle.ConnectionCompleted{Stamp: c.Stamp})

	state := s.State()
	equal(t, "finished", state.RequestsFinished, 2)
	equal(t, "failed", state.RequestsFailed, 4)
	equal(t, "finished durations", state.RequestTotalFinishedDuration, 6*time.Microsecond)
	equal(t, "failed durations", state.RequestTotalFailedDuration, time.Millisecond+30*time.Microsecond)
	equal(t, "min", *state.RequestMinDuration, 2*time.Microsecond)
	equal(t, "max", *state.RequestMaxDuration, 4*time.Microsecond)
	if want := map[int]int64{200: 1, 404: 1, 503: 1, 408: 1, 400: 1}; !maps.Equal(state.RequestsWithStatusCode, want) {
		t.Errorf("status codes %v, want %v", state.RequestsWithStatusCode, want)
	}
	equal(t, "errors", s.Errors().Total(), 2)
}

func TestFailedIsAPolicy(t *testing.T) {
	s := started(t, statistics.Options{Failed: func(e lifecycle.Event) bool {
		_, gone := e.(*lifecycle.ClientDisconnected)
		return !gone && lifecycle.OutcomeOf(e).Status != 200
	}})
	c := open(s, 0)
	c.respond(200, 1)
	c.respond(404, 1)
	c.disconnect(1)
	f := s.Calculate()
	equal(t, "finished", f.RequestsFinished, 2)
	equal(t, "failed", f.RequestsFailed, 1)
}

// A stream may last for hours, which the server is not slow for.
func TestStreamsAreNoPartOfPercentiles(t *testing.T) {
	s := started(t, statistics.Options{})
	c := open(s, 0)
	c.respond(200, time.Millisecond)
	o := c.start()
	o.Status, o.Duration, o.Streaming = 200, 3*time.Hour, true
	c.to.Record(&lifecycle.ResponseCompleted{Stamp: c.Stamp, Outcome: o})
	f := s.Calculate()
	equal(t, "finished", f.RequestsFinished, 2)
	equal(t, "all durations", f.RequestTotalDuration, 3*time.Hour+time.Millisecond)
	if *f.P99 > 2*time.Millisecond {
		t.Errorf("p99 is %v", *f.P99)
	}
}

// S24, S27: on a server, a retry is the same key again, on whatever connection.
func TestRetriesByKey(t *testing.T) {
	s := started(t, statistics.Options{RetryHeader: "Idempotency-Key"})
	key := func(k string) [2]string { return [2]string{"idempotency-key", k} }
	open(s, 0).fail(503, "code", errors.New("first"), key("a"))
	open(s, 1).fail(503, "code", errors.New("again"), key("a"))
	open(s, 2).respond(200, 1, key("a"))
	open(s, 0).respond(200, 1, key("b"))
	open(s, 0).respond(200, 1)
	open(s, 0).respond(200, 1)
	f := s.Calculate()
	equal(t, "requests with a retry", f.RequestsRetries, 1)
	if want := []int64{4, 1, 1}; !slices.Equal(f.RetryHistogram, want) {
		t.Errorf("histogram %v, want %v", f.RetryHistogram, want)
	}
	equal(t, "errors", s.Errors().MostCommon(1)[0].Message, "first")
	equal(t, "errors of retries", s.RetryErrors().MostCommon(1)[0].Message, "again")
}

// crawlee#1798: the histogram does not grow without bound.
func TestRetryHistogramIsBounded(t *testing.T) {
	s := started(t, statistics.Options{MaxRetries: 2})
	for range 9 {
		must(t, s.RequestStart("id"))
	}
	must(t, s.RequestFinish("id"))
	if got := s.Calculate().RetryHistogram; !slices.Equal(got, []int64{0, 0, 1}) {
		t.Errorf("histogram %v", got)
	}
}

// S34: many workers count at once, while others read, save and look.
func TestNothingIsLostToConcurrency(t *testing.T) {
	const workers, each = 8, 2000
	s := started(t, statistics.Options{Persistence: statistics.PersistenceExplicit, Store: &statistics.MemoryStore{}})
	var counting, reading sync.WaitGroup
	for w := range workers {
		counting.Go(func() {
			c := open(s, w/2) // two goroutines share a worker, as when a handler has lost its turn
			for range each {
				c.respond(200, time.Millisecond)
			}
			c.fail(500, "code", errors.New("cause"))
		})
	}
	for range 2 {
		reading.Go(func() {
			for range 50 {
				s.Calculate()
				must(t, s.Persist(t.Context()))
			}
		})
	}
	counting.Wait()
	reading.Wait()
	f := s.Calculate()
	equal(t, "finished", f.RequestsFinished, workers*each)
	equal(t, "failed", f.RequestsFailed, workers)
	equal(t, "errors", s.Errors().Total(), workers)
}

// What is recorded while the statistics stop is counted before, or not at all: the saved state is what there is.
func TestStopCountsAllOrNothing(t *testing.T) {
	s := started(t, statistics.Options{})
	c := open(s, 3)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s.Active() {
			c.respond(200, 1)
		}
		c.respond(200, 1)
	}()
	stop(t, s)
	saved := s.Calculate()
	<-done
	equal(t, "finished", s.Calculate().RequestsFinished, saved.RequestsFinished)
}

func TestStrangeWorkersShareShards(t *testing.T) {
	s := started(t, statistics.Options{})
	for _, worker := range []int{-5, 0, 3, 1024, 1 << 40} {
		open(s, worker).respond(200, 1)
	}
	equal(t, "finished", s.Calculate().RequestsFinished, 5)
}
