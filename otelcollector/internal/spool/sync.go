package spool

import (
	"errors"
	"slices"
	"time"
)

// Sync makes what was appended before it survive a loss of power. It fails when that is not so for all of it; then what is
// missing stays in memory, and is tried again after a while.
func (s *Spool) Sync() error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.mu.Lock()
	s.rehomeLocked()
	s.mu.Unlock()
	failed := false
	for {
		j, ok := s.nextJob()
		if !ok {
			return s.unsafe()
		}
		err := s.persist(&j)
		if s.persisted(&j, err, failed) {
			if !j.last {
				return s.unsafe() // what was appended meanwhile is for the next time, or this would never end
			}
			continue
		}
		if failed {
			return err
		}
		failed = true // the frames are in another file now: that one is tried, too
	}
}

// unsafe returns why there are frames that are not safe; nil when there are none.
func (s *Spool) unsafe() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.homeless) > 0 || s.trouble.sync && s.unsynced > 0 {
		return s.trouble.cause
	}
	return nil
}

// job is a segment to sync.
type job struct {
	*segment
	frames int    // of unsynced, those that are meant
	end    int64  // of what was appended so far
	last   bool   // nothing will be appended any more
	footer []byte // to write first, then; nil when that cannot be done
}

// nextJob returns what is to be synced next: first what is to be sealed.
func (s *Spool) nextJob() (job, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.retired) > 0 {
		g := s.retired[0]
		s.retired = s.retired[1:]
		forgetSettled(g)
		s.finishLocked(g)
		if !g.gone && g.unsealed {
			g.busy = true
			return job{segment: g, frames: len(g.unsynced), end: g.end, last: true, footer: g.total.append(nil, g.salt)}, true
		}
	}
	g := s.active
	if g == nil || s.waitingLocked() != nil && s.trouble.sync {
		return job{}, false
	}
	forgetSettled(g)
	if len(g.unsynced) == 0 {
		return job{}, false
	}
	g.busy = true
	return job{segment: g, frames: len(g.unsynced), end: g.end}, true
}

// forgetSettled takes the frames that are settled already out of those that have to be synced.
func forgetSettled(g *segment) {
	g.unsynced = slices.DeleteFunc(g.unsynced, func(f *Frame) bool { return f.state != pending })
}

// persist does what j says. It holds no lock: the segment is busy.
func (s *Spool) persist(j *job) error {
	if j.last {
		// On a full disk it stays without a footer: then it takes longer to read, that is all.
		if _, err := j.file.WriteAt(j.footer, j.end); err != nil {
			j.footer = nil
			_ = j.file.truncate(j.end)
		}
	}
	if s.options.Sync == SyncNever {
		return nil
	}
	began := time.Now()
	err := s.syncFile(j)
	s.observe(OpSync, began, err)
	return err
}

func (s *Spool) syncFile(j *job) error {
	linked, err := j.file.linked()
	switch {
	case err != nil:
	case !linked:
		err = errRemoved
	case j.last:
		err = j.file.sync()
	default:
		err = j.file.dataSync()
	}
	if err == nil && (!j.linked || j.last) {
		err = s.files.syncDir(j.home.path)
	}
	if err == nil && !j.linked {
		err = s.files.syncDir(s.options.Dir)
	}
	if err == nil {
		j.file.uncache(j.end)
	}
	return err
}

// persisted takes note of how j ended. False: its frames are not safe. The first time in a row they are written to another
// file at once, from then on after a while.
func (s *Spool) persisted(j *job, err error, again bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := j.segment
	g.busy = false
	if err != nil {
		if errors.Is(err, errRemoved) {
			s.rescueLocked(g)
		}
		s.abandonLocked(g)
		if again {
			s.degradeLocked(OpSync, err)
		} else {
			s.failedLocked(OpSync, err)
			s.rehomeLocked()
		}
		return false
	}
	g.linked, g.sealed = true, j.footer != nil
	g.unsealed = g.unsealed && !j.last
	if !g.suspect { // a write may have failed meanwhile
		for _, f := range g.unsynced[:j.frames] {
			s.safeLocked(f)
		}
		g.unsynced = slices.Delete(g.unsynced, 0, j.frames)
		s.syncedLocked()
	}
	s.finishLocked(g)
	s.unloadLocked(g)
	return true
}

// safeLocked lets go of what was kept for a frame that is synced, or settled.
func (s *Spool) safeLocked(f *Frame) {
	if f.bytes == nil {
		return
	}
	f.bytes = nil
	s.unsynced -= f.size()
	s.dropCopyLocked(f)
}

// rescueLocked takes back into memory what is in a file that has no name any more: it can be read until it is closed. What was
// removed along with it, and is not open, is lost.
func (s *Spool) rescueLocked(g *segment) {
	g.unsynced = nil
	for _, f := range g.frames {
		if f.state != pending || f.copy {
			continue
		}
		if f.bytes == nil {
			b := make([]byte, f.size())
			if err := readFull(g.file, b, f.at); err != nil {
				s.failedLocked(OpRead, err)
				continue
			}
			f.bytes = b
			s.unsynced += f.size()
		}
		g.unsynced = append(g.unsynced, f)
	}
	for _, other := range slices.Clone(s.segments) {
		if other.home == g.home && other.file == nil && s.loadLocked(other) {
			s.unloadLocked(other)
		}
	}
}

// abandonLocked stops writing to a file that cannot be trusted any more. What is known to be safe in it stays there, the rest has
// to be written anew.
func (s *Spool) abandonLocked(g *segment) {
	g.suspect = true
	if g.active {
		s.active = nil
	}
	g.active, g.unsealed = false, false
	for _, f := range g.unsynced {
		if f.state == pending {
			s.leaveCopyLocked(f)
			s.homeless = append(s.homeless, f)
		}
	}
	g.unsynced = nil
	s.finishLocked(g)
}

// leaveCopyLocked takes a frame out of its segment. The first copy that it leaves in a file stays until the frame is safe:
// it may well be readable.
func (s *Spool) leaveCopyLocked(f *Frame) {
	g := f.segment
	c := &Frame{head: f.head, at: f.at, segment: g, copy: true}
	g.frames[slices.Index(g.frames, f)] = c
	g.count--
	g.spans -= uint64(f.spans)
	f.segment = nil
	if f.old == nil {
		f.old = c
		return
	}
	c.copy, c.state, c.unwritten = false, dropped, true
	g.open--
}

// dropCopyLocked drops the copy that a frame left behind.
func (s *Spool) dropCopyLocked(f *Frame) {
	c := f.old
	if c == nil {
		return
	}
	f.old = nil
	c.copy, c.state = false, dropped
	s.writeStateLocked(c)
	c.segment.open--
	s.finishLocked(c.segment)
}

// rehomeLocked writes frames anew that are in no file that can be trusted.
func (s *Spool) rehomeLocked() {
	for len(s.homeless) > 0 && s.waitingLocked() == nil {
		f := s.homeless[0]
		s.homeless = s.homeless[1:]
		s.unsynced -= f.size() // writing counts it
		if err := s.placeLocked(f); err != nil {
			s.unsynced += f.size()
			s.homeless = append([]*Frame{f}, s.homeless...)
			s.degradeLocked(OpWrite, err)
			return
		}
	}
}
