package statistics

import (
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// State is all that a Statistics knows and saves. Its JSON is that of crawlee's StatisticsState, with durations in
// rounded milliseconds; what they lose, and what crawlee has no field for, is in one field more, "wirespan".
type State struct {
	// ID is [Options.ID]; nil in a state that has none.
	ID *int
	// RequestsFinished, RequestsFailed and RequestsRetries are as in [Final].
	RequestsFinished, RequestsFailed, RequestsRetries int64
	// RequestsFinishedPerMinute and RequestsFailedPerMinute are rates over Runtime, not rounded.
	RequestsFinishedPerMinute, RequestsFailedPerMinute float64
	// RequestMinDuration and RequestMaxDuration are of the requests that finished; nil when there was none.
	RequestMinDuration, RequestMaxDuration *time.Duration
	// RequestTotalFinishedDuration and RequestTotalFailedDuration add up durations.
	RequestTotalFinishedDuration, RequestTotalFailedDuration time.Duration
	// StartedAt is when the first run began, LastStartedAt when the last one did; zero before that.
	StartedAt, LastStartedAt time.Time
	// FinishedAt is when the last run ended; zero while it lasts, and after a crash.
	FinishedAt time.Time
	// PersistedAt is when the state was made.
	PersistedAt time.Time
	// Runtime is how long the runs have lasted together, until PersistedAt.
	Runtime time.Duration
	// Errors and RetryErrors count errors by place, type and message.
	Errors, RetryErrors ErrorCounts
	// RequestsWithStatusCode counts requests by status.
	RequestsWithStatusCode map[int]int64
	// RetryHistogram counts requests by their number of retries.
	RetryHistogram []int64

	durations *hdrhistogram.Histogram // nil when there is none
}

// State returns a copy of all that was counted. Any goroutine may call it, at any time.
func (s *Statistics) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drainLocked()
	return s.stateLocked(time.Now())
}

func (s *Statistics) stateLocked(now time.Time) State {
	t, runtime := s.total, s.run.runtime(now)
	f := calculate(t, runtime)
	state := State{
		ID:               new(s.options.ID),
		RequestsFinished: t.finished, RequestsFailed: t.failed, RequestsRetries: t.retried,
		RequestsFinishedPerMinute: f.FinishedPerMinute, RequestsFailedPerMinute: f.FailedPerMinute,
		RequestMinDuration: f.RequestMinDuration, RequestMaxDuration: f.RequestMaxDuration,
		RequestTotalFinishedDuration: fromMicros(t.finishedMicros), RequestTotalFailedDuration: fromMicros(t.failedMicros),
		StartedAt: s.run.startedAt, LastStartedAt: s.run.lastStartedAt, FinishedAt: s.run.finishedAt, PersistedAt: now,
		Runtime: runtime,
		Errors:  s.errors.counts(), RetryErrors: s.retryErrors.counts(),
		RequestsWithStatusCode: map[int]int64{},
		RetryHistogram:         f.RetryHistogram,
		durations:              newHistogram(),
	}
	for code, n := range t.codes {
		if n > 0 {
			state.RequestsWithStatusCode[code] = n
		}
	}
	state.durations.Merge(t.durations)
	return state
}

// restoreLocked adds a state that was loaded to what was counted before that, if anything was.
func (s *Statistics) restoreLocked(state State) {
	t := s.total
	t.finished += state.RequestsFinished
	t.failed += state.RequestsFailed
	t.retried += state.RequestsRetries
	t.finishedMicros += micros(state.RequestTotalFinishedDuration)
	t.failedMicros += micros(state.RequestTotalFailedDuration)
	if d := state.RequestMinDuration; d != nil {
		t.min = min(t.min, micros(*d))
	}
	if d := state.RequestMaxDuration; d != nil {
		t.max = max(t.max, micros(*d))
	}
	for retries, n := range state.RetryHistogram {
		t.retries[min(retries, len(t.retries)-1)] += n
	}
	for code, n := range state.RequestsWithStatusCode {
		t.codes[code] += n
	}
	if state.durations != nil {
		t.durations.Merge(state.durations)
	}
	s.run.before += state.Runtime
	if !state.StartedAt.IsZero() {
		s.run.startedAt = state.StartedAt
	}
	s.errors.restore(state.Errors)
	s.retryErrors.restore(state.RetryErrors)
}

// check reports what cannot have been counted.
func (state *State) check() error {
	for name, n := range map[string]int64{
		"requestsFinished":                   state.RequestsFinished,
		"requestsFailed":                     state.RequestsFailed,
		"requestsRetries":                    state.RequestsRetries,
		"requestTotalFinishedDurationMillis": int64(state.RequestTotalFinishedDuration),
		"requestTotalFailedDurationMillis":   int64(state.RequestTotalFailedDuration),
		"crawlerRuntimeMillis":               int64(state.Runtime),
	} {
		if n < 0 || n > math.MaxInt64/2 {
			return fmt.Errorf("%s is out of range", name)
		}
	}
	for retries, n := range state.RetryHistogram {
		if n < 0 {
			return fmt.Errorf("requestRetryHistogram: %d requests with %d retries", n, retries)
		}
	}
	for code, n := range state.RequestsWithStatusCode {
		if code < 0 || code > maxStatusCode || n < 0 {
			return fmt.Errorf("requestsWithStatusCode: %d requests with status %d", n, code)
		}
	}
	return nil
}
