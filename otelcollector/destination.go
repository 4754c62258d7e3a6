package otelcollector

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// ReceiverState says how it stands with the receiver of the spans.
type ReceiverState string

const (
	// ReceiverUp: it accepts what it is sent, as far as is known.
	ReceiverUp ReceiverState = "up"
	// ReceiverDown: it cannot be reached, or fails. One upload at a time is tried.
	ReceiverDown ReceiverState = "down"
	// ReceiverThrottling: it has asked to be left alone for a while.
	ReceiverThrottling ReceiverState = "throttling"
	// ReceiverRefusing: it refuses the credentials, or is no OTLP receiver. One upload in thirty seconds is tried.
	ReceiverRefusing ReceiverState = "refusing"
)

// Receiver is how it stands with the receiver at one moment.
type Receiver struct {
	State ReceiverState
	// Since is when it became so.
	Since time.Time
	// Err is how the last upload failed; nil when none has since one was accepted.
	Err error
	// NotBefore is when the next upload may begin; zero: at once.
	NotBefore time.Time
	// Uploads are under way now, of at most Limit.
	Uploads, Limit int
}

const (
	// A receiver is down after so many failures in a row, or after so long with nothing but failures.
	failuresUntilDown = 5
	failingUntilDown  = 2 * time.Second
	// The pauses between attempts are random, up to a bound that grows from firstPause to maxPause, unless the receiver asks
	// for a longer one, which may be maxThrottle.
	firstPause  = 250 * time.Millisecond
	maxPause    = 2 * time.Second
	pauseFactor = 1.6
	maxThrottle = 5 * time.Minute
	// After so many refusals in a row, one upload in refusedPause is tried.
	refusalsUntilPause = 3
	refusedPause       = 30 * time.Second
	// lastAttempts is how often a receiver that fails is still tried once Shutdown has begun.
	lastAttempts = 3
)

// destination is what is known of the receiver: whether an upload may begin, and how many at once. A receiver that fails
// is not tried by all uploads at once but by one.
type destination struct {
	mu       sync.Mutex
	state    ReceiverState
	since    time.Time
	err      error
	failures int       // in a row, that another attempt may mend
	failing  time.Time // when the first of them was
	refusals int       // in a row
	pauses   int       // in a row
	before   time.Time // no upload begins before

	pace       pace
	busy       int // uploads under way
	flying     int // spans in them
	replays    int // those uploads that come from the spool
	slots      int // how many of those there may be
	replayFrom time.Time
	accepted   uint64 // uploads

	last     bool // Shutdown has begun, and what is not sent is lost
	attempts int  // that failed since
}

func newDestination(now time.Time) *destination {
	return &destination{state: ReceiverUp, since: now, pace: newPace(), slots: 1, replayFrom: now.Add(jitter(maxPause))}
}

// jitter returns a random part of d, so that senders do not all come at once.
func jitter(d time.Duration) time.Duration { return time.Duration(rand.Float64() * float64(d)) }

// admits reports whether an upload may begin now; if only the time is missing, for how long to wait, else 0.
func (d *destination) admits(now time.Time) (ok bool, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case now.Before(d.before):
		return false, d.before.Sub(now)
	case d.state == ReceiverUp && d.refusals == 0:
		return d.busy < d.pace.limit, 0
	}
	return d.busy == 0, 0
}

// admitsReplay is admits for an upload from the spool. While there are others they have most of the uploads for
// themselves, and a receiver that has just come back is not overrun.
func (d *destination) admitsReplay(now time.Time) (ok bool, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.state != ReceiverUp:
		return true, 0 // to see whether it is back
	case now.Before(d.replayFrom):
		return false, d.replayFrom.Sub(now)
	case d.busy > d.replays:
		return d.replays < min(d.slots, max(d.pace.limit/4, 1)), 0
	}
	return d.replays < d.slots, 0
}

// begins notes that an upload begins.
func (d *destination) begins(b *batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy++
	d.flying += b.spans
	if b.isReplay() {
		d.replays++
	}
}

