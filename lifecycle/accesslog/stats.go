package accesslog

import "sync/atomic"

// Stats says what has become of the lines of a log. Each line is counted once, when it is settled.
type Stats struct {
	// Written were taken by the output.
	Written uint64
	// DroppedFull found their worker's buffer full: the output was too slow, or failed for too long.
	DroppedFull uint64
	// DroppedClosed came after Close.
	DroppedClosed uint64
	// DroppedLost could not be written before the deadline of Close.
	DroppedLost uint64
	// Problems counts lines for which a function that is not ours, an [Atom] or a filter, panicked. They were written
	// all the same, and are counted above as well.
	Problems uint64
}

// Dropped adds up the lines that were dropped.
func (s Stats) Dropped() uint64 { return s.DroppedFull + s.DroppedClosed + s.DroppedLost }

// trouble keeps count of errors, and the last of them, until they are reported.
type trouble struct {
	all  atomic.Uint64
	last atomic.Pointer[error]
	told uint64 // the writer's own
}

func (t *trouble) add(err error) {
	t.last.Store(&err)
	t.all.Add(1)
}

// take returns how many have come since it was last called, and the last one.
func (t *trouble) take() (uint64, error) {
	n := t.all.Load() - t.told
	if n == 0 {
		return 0, nil
	}
	t.told += n
	return n, *t.last.Load()
}
