package statistics

import (
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// maxStatusCode bounds the status codes that are counted.
	maxStatusCode = 999
	// maxMicros is the longest duration that percentiles tell apart, an hour.
	maxMicros = int64(time.Hour / time.Microsecond)
	// noMin and noMax stand for the durations of requests that there were none of.
	noMin, noMax = math.MaxInt64, -1
)

// tally is what was counted. Durations are whole microseconds, rounded up.
type tally struct {
	finished, failed             int64
	retried                      int64 // requests that had a retry
	finishedMicros, failedMicros int64
	min, max                     int64   // of the requests that finished
	retries                      []int64 // requests by their number of retries, the last also those with more
	codes                        [maxStatusCode + 1]int64
	durations                    *hdrhistogram.Histogram
}

func newTally(maxRetries int) *tally {
	return &tally{
		min: noMin, max: noMax,
		retries:   make([]int64, maxRetries+1),
		durations: newHistogram(),
	}
}

// newHistogram returns one that is right to 1 percent, in 27 KB.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, maxMicros, 2) }

// ending is how one request ended.
type ending struct {
	micros    int64
	failed    bool
	streaming bool
	retries   int
	retried   bool // count it among the requests that had a retry
	status    int  // 0 counts none
}

// end counts a request. A stream counts as every request does, but how long it lasts says nothing about how fast the
// server is: it is no part of the percentiles.
func (t *tally) end(e ending) {
	if e.failed {
		t.failed++
		t.failedMicros += e.micros
	} else {
		t.finished++
		t.finishedMicros += e.micros
		t.min = min(t.min, e.micros)
		t.max = max(t.max, e.micros)
	}
	if e.retried {
		t.retried++
	}
	t.retries[min(e.retries, len(t.retries)-1)]++
	if e.status > 0 && e.status <= maxStatusCode {
		t.codes[e.status]++
	}
	if !e.streaming {
		_ = t.durations.RecordValue(min(e.micros, maxMicros)) // in range, so there is no error
	}
}

// add counts all that other has counted. Both have the same maxRetries.
func (t *tally) add(other *tally) {
	t.finished += other.finished
	t.failed += other.failed
	t.retried += other.retried
	t.finishedMicros += other.finishedMicros
	t.failedMicros += other.failedMicros
	t.min = min(t.min, other.min)
	t.max = max(t.max, other.max)
	for i, n := range other.retries {
		t.retries[i] += n
	}
	for code, n := range other.codes {
		t.codes[code] += n
	}
	t.durations.Merge(other.durations)
}

func (t *tally) reset() {
	clear(t.retries)
	t.durations.Reset()
	*t = tally{min: noMin, max: noMax, retries: t.retries, durations: t.durations}
}

// ended is how many requests were counted.
func (t *tally) ended() int64 { return t.finished + t.failed }

// micros rounds up to whole microseconds.
func micros(d time.Duration) int64 {
	return int64((max(d, 0) + time.Microsecond - 1) / time.Microsecond)
}

func fromMicros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
