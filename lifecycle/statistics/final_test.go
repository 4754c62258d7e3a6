package statistics_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// S29, S60, S61, S62, S63, S64: without a request, and before any Start, all is nothing.
func TestS29CalculateOfNothing(t *testing.T) {
	f := statistics.New(statistics.Options{}).Calculate()
	if got := f.RetryHistogram; !slices.Equal(got, []int64{0}) {
		t.Errorf("histogram %v, want [0]", got)
	}
	if f.RequestAvgFailedDuration != nil || f.RequestAvgFinishedDuration != nil || f.P50 != nil {
		t.Errorf("durations of nothing: %+v", f)
	}
	equal(t, "total", f.RequestsTotal, 0)
	equal(t, "finished per minute", f.RequestsFinishedPerMinute, 0)
	equal(t, "failed per minute", f.RequestsFailedPerMinute, 0)
	equal(t, "runtime", f.Runtime, 0)
}

// S60, S62, S65, S66: the sums and the means.
func TestS60S62S65S66Sums(t *testing.T) {
	s := started(t, statistics.Options{})
	c := open(s, 0)
	c.respond(200, 10*time.Millisecond)
	c.respond(200, 15*time.Millisecond)
	c.respond(500, 40*time.Millisecond)
	f := s.Calculate()
	equal(t, "finished", f.RequestsFinished, 2)
	equal(t, "failed", f.RequestsFailed, 1)
	equal(t, "total", f.RequestsTotal, 3)
	equal(t, "mean of the finished", *f.RequestAvgFinishedDuration, 12500*time.Microsecond)
	equal(t, "mean of the failed", *f.RequestAvgFailedDuration, 40*time.Millisecond)
	equal(t, "all durations", f.RequestTotalDuration, 65*time.Millisecond)
	equal(t, "status", f.Status(), "served 2/3 requests, 1 failed")
}

// S63, S64: the rate of the finished is rounded, half to even; that of the failed is rounded down.
func TestS63S64Rates(t *testing.T) {
	for _, c := range []struct {
		finished, failed         int
		runtime                  time.Duration
		wantFinished, wantFailed int64
	}{
		{5, 5, 2 * time.Minute, 2, 2}, // 2.5
		{7, 7, 2 * time.Minute, 4, 3}, // 3.5
		{1, 1, 2 * time.Minute, 0, 0}, // 0.5
		{3, 3, 4 * time.Minute, 1, 0}, // 0.75
		{9, 2, 30 * time.Second, 18, 4},
		{4, 4, 0, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := started(t, statistics.Options{LogInterval: -1})
			defer stop(t, s)
			conn := open(s, 0)
			for range c.finished {
				conn.respond(200, 1)
			}
			for range c.failed {
				conn.respond(500, 1)
			}
			time.Sleep(c.runtime)
			f := s.Calculate()
			equal(t, "finished per minute", f.RequestsFinishedPerMinute, c.wantFinished)
			equal(t, "failed per minute", f.RequestsFailedPerMinute, c.wantFailed)
			if c.runtime > 0 {
				equal(t, "finished per minute as it is", f.FinishedPerMinute, float64(c.finished)/c.runtime.Minutes())
				equal(t, "failed per minute as it is", f.FailedPerMinute, float64(c.failed)/c.runtime.Minutes())
			}
		})
	}
}

// S35, crawlee-python#1701: the longest duration is the longest.
func TestS35Max(t *testing.T) {
	s := started(t, statistics.Options{})
	for _, worker := range []int{0, 1} {
		c := open(s, worker)
		for _, ms := range []int{20, 5, 90, 40} {
			c.respond(200, time.Duration(ms+worker)*time.Millisecond)
			s.Calculate() // adding up changes nothing
		}
	}
	f := s.Calculate()
	equal(t, "min", *f.RequestMinDuration, 5*time.Millisecond)
	equal(t, "max", *f.RequestMaxDuration, 91*time.Millisecond)
}

