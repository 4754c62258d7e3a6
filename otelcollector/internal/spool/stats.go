package spool

import "time"

// State says how the spool is.
type State uint8

// The states.
const (
	Working State = iota
	Degraded
	Closed
)

func (s State) String() string { return [...]string{"working", "degraded", "closed"}[s] }

// Failure names a kind of error: what was done, and what the system said.
type Failure struct {
	Op    Op
	Errno string
}

// Stats are figures at one moment.
type Stats struct {
	State    State
	Trouble  error // why it is degraded
	Bytes    int64 // of the files, with what is kept for their footers
	Segments int

	// Frames and Spans are pending.
	Frames, Spans uint64
	// Unread are spans in adopted segments that were not read yet, as their footers say. Some of them may be settled.
	Unread, UnreadFrames uint64
	// OldestAge is how long ago the first of them ended, by the wall clock; 0 when there are none.
	OldestAge time.Duration

	// Appended, Recovered, Acked and Dropped count spans. Recovered came from processes that are dead.
	Appended, Recovered, Acked uint64
	// Dropped counts those that the spool gave up. Crash stands for spans that never were in a spool.
	Dropped Dropped

	// SkippedBytes were damaged, in the middle of a segment. TornBytes were being written when a process or the power ended.
	SkippedBytes, TornBytes uint64
	// Foreign counts what is in the directory and not ours to touch, as it was last seen.
	Foreign uint64
	// ArenaBuffers are in the arena, whose files have ArenaBytes. ArenaMissed counts how often one was asked for and none was ready.
	ArenaBuffers int
	ArenaBytes   int64
	ArenaMissed  uint64
	// Errors counts what the system refused.
	Errors map[Failure]uint64
}

// Stats returns the figures. Who reads them answers for the spans that died with others: they are not counted again when this
// process is killed, too.
func (s *Spool) Stats() Stats {
	now := s.options.wall()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.Slot(0).Dropped.Add(s.untold)
	s.untold = 0
	st := s.stats
	st.Bytes, st.Segments, st.Trouble = s.bytes, len(s.segments), s.trouble.cause
	switch {
	case s.closed:
		st.State = Closed
	case st.Trouble != nil:
		st.State = Degraded
	}
	s.arena.count(&st)
	for _, g := range s.segments {
		if g.total.frames > 0 && (g.count > 0 || !g.known) {
			st.OldestAge = max(st.OldestAge, now.Sub(time.Unix(0, g.total.first)))
		}
	}
	st.Errors = make(map[Failure]uint64, len(s.stats.Errors))
	for f, n := range s.stats.Errors {
		st.Errors[f] = n
	}
	return st
}
