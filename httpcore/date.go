package httpcore

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// tick is how often the clock is renewed and the deadlines are looked at.
const tick = 100 * time.Millisecond

// coarseClock keeps what need not be exact: the monotonic clock to a tick, and the Date header to a second.
type coarseClock struct {
	ns     atomic.Int64
	header atomic.Pointer[string]
	second int64 // of header; the ticking goroutine's
}

// renew reads the clock, and formats the Date anew when the second has changed; it returns the monotonic clock. The
// anchor between monotonic and wall clock is renewed with it.
func (c *coarseClock) renew() int64 {
	now := lifecycle.MonotonicNS()
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

// coarse returns the monotonic clock as of the last tick.
func (c *coarseClock) coarse() int64 { return c.ns.Load() }

// date returns the value of the Date header (RFC 9110, 5.6.7: IMF-fixdate).
func (c *coarseClock) date() string { return *c.header.Load() }
