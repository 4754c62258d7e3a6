package spool

import (
	"errors"
	"io"
	"os"
	"slices"
	"time"
)

// segment is a file of frames. Spool.mu guards it, but for the file while it is busy.
type segment struct {
	home   *home
	number uint64
	path   string
	rank   uint64    // order of replay
	since  time.Time // when it came into this spool
	salt   uint32
	mapped bool // it is a file of an arena

	// What is in the file.
	total  footer // of all frames, settled or not
	end    int64  // where the next frame goes, or the footer is
	sealed bool

	// What is known of its frames. Of a segment that was adopted that is nothing until it is first read.
	known bool
	open  int    // frames that keep the file: pending ones, and copies of frames that are not safe yet
	count uint64 // pending frames
	spans uint64 // in them

	// While it is loaded.
	file     file
	frames   []*Frame // in the order of the file
	unsynced []*Frame

	// How it is used.
	active   bool   // Append writes to it
	unsealed bool   // written by us, and still to be sealed
	busy     bool   // being synced, with Spool.mu not held: it stays
	suspect  bool   // a sync or a write failed: never written to or synced again
	linked   bool   // its name has been synced
	gone     bool   // dropped, for the reason why
	why      Reason //
	failures int    // to load it
}

// disk returns how many bytes it takes, or will when it is sealed.
func (g *segment) disk() int64 { return aligned(g.end) + frameSize }

// quiet reports that nothing of it is known here that is not on the disk, too.
func (g *segment) quiet() bool {
	return !g.unsealed && !g.busy && len(g.unsynced) == 0 &&
		!slices.ContainsFunc(g.frames, func(f *Frame) bool { return f.held || f.unwritten || f.copy || f.unread > 0 })
}

// glance and scan read what is in its file, see there.
func (g *segment) glance(r io.ReaderAt, size int64) (found, uint32, error) {
	if g.mapped {
		f, _, err := glanceMapped(r, size, g.salt)
		return f, g.salt, err
	}
	return glance(r, size, g.salt)
}

func (g *segment) scan(r io.ReaderAt, size int64) (found, uint32, error) {
	if g.mapped {
		f, err := scanMapped(r, size, g.salt)
		return f, g.salt, err
	}
	return scan(r, size, g.salt)
}

func (g *segment) close() {
	if g.file != nil {
		_ = g.file.Close()
	}
	g.file, g.frames = nil, nil
}

// unloadLocked forgets the frames of a segment that can be read again.
func (s *Spool) unloadLocked(g *segment) {
	if g.file != nil && g.quiet() {
		g.close()
	}
}

// maxFailures is how often reading a frame or a segment may fail until it is given up.
const maxFailures = 3

// loadLocked reads the heads of the frames. False: it cannot, and after the third time the segment is given up.
func (s *Spool) loadLocked(g *segment) bool {
	if g.file != nil {
		return true
	}
	err := s.readLocked(g)
	if err == nil {
		return true
	}
	s.failedLocked(OpRead, err)
	g.failures++
	switch {
	case errors.Is(err, os.ErrNotExist):
		s.forgetLocked(g)
		s.writeOffLocked(g, SpoolIO)
	case errors.Is(err, errForeign):
		g.home.keep = true
		s.strange++
		s.forgetLocked(g)
		s.writeOffLocked(g, SpoolIO)
	case g.failures >= maxFailures:
		s.dropLocked(g, SpoolIO)
	}
	return false
}

func (s *Spool) readLocked(g *segment) error {
	file, err := s.files.open(g.path)
	if err != nil {
		return err
	}
	size, err := file.size()
	if err != nil {
		_ = file.Close()
		return err
	}
	f, sum, err := g.scan(file, size)
	if err == nil && f.noise() {
		err = errForeign
	}
	if err != nil {
		_ = file.Close()
		s.estimateLocked(g, &f)
		return err
	}
	g.file, g.salt, g.failures = file, sum, 0
	if g.mapped {
		g.file = mappedFile{file, sum}
	}
	var open int
	var spans uint64
	for _, x := range f.frames {
		g.frames = append(g.frames, &Frame{head: x.head, at: x.at, segment: g})
		if x.state == pending {
			open++
			spans += uint64(x.spans)
		}
	}
	if !g.known {
		s.meetLocked(g, &f)
	}
	s.compareLocked(g, open, spans)
	return nil
}

