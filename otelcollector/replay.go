package otelcollector

import (
	"math"
	"sync"
	"time"
)

// replay reads batches from the spool and hands them to who uploads, no faster than the rate, until the pipeline is closed.
func (p *pipeline) replay() {
	for {
		f := p.disk.spool.Next()
		if f == nil {
			select {
			case <-p.disk.spool.Ready():
				continue
			case <-p.closing:
				return
			}
		}
		now := time.Now()
		if !p.sleep(max(p.disk.rate.reserve(now, f.Size()), p.disk.pause(f, now))) {
			p.disk.spool.Release(f)
			return
		}
		b, err := p.disk.read(f, p.buffers.get())
		if err != nil {
			continue // counted
		}
		select {
		case p.replayed <- b:
		case <-p.closing:
			p.putBack(b)
			return
		}
	}
}

// minReplay is the least number of bytes a second that are replayed.
const minReplay = 1 << 20

// rate bounds how fast what lies in the spool is sent: twice as fast as spans come about, so that a backlog becomes less
// but neither this process nor the receiver is overrun by it. How fast they come about is measured in the busiest second of
// the last minutes. The zero value is ready.
type rate struct {
	mu     sync.Mutex
	live   float64 // bytes a second
	so     uint64  // bytes that came up to
	since  time.Time
	tokens float64 // bytes that may be sent at once
	at     time.Time
}

const (
	// rateWindow is the shortest time over which is measured how fast spans come about: a batch alone says nothing.
	rateWindow = time.Second
	// rateHalves is after how long the busiest second counts for half of what it was.
	rateHalves = 5 * time.Minute
)

// came notes how many bytes have come about up to now.
func (r *rate) came(now time.Time, bytes uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	past := now.Sub(r.since)
	if !r.since.IsZero() {
		if past < rateWindow {
			return
		}
		r.live *= math.Exp2(-past.Seconds() / rateHalves.Seconds())
		r.live = max(r.live, float64(bytes-r.so)/past.Seconds())
	}
	r.since, r.so = now, bytes
}

// reserve takes the tokens for so many bytes and returns how long to wait until they are there.
func (r *rate) reserve(now time.Time, bytes int) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	perSecond := max(2*r.live, minReplay)
	if !r.at.IsZero() {
		r.tokens += perSecond * now.Sub(r.at).Seconds()
	} else {
		r.tokens = perSecond
	}
	r.at = now
	r.tokens = min(r.tokens, perSecond) - float64(bytes)
	if r.tokens >= 0 {
		return 0
	}
	return time.Duration(-r.tokens / perSecond * float64(time.Second))
}
