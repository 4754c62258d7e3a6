package spool

import "time"

// dropOldestLocked drops the oldest segment that is not in use. False: there is none, or it cannot be removed.
func (s *Spool) dropOldestLocked() bool {
	for _, g := range s.segments {
		if !g.active && !g.busy {
			return s.dropLocked(g, SpoolFull)
		}
	}
	return false
}

// surveyLocked finds out how much room there is, and reports whether the file system has less room left than we leave to others.
func (s *Spool) surveyLocked() (crowded bool) {
	free, all, err := s.files.free(s.options.Dir)
	if err != nil || all == 0 {
		s.room = s.options.MaxBytes
		return false
	}
	ours := free - int64(max(s.options.MinFree, 0)*float64(all))
	s.room = min(s.bytes+max(ours, 0), s.options.MaxBytes)
	return s.options.MinFree >= 0 && ours < 0
}

// Filled returns which part of what it may use the spool has used, from 0 to 1. What that is on a file system that is smaller than
// Options.MaxBytes, or that others fill, was looked at when the last segment was begun. Any goroutine may call it.
func (s *Spool) Filled() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room == 0 {
		return 1
	}
	return min(float64(s.bytes)/float64(s.room), 1)
}

// maxDrift is how far the wall clock may have moved against the monotonic one until nothing is believed to be too old.
const maxDrift = time.Hour

// grace is how long a segment is kept however old it looks: the process before this one may have had a wall clock that went wrong,
// or this one has, and the receiver should have the time to take the spans.
const grace = time.Hour

// expire drops segments whose newest span is too old to be worth anything.
func (s *Spool) expire() {
	if s.options.MaxAge < 0 {
		return
	}
	now := s.options.wall()
	if drift := now.Round(0).Sub(s.since.Round(0)) - time.Since(s.began); drift.Abs() >= maxDrift {
		return
	}
	before := now.Add(-s.options.MaxAge).UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.active; g != nil && len(g.frames) > 0 && g.total.last < before {
		s.retireLocked()
	}
	for _, g := range append([]*segment(nil), s.segments...) {
		if !g.gone && !g.active && !g.busy && g.total.frames > 0 && g.total.last < before && time.Since(g.since) >= grace {
			s.dropLocked(g, TooOld)
		}
	}
}
