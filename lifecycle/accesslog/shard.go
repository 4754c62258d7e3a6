package accesslog

import "sync"

// shard holds the lines of one worker until they are written. The lock is held while a line is copied, and while the writer
// exchanges the buffer: workers never meet.
type shard struct {
	mu     sync.Mutex
	lines  []byte // never grows
	closed bool
	full   uint64 // lines that found no room
	late   uint64 // lines that came after the end
}

func newShard(bound int) *shard { return &shard{lines: make([]byte, 0, bound)} }

// add copies a line. It reports whether the writer has to know: this is the first line since it last came by, or one with
// which the buffer is more than half full.
func (s *shard) add(line []byte) (first, half bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, bound := len(s.lines), cap(s.lines)
	after := before + len(line)
	switch {
	case s.closed:
		s.late++
		return false, false
	case after > bound:
		s.full++
		return false, false
	}
	s.lines = append(s.lines, line...)
	return before == 0, before <= bound/2 && after > bound/2
}

// take returns the lines and goes on with an empty buffer of the same size.
func (s *shard) take(empty []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.lines
	s.lines = empty
	return lines
}

// close turns away what comes from now on.
func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func (s *shard) dropped() (full, late uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full, s.late
}
