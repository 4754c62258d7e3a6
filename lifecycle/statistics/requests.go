package statistics

import (
	"errors"
	"fmt"
	"time"
)

// ErrStatusCode is returned for a status code that is none.
var ErrStatusCode = errors.New("statistics: a status code is from 1 to 999")

// request is one that is under way and was started by hand.
type request struct {
	runs    int
	lastRun time.Time
}

// RequestStart marks a request as started. A second start of an id that has not ended is a retry. The id is remembered
// until the request ends. Any goroutine may call it. It returns [ErrNotActive] before Start and after Stop.
func (s *Statistics) RequestStart(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != active {
		return ErrNotActive
	}
	r := s.requests[id]
	s.requests[id] = request{runs: r.runs + 1, lastRun: time.Now()}
	return nil
}

// RequestFinish marks a request as finished. Its duration is that of the last run, rounded up to a microsecond. An id
// that is not under way does nothing. Any goroutine may call it. It returns [ErrNotActive] before Start and after Stop.
func (s *Statistics) RequestFinish(id string) error { return s.requestEnd(id, false) }

// RequestFail is [Statistics.RequestFinish] for a request that failed.
func (s *Statistics) RequestFail(id string) error { return s.requestEnd(id, true) }

func (s *Statistics) requestEnd(id string, failed bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != active {
		return ErrNotActive
	}
	r, ok := s.requests[id]
	if !ok {
		return nil
	}
	delete(s.requests, id)
	retries := r.runs - 1
	s.total.end(ending{micros: micros(time.Since(r.lastRun)), failed: failed, retries: retries, retried: retries > 0})
	return nil
}

// RegisterStatusCode counts a status code. Any goroutine may call it. It returns [ErrNotActive] before Start and after
// Stop, and [ErrStatusCode] for a code that is none.
func (s *Statistics) RegisterStatusCode(code int) error {
	if code < 1 || code > maxStatusCode {
		return fmt.Errorf("%w, not %d", ErrStatusCode, code)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != active {
		return ErrNotActive
	}
	s.total.codes[code]++
	return nil
}
