package statistics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Final is what the counts come to. A duration that is nil is one of no requests.
type Final struct {
	// RequestsFinished and RequestsFailed are how many requests ended in either way, RequestsTotal is both.
	RequestsFinished, RequestsFailed, RequestsTotal int64
	// RequestsRetries is how many requests had at least one retry.
	RequestsRetries int64
	// RetryHistogram is how many requests had as many retries as the index says. It has at least one element.
	RetryHistogram []int64

	// RequestAvgFinishedDuration and RequestAvgFailedDuration are the mean durations.
	RequestAvgFinishedDuration, RequestAvgFailedDuration *time.Duration
	// RequestMinDuration and RequestMaxDuration are of the requests that finished.
	RequestMinDuration, RequestMaxDuration *time.Duration
	// RequestTotalDuration adds up the durations of all requests.
	RequestTotalDuration time.Duration
	// P50, P95 and P99 are percentiles of the durations of all requests that were no streams, right to 1 percent.
	P50, P95, P99 *time.Duration

	// Runtime is how long there was somebody to count: without the time between a Stop, or a crash, and the next Start.
	Runtime time.Duration
	// RequestsFinishedPerMinute is the rate over Runtime, rounded, half to even; 0 without a runtime.
	RequestsFinishedPerMinute int64
	// RequestsFailedPerMinute is the rate over Runtime, rounded down; 0 without a runtime.
	RequestsFailedPerMinute int64
	// FinishedPerMinute and FailedPerMinute are the same rates as they are.
	FinishedPerMinute, FailedPerMinute float64
}

// Calculate adds up what was counted, also when the Statistics is not active. Any goroutine may call it.
func (s *Statistics) Calculate() Final {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drainLocked()
	return calculate(s.total, s.run.runtime(time.Now()))
}

func calculate(t *tally, runtime time.Duration) Final {
	f := Final{
		RequestsFinished: t.finished, RequestsFailed: t.failed, RequestsTotal: t.ended(), RequestsRetries: t.retried,
		RetryHistogram:             dense(t.retries),
		RequestAvgFinishedDuration: mean(t.finishedMicros, t.finished),
		RequestAvgFailedDuration:   mean(t.failedMicros, t.failed),
		RequestTotalDuration:       fromMicros(t.finishedMicros + t.failedMicros),
		Runtime:                    runtime,
		FinishedPerMinute:          perMinute(t.finished, runtime),
		FailedPerMinute:            perMinute(t.failed, runtime),
	}
	f.RequestsFinishedPerMinute = int64(math.RoundToEven(f.FinishedPerMinute))
	f.RequestsFailedPerMinute = int64(math.Floor(f.FailedPerMinute))
	if t.min != noMin {
		f.RequestMinDuration = new(fromMicros(t.min))
	}
	if t.max != noMax {
		f.RequestMaxDuration = new(fromMicros(t.max))
	}
	if t.durations.TotalCount() > 0 {
		p := t.durations.ValueAtPercentilesSlice([]float64{50, 95, 99})
		f.P50, f.P95, f.P99 = new(fromMicros(p[0])), new(fromMicros(p[1])), new(fromMicros(p[2]))
	}
	return f
}

// dense cuts off the zeros at the end, but for the first.
func dense(histogram []int64) []int64 {
	n := len(histogram)
	for n > 1 && histogram[n-1] == 0 {
		n--
	}
	return slices.Clone(histogram[:n])
}

func mean(micros, n int64) *time.Duration {
	if n == 0 {
		return nil
	}
	return new(fromMicros(micros) / time.Duration(n))
}

func perMinute(n int64, runtime time.Duration) float64 {
	if runtime <= 0 {
		return 0
	}
	return float64(n) / runtime.Minutes()
}

// value is one of the values of a Final under its name.
type value struct {
	name string
	of   any // int64, float64, []int64, time.Duration or *time.Duration
}

// values returns the values in the order of the table: first those that crawlee has, by its names.
func (f Final) values() []value {
	return []value{
		{"requests_finished", f.RequestsFinished},
		{"requests_failed", f.RequestsFailed},
		{"retry_histogram", f.RetryHistogram},
		{"request_avg_failed_duration", f.RequestAvgFailedDuration},
		{"request_avg_finished_duration", f.RequestAvgFinishedDuration},
		{"requests_finished_per_minute", f.RequestsFinishedPerMinute},
		{"requests_failed_per_minute", f.RequestsFailedPerMinute},
		{"request_total_duration", f.RequestTotalDuration},
		{"requests_total", f.RequestsTotal},
		{"crawler_runtime", f.Runtime},

		{"requests_retries", f.RequestsRetries},
		{"request_min_duration", f.RequestMinDuration},
		{"request_max_duration", f.RequestMaxDuration},
		{"request_duration_p50", f.P50},
		{"request_duration_p95", f.P95},
		{"request_duration_p99", f.P99},
		{"finished_per_minute", f.FinishedPerMinute},
		{"failed_per_minute", f.FailedPerMinute},
	}
}

// seconds returns a value with durations as seconds, nil where there is none.
func seconds(of any) any {
	switch of := of.(type) {
	case time.Duration:
		return of.Seconds()
	case *time.Duration:
		if of == nil {
			return nil
		}
		return of.Seconds()
	}
	return of
}

// MarshalJSON returns an object with the values in the order of the table, durations in seconds.
func (f Final) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, v := range f.values() {
		text, err := json.Marshal(seconds(v.of))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "%q:%s", v.name, text)
	}
	return append(b, '}'), nil
}

// String returns the JSON of MarshalJSON on one line.
func (f Final) String() string {
	text, err := f.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text))
}

// Status returns one line for whoever looks now and then: "served 12/14 requests, 2 failed".
func (f Final) Status() string {
	return fmt.Sprintf("served %d/%d requests, %d failed", f.RequestsFinished, f.RequestsTotal, f.RequestsFailed)
}
