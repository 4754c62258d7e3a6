package spool

import "slices"

// Ack settles a frame that was delivered. The receiver rejected some of its spans; the others are acknowledged.
func (s *Spool) Ack(f *Frame, rejected int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.settleLocked(f, acked) {
		return
	}
	n := uint64(min(max(rejected, 0), f.Spans()))
	s.stats.Acked += uint64(f.spans) - n
	s.stats.Dropped[Rejected] += n
}

// Drop settles a frame that will not be delivered.
func (s *Spool) Drop(f *Frame, why Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveUpLocked(f, dropped, why)
}

// Kill is Drop for a frame that people may want to look at: it is kept in dead/, if anything is.
func (s *Spool) Kill(f *Frame, why Reason) {
	s.bury(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveUpLocked(f, dead, why)
}

func (s *Spool) giveUpLocked(f *Frame, to state, why Reason) {
	if s.settleLocked(f, to) {
		s.stats.Dropped[why] += uint64(f.spans)
	}
}

// settleLocked takes a frame out of what is pending. The caller counts it as what it has become. False: it was settled before,
// or Close is done, which leaves it to who comes next.
func (s *Spool) settleLocked(f *Frame, to state) bool {
	if f.state != pending || s.left {
		return false
	}
	f.state, f.held = to, false
	s.stats.Frames--
	s.stats.Spans -= uint64(f.spans)
	s.safeLocked(f)
	g := f.segment
	if g == nil {
		s.homeless = slices.DeleteFunc(s.homeless, func(h *Frame) bool { return h == f })
		return true
	}
	g.open--
	g.count--
	g.spans -= uint64(f.spans)
	s.writeStateLocked(f)
	s.finishLocked(g)
	return true
}

// writeStateLocked writes what became of a frame into its file. If that fails it is tried again later.
func (s *Spool) writeStateLocked(f *Frame) {
	g := f.segment
	f.unwritten = false
	if g.gone || g.file == nil {
		return
	}
	if _, err := g.file.WriteAt([]byte{byte(f.state)}, f.at+stateOffset); err != nil {
		s.failedLocked(OpState, err)
		f.unwritten = true
	}
}
