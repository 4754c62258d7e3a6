package statistics_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// S23: every count is refused while the statistics are not active.
func TestS23NothingCountsWhileNotActive(t *testing.T) {
	s := statistics.New(statistics.Options{Logger: quiet})
	refused := func(when string) {
		t.Helper()
		for name, err := range map[string]error{
			"RequestStart":       s.RequestStart("id"),
			"RequestFinish":      s.RequestFinish("id"),
			"RequestFail":        s.RequestFail("id"),
			"RegisterStatusCode": s.RegisterStatusCode(200),
		} {
			if !errors.Is(err, statistics.ErrNotActive) {
				t.Errorf("%s %s returned %v", name, when, err)
			}
		}
		open(s, 0).respond(200, 1)
		open(s, 0).fail(500, "code", nil)
		equal(t, "requests "+when, s.Calculate().RequestsTotal, 0)
		equal(t, "errors "+when, s.Errors().Total(), 0)
	}
	refused("before Start")
	start(t, s)
	stop(t, s)
	refused("after Stop")
}

// S24, S25: the duration is that of the last run, rounded up to a microsecond.
func TestS24S25LastRunCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := started(t, statistics.Options{LogInterval: -1})
		defer stop(t, s)
		must(t, s.RequestStart("id"))
		time.Sleep(time.Hour)
		must(t, s.RequestStart("id"))
		time.Sleep(1001 * time.Nanosecond)
		must(t, s.RequestFinish("id"))
		f := s.Calculate()
		equal(t, "finished", f.RequestsFinished, 1)
		equal(t, "duration", f.RequestTotalDuration, 2*time.Microsecond)
		equal(t, "min", *f.RequestMinDuration, 2*time.Microsecond)
		equal(t, "max", *f.RequestMaxDuration, 2*time.Microsecond)
		equal(t, "median", *f.P50, 2*time.Microsecond)

		must(t, s.RequestFinish("id")) // the record is gone
		must(t, s.RequestFinish("unknown"))
		equal(t, "finished", s.Calculate().RequestsFinished, 1)
	})
}

// S26: a failure leaves the shortest and the longest duration alone, and an unknown id does nothing.
func TestS26Failure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := started(t, statistics.Options{LogInterval: -1})
		defer stop(t, s)
		must(t, s.RequestFail("unknown"))
		must(t, s.RequestStart("id"))
		time.Sleep(time.Second)
		must(t, s.RequestFail("id"))
		must(t, s.RequestFail("id"))
		f := s.Calculate()
		equal(t, "failed", f.RequestsFailed, 1)
		equal(t, "finished", f.RequestsFinished, 0)
		equal(t, "failed duration", *f.RequestAvgFailedDuration, time.Second)
		if f.RequestMinDuration != nil || f.RequestMaxDuration != nil {
			t.Errorf("min %v, max %v", f.RequestMinDuration, f.RequestMaxDuration)
		}
		if got := f.RetryHistogram; !slices.Equal(got, []int64{1}) {
			t.Errorf("histogram %v", got)
		}
	})
}

// S27: a request with retries counts once among those that had one, at its end, however many it had.
func TestS27Retries(t *testing.T) {
	s := started(t, statistics.Options{})
	for id, runs := range map[string]int{"a": 1, "b": 3, "c": 3, "d": 2} {
		for range runs {
			must(t, s.RequestStart(id))
		}
	}
	equal(t, "before the end", s.Calculate().RequestsRetries, 0)
	must(t, errors.Join(s.RequestFinish("a"), s.RequestFinish("b"), s.RequestFail("c"), s.RequestFail("d")))
	f := s.Calculate()
	equal(t, "requests with a retry", f.RequestsRetries, 3)
	if want := []int64{1, 1, 2}; !slices.Equal(f.RetryHistogram, want) {
		t.Errorf("histogram %v, want %v", f.RetryHistogram, want)
	}
}

// S28: status codes are counted by code.
func TestS28StatusCodes(t *testing.T) {
	s := started(t, statistics.Options{})
	for _, code := range []int{200, 404, 200, 1, 999} {
		must(t, s.RegisterStatusCode(code))
	}
	for _, code := range []int{-1, 0, 1000} {
		if err := s.RegisterStatusCode(code); !errors.Is(err, statistics.ErrStatusCode) {
			t.Errorf("RegisterStatusCode(%d) returned %v", code, err)
		}
	}
	if got, want := s.State().RequestsWithStatusCode, map[int]int64{1: 1, 200: 2, 404: 1, 999: 1}; !maps.Equal(got, want) {
		t.Errorf("status codes %v, want %v", got, want)
	}
}
