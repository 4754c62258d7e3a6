package otelcollector

import (
	"fmt"
	"sync"
	"time"
)

// reportEvery is the shortest time between two reports.
const reportEvery = time.Minute

// reporter passes errors on, at most one a minute. The others are only counted.
type reporter struct {
	handle func(error)

	mu      sync.Mutex // not held while handle runs
	last    time.Time
	ignored int // since last
}

func (r *reporter) report(err error) {
	if err = r.admit(err); err != nil {
		r.handle(err)
	}
}

func (r *reporter) admit(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if !r.last.IsZero() && now.Sub(r.last) < reportEvery {
		r.ignored++
		return nil
	}
	if r.ignored > 0 {
		err = fmt.Errorf("%w (and %d more errors since the last report)", err, r.ignored)
	}
	r.last, r.ignored = now, 0
	return err
}