// estimateLocked takes what the footer says of an adopted segment whose frames cannot be read. It may be all that is ever known.
func (s *Spool) estimateLocked(g *segment, f *found) {
	if g.known || !f.sealed {
		return
	}
	s.unreadLocked(g, -1)
	g.total = f.footer
	s.unreadLocked(g, 1)
}

// meetLocked takes what was found in an adopted segment into the books: its pending frames come with compareLocked.
func (s *Spool) meetLocked(g *segment, f *found) {
	s.unreadLocked(g, -1)
	g.known = true
	s.stats.Recovered += f.missing
	s.stats.Dropped[Corrupt] += f.missing
	s.stats.SkippedBytes += uint64(f.skipped)
	s.stats.TornBytes += uint64(f.torn)
	s.bytes -= g.disk()
	g.total, g.end = f.footer, f.end
	s.bytes += g.disk()
}

// compareLocked brings the books in line with what is in a segment: all of it is new, or some of what was there is not.
func (s *Spool) compareLocked(g *segment, open int, spans uint64) {
	if spans > g.spans {
		s.stats.Recovered += spans - g.spans
	} else {
		s.stats.Dropped[Corrupt] += g.spans - spans
	}
	s.stats.Frames += uint64(open) - g.count
	s.stats.Spans += spans - g.spans
	g.open, g.count, g.spans = open, uint64(open), spans
}

// unreadLocked counts a segment in or out that was adopted but not read yet.
func (s *Spool) unreadLocked(g *segment, sign int) {
	s.stats.Unread += uint64(sign) * g.total.spans
	s.stats.UnreadFrames += uint64(sign) * uint64(g.total.frames)
}

// finishLocked removes a segment of which nothing is needed any more.
func (s *Spool) finishLocked(g *segment) {
	if g.gone || !g.known || g.open > 0 || g.active || g.busy {
		return
	}
	g.unsealed = false // nothing in it is worth that
	g.close()
	s.unlinkLocked(g)
}

// unlinkLocked removes the file of a segment, and the segment from the spool. When the first fails, so does the second.
func (s *Spool) unlinkLocked(g *segment) bool {
	if err := s.files.remove(g.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.failedLocked(OpRemove, err)
		return false
	}
	s.forgetLocked(g)
	return true
}

func (s *Spool) forgetLocked(g *segment) {
	g.gone = true
	s.segments = slices.DeleteFunc(s.segments, func(other *segment) bool { return other == g })
	s.bytes -= g.disk()
	g.home.segments--
	if !g.home.own && g.home.segments == 0 && !g.home.keep {
		g.home.leave(s.files)
		delete(s.homes, g.home.path)
	}
}

// dropLocked gives up all that is pending in a segment, and removes it. What somebody holds stays his until he settles it.
// False: the file cannot be removed, and everything is as it was.
func (s *Spool) dropLocked(g *segment, why Reason) bool {
	if g.file == nil && g.failures == 0 {
		if err := s.readLocked(g); err != nil { // the footer is the next best
			s.failedLocked(OpRead, err)
		}
	}
	if !s.unlinkLocked(g) {
		return false
	}
	s.writeOffLocked(g, why)
	return true
}

// writeOffLocked takes a segment that is gone out of the books.
func (s *Spool) writeOffLocked(g *segment, why Reason) {
	g.why = why
	switch {
	case !g.known:
		s.unreadLocked(g, -1)
		s.stats.Recovered += g.total.spans
		s.stats.Dropped[why] += g.total.spans
	case g.file == nil:
		s.stats.Frames -= g.count
		s.stats.Spans -= g.spans
		s.stats.Dropped[why] += g.spans
	default:
		for _, f := range g.frames {
			if f.state == pending && !f.held && !f.copy {
				s.settleLocked(f, dropped)
				s.stats.Dropped[why] += uint64(f.spans)
			}
		}
	}
	for _, f := range g.unsynced {
		s.safeLocked(f)
	}
	g.unsynced = nil
	g.close()
}
