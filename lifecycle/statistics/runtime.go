package statistics

import "time"

// run is when there was somebody to count.
type run struct {
	before        time.Duration // the runtime of the runs before this one
	startedAt     time.Time     // of the first run
	lastStartedAt time.Time     // of this run; zero before the first
	finishedAt    time.Time     // zero while it lasts
}

// begin begins a run.
func (r *run) begin(now time.Time) {
	r.before = r.runtime(now)
	r.lastStartedAt, r.finishedAt = now, time.Time{}
	if r.startedAt.IsZero() {
		r.startedAt = now
	}
}

// runtime is how long all runs have lasted together. What lies between them is no part of it.
func (r *run) runtime(now time.Time) time.Duration {
	if r.lastStartedAt.IsZero() {
		return r.before
	}
	if !r.finishedAt.IsZero() {
		now = r.finishedAt
	}
	return r.before + max(now.Sub(r.lastStartedAt), 0)
}