func TestPercentiles(t *testing.T) {
	s := started(t, statistics.Options{})
	for ms := range 1000 {
		open(s, ms%4).respond(200, time.Duration(ms+1)*time.Millisecond)
	}
	open(s, 0).disconnect(10 * time.Hour) // longer than percentiles tell apart
	f := s.Calculate()
	for name, c := range map[string][2]time.Duration{
		"p50": {*f.P50, 500 * time.Millisecond}, "p95": {*f.P95, 950 * time.Millisecond}, "p99": {*f.P99, 990 * time.Millisecond},
	} {
		if off := c[0] - c[1]; off.Abs() > c[1]/100 {
			t.Errorf("%s is %v, want %v to 1 percent", name, c[0], c[1])
		}
	}
}

// S68: the table is at most 100 wide, and writes durations in the units that suit them.
func TestS68Table(t *testing.T) {
	f := statistics.Final{
		RequestsFinished: 12, RequestsFailed: 3, RequestsTotal: 15, RetryHistogram: []int64{14, 0, 1},
		RequestAvgFinishedDuration: new(1500 * time.Microsecond),
		RequestMinDuration:         new(250 * time.Microsecond),
		RequestMaxDuration:         new(2 * time.Second),
		RequestTotalDuration:       63 * time.Second, Runtime: 2*time.Hour + 5*time.Minute + time.Second,
		FinishedPerMinute: 0.096,
	}
	want := `
┌───────────────────────────────┬──────────────┐
│ requests_finished             │ 12           │
│ requests_failed               │ 3            │
│ retry_histogram               │ [14, 0, 1]   │
│ request_avg_failed_duration   │ None         │
│ request_avg_finished_duration │ 1.5ms        │
│ requests_finished_per_minute  │ 0            │
│ requests_failed_per_minute    │ 0            │
│ request_total_duration        │ 1min 3.0s    │
│ requests_total                │ 15           │
│ crawler_runtime               │ 2h 5min 1.0s │
│ requests_retries              │ 0            │
│ request_min_duration          │ 250.0μs      │
│ request_max_duration          │ 2.00s        │
│ request_duration_p50          │ None         │
│ request_duration_p95          │ None         │
│ request_duration_p99          │ None         │
│ finished_per_minute           │ 0.10         │
│ failed_per_minute             │ 0.00         │
└───────────────────────────────┴──────────────┘`
	if got := "\n" + f.Table(); got != want {
		t.Errorf("the table is%s\nwant%s", got, want)
	}

	f.RetryHistogram = make([]int64, 50)
	for line := range strings.Lines(f.Table()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n != 99 { // two columns that are equally wide
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.Contains(f.Table(), "0, 0, ... │") {
		t.Errorf("a long histogram is not cut:\n%s", f.Table())
	}
}

// S68: durations of each size.
func TestS68Durations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                             "0s",
		time.Microsecond:              "1.0μs",
		999 * time.Microsecond:        "999.0μs",
		time.Millisecond:              "1.0ms",
		1234 * time.Millisecond:       "1.23s",
		time.Minute:                   "1min",
		time.Minute + 3*time.Second:   "1min 3.0s",
		time.Hour:                     "1h",
		time.Hour + 500*1e6:           "1h 0min 0.5s",
		time.Hour + time.Minute:       "1h 1min",
		30*time.Hour + 90*time.Second: "30h 1min 30.0s",
	} {
		if table := (statistics.Final{Runtime: d}).Table(); !strings.Contains(table, "│ crawler_runtime               │ "+want+" ") {
			t.Errorf("%v is not written as %s:\n%s", d, want, table)
		}
	}
}

// S68: as JSON and as a string, durations are in seconds, and what there is none of is null.
func TestS68JSON(t *testing.T) {
	f := statistics.Final{RetryHistogram: []int64{1}, RequestTotalDuration: 1500 * time.Millisecond, P99: new(2 * time.Second)}
	text := f.String()
	if !strings.HasPrefix(text, `{"requests_finished":0,"requests_failed":0,"retry_histogram":[1],"request_avg_failed_duration":null,`) {
		t.Error(text)
	}
	var values map[string]any
	must(t, json.Unmarshal([]byte(text), &values))
	equal(t, "total", values["request_total_duration"], any(1.5))
	equal(t, "p99", values["request_duration_p99"], any(2.0))
}
