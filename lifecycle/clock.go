package lifecycle

import (
	"sync/atomic"
	"time"
)

// base lies one second before the start of the process, so that no reading of the
// clock is 0: in an event 0 means "did not happen".
var base = time.Now().Add(-time.Second)

// anchor is the wall clock's lead over MonotonicNS, in nanoseconds.
var anchor atomic.Int64

func init() { RenewAnchor() }

// MonotonicNS returns the monotonic clock in nanoseconds since shortly before the start of the process.
// Readings can be compared and subtracted, across goroutines too; alone they mean nothing. Never 0.
// It reads the vDSO clock and makes no system call.
func MonotonicNS() int64 { return int64(time.Since(base)) }

// UnixNano turns a reading of [MonotonicNS] into nanoseconds of wall time since 1970, by the anchor that
// was last renewed. Turn the ends of an interval with one call and a subtraction where the interval must be
// exact: the anchor may be renewed between two calls.
func UnixNano(monotonicNS int64) int64 { return monotonicNS + anchor.Load() }

// WallTime is [UnixNano] as a [time.Time].
func WallTime(monotonicNS int64) time.Time { return time.Unix(0, UnixNano(monotonicNS)) }

// RenewAnchor ties the monotonic clock to the wall clock anew. A server calls it once a second, so that
// steps of NTP and a suspended machine do not shift what is reported afterwards. Any goroutine may call it.
func RenewAnchor() {
	now := time.Now() // one reading of both clocks
	anchor.Store(now.UnixNano() - int64(now.Sub(base)))
}
