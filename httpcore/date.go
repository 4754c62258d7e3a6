package httpcore

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// tick is how often the clock is renewed and the deadlines are looked at.
const tick = 100 * time.Millisecond

// maxTick is the most time that the coarse clock takes notice of between two ticks. When a tick is later than that, the
// process was stopped or starved, and no client is to be blamed for what it could not do meanwhile.
const maxTick = time.Second

// coarseClock keeps what need not be exact: the time that the server was awake to a tick, and the Date header to a
// second.
type coarseClock struct {
	ns     atomic.Int64
	header atomic.Pointer[string]
	last   int64 // reading of the monotonic clock; the ticking goroutine's, as is the next
	second int64 // of header
}

// renew reads the clock, and formats the Date anew when the second has changed; it returns the coarse time. The
// anchor between monotonic and wall clock is renewed with it.
func (c *coarseClock) renew() int64 {
	monotonic := lifecycle.MonotonicNS()
	now := c.ns.Load() + min(monotonic-c.last, int64(maxTick))
	c.last = monotonic
	c.ns.Store(now)
	wall := time.Now()
	if s := wall.Unix(); s != c.second || c.header.Load() == nil {
		c.second = s
		text := wall.UTC().Format(http.TimeFormat)
		c.header.Store(&text)
		lifecycle.RenewAnchor()
	}
	return now
}

// coarse returns the time as of the last tick. It never goes back, and only differences of it mean anything.
func (c *coarseClock) coarse() int64 { return c.ns.Load() }

// after returns the time when timeout will have passed: up to two ticks later, never earlier.
func (c *coarseClock) after(timeout int64) int64 { return c.coarse() + timeout + int64(tick) }

// date returns the value of the Date header (RFC 9110, 5.6.7: IMF-fixdate).
func (c *coarseClock) date() string { return *c.header.Load() }
