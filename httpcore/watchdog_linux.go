package httpcore

import (
	"sync/atomic"
	"time"
)

// watchdog takes the baton from turns that last. It looks at every worker once a millisecond, and sleeps while there is
// nothing to look at.
type watchdog struct {
	workers []*pollWorker
	asleep  atomic.Bool
	wake    chan struct{}
	stop    chan struct{}
}

const (
	watchEvery = time.Millisecond
	// watchCalm is how many looks in a row must find that nothing has happened before the watchdog goes to sleep.
	watchCalm = 20
)

func newWatchdog(workers []*pollWorker) *watchdog {
	return &watchdog{workers: workers, wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

// notice wakes the watchdog. A turn calls it when it has said in the word that it has begun.
func (d *watchdog) notice() {
	if d.asleep.Load() && d.asleep.CompareAndSwap(true, false) {
		d.wake <- struct{}{}
	}
}

// run looks until stop is closed.
func (d *watchdog) run() {
	last := make([]uint64, len(d.workers))
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for calm := 0; ; {
		select {
		case <-d.stop:
			return
		case <-ticker.C:
		}
		if d.look(last) {
			calm = 0
			continue
		}
		if calm++; calm < watchCalm {
			continue
		}
		calm = 0
		d.asleep.Store(true)
		if d.look(last) && d.asleep.CompareAndSwap(true, false) {
			continue // a turn began before it could see that it has to call
		}
		ticker.Stop()
		select {
		case <-d.stop:
			return
		case <-d.wake:
		}
		ticker.Reset(watchEvery)
	}
}

// look takes the baton from each worker that is in the same turn as last time, and reports whether there was any turn.
func (d *watchdog) look(last []uint64) (busy bool) {
	for i, w := range d.workers {
		word := w.word.Load()
		inTurn := word%2 == 1
		if inTurn && word == last[i] && w.take(word) {
			w.noteSlow()
		}
		busy = busy || inTurn || word != last[i]
		last[i] = word
	}
	return busy
}