// ends notes how an upload ended.
func (d *destination) ends(v *verdict) {
	now, b := time.Now(), v.batch
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy--
	d.flying -= b.spans
	if b.isReplay() {
		d.replays--
	}
	if !v.accepted {
		d.err = v.err
	}
	switch {
	case v.accepted:
		d.accepted++
		d.refusals = 0
		if b.isReplay() {
			d.slots = min(d.slots+1, d.pace.limit)
		}
		d.pace.accepted(now, b.bytes, v.took, v.demand)
		d.answeredLocked(now)
	case v.givenUp, v.suspected && !v.told:
	case v.retry:
		d.failedLocked(now, &v.result)
	case v.unwelcome():
		if d.refusals++; d.refusals >= refusalsUntilPause {
			d.becomeLocked(ReceiverRefusing, now)
			d.before = now.Add(refusedPause)
		}
	default:
		d.refusals = 0
		d.answeredLocked(now)
	}
}

// answeredLocked is called when the receiver has dealt with an upload.
func (d *destination) answeredLocked(now time.Time) {
	d.failures, d.pauses, d.attempts = 0, 0, 0
	if d.state == ReceiverThrottling && now.Before(d.before) {
		return // an upload that was under way before it asked to be left alone
	}
	if d.state != ReceiverUp {
		d.replayFrom = now.Add(jitter(maxPause))
	}
	d.before = time.Time{}
	if d.refusals == 0 {
		d.err = nil
		d.becomeLocked(ReceiverUp, now)
	}
}

// failedLocked is called when another attempt may help.
func (d *destination) failedLocked(now time.Time, r *result) {
	if d.failures++; d.failures == 1 {
		d.failing = now
	}
	d.pace.failed()
	d.slots = max(d.slots/2, 1)
	if d.last {
		d.attempts++
		d.before = now.Add(firstPause/2 + jitter(firstPause/2))
		return
	}
	pause := pauseAfter(d.pauses)
	d.pauses++
	switch {
	case r.told:
		d.becomeLocked(ReceiverThrottling, now)
		d.waitLocked(now.Add(min(max(r.after, pause), maxThrottle)))
	case d.state != ReceiverUp, d.failures >= failuresUntilDown, now.Sub(d.failing) >= failingUntilDown:
		if d.state == ReceiverUp {
			d.becomeLocked(ReceiverDown, now)
		}
		d.waitLocked(now.Add(pause))
	}
}

// waitLocked puts off the next upload, never to an earlier time.
func (d *destination) waitLocked(until time.Time) {
	if until.After(d.before) {
		d.before = until
	}
}

// pauseAfter returns how long to wait after so many pauses in a row.
func pauseAfter(pauses int) time.Duration { return jitter(pauseBound(pauses)) }

func pauseBound(pauses int) time.Duration {
	bound := float64(firstPause) * math.Pow(pauseFactor, float64(min(pauses, 20)))
	return time.Duration(min(bound, float64(maxPause)))
}

// pauseOf is pauseAfter for a batch that may be to blame itself: never a short one.
func pauseOf(tries int) time.Duration { return (pauseBound(tries) + pauseAfter(tries)) / 2 }

func (d *destination) becomeLocked(s ReceiverState, now time.Time) {
	if d.state != s {
		d.state, d.since = s, now
	}
}

// isUp reports whether what there is to send may go there rather than to the spool.
func (d *destination) isUp() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state == ReceiverUp && d.refusals == 0
}

// awayFor returns for how long it has not taken anything; 0 when it does.
func (d *destination) awayFor(now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == ReceiverUp {
		return 0
	}
	return now.Sub(d.since)
}

// acceptedSoFar counts the uploads that were accepted.
func (d *destination) acceptedSoFar() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.accepted
}

// lastCall has the receiver tried a few times more, without long pauses: what it does not take is lost.
func (d *destination) lastCall() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last, d.before = true, time.Time{}
}

// isHopeless reports whether that has come to nothing.
func (d *destination) isHopeless() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last && d.attempts >= lastAttempts
}

// flyingNow counts the spans that are being uploaded.
func (d *destination) flyingNow() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint64(d.flying)
}

func (d *destination) report() Receiver {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Receiver{State: d.state, Since: d.since, Err: d.err, NotBefore: d.before, Uploads: d.busy, Limit: d.pace.limit}
}
