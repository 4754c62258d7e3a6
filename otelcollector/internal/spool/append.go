package spool

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Append writes a batch. The frame it returns is held by the caller, who settles it or gives it back. The batch has survived the
// end of the process then, and survives the loss of power after the next sync.
//
// When it fails, the batch is not in the spool and in none of its counters: it is still the caller's. Who drops it counts it,
// see ReasonOf. Errors match ErrFull, ErrTooLarge, ErrBusy, ErrDegraded or ErrClosed.
func (s *Spool) Append(b Batch) (*Frame, error) {
	if len(b.Payload) == 0 || len(b.Payload) > MaxPayload || b.Spans < 1 || b.Spans > maxSpans {
		return nil, fmt.Errorf("%w: %d bytes, %d spans", ErrTooLarge, len(b.Payload), b.Spans)
	}
	f := newFrame(&b)
	if err := s.take(f, b.Buffers); err != nil {
		return nil, err
	}
	if s.options.Sync == SyncAlways {
		_ = s.Sync() // the frame is in the spool, whatever comes of it
	}
	return f, nil
}

// take puts a new frame into the spool.
func (s *Spool) take(f *Frame, copies []*Buffer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if err := s.waitingLocked(); err != nil {
		return err
	}
	if s.unsynced > 4*s.options.SyncBytes {
		return fmt.Errorf("%w: %d bytes wait for a sync", ErrBusy, s.unsynced)
	}
	if err := s.placeLocked(f); err != nil {
		if errors.Is(err, ErrFull) || errors.Is(err, ErrTooLarge) {
			return err
		}
		s.degradeLocked(OpWrite, err)
		return fmt.Errorf("%w: %w", ErrDegraded, err)
	}
	for _, c := range copies {
		c.Reset()
	}
	s.wroteLocked()
	f.handOutLocked()
	s.stats.Appended += uint64(f.spans)
	s.stats.Frames++
	s.stats.Spans += uint64(f.spans)
	s.ledger.Slot(0).Spooled.Add(uint64(f.spans)) // after the write: a crash in between counts too much, not too little
	if s.unsynced >= s.options.SyncBytes {
		signal(s.kick)
	}
	return nil
}

// placeLocked writes a frame to the active segment. When the file or the disk has no room, it makes some and tries once more.
func (s *Spool) placeLocked(f *Frame) error {
	for again := false; ; again = true {
		g, err := s.roomLocked(f.size())
		if err == nil {
			err = s.writeLocked(g, f)
		}
		if err == nil || again || errors.Is(err, ErrFull) || errors.Is(err, ErrTooLarge) || !s.makeRoomLocked(err) {
			return err
		}
	}
}

// makeRoomLocked does what may help after err, and reports whether there was anything.
func (s *Spool) makeRoomLocked(err error) bool {
	switch {
	case fileTooBig(err):
		began := s.active != nil && len(s.active.frames) > 0
		s.retireLocked()
		return began
	case noSpace(err):
		return s.options.WhenFull == DropOldest && s.dropOldestLocked()
	case errors.Is(err, os.ErrNotExist): // our directory is gone
		return s.settleInLocked() == nil
	}
	return false
}

// roomLocked returns the segment that takes size bytes more.
func (s *Spool) roomLocked(size int64) (*segment, error) {
	const around = headerSize + frameSize
	if size+around > s.options.MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes do not fit into %d", ErrTooLarge, size, s.options.MaxBytes)
	}
	if g := s.active; g != nil && g.end > headerSize && g.end+size+frameSize > s.options.SegmentBytes {
		s.retireLocked()
	}
	need := size
	if s.active == nil {
		need += around
	}
	for s.bytes+need > s.options.MaxBytes {
		if s.options.WhenFull == DropNewest || !s.dropOldestLocked() {
			return nil, ErrFull
		}
	}
	if s.active != nil {
		return s.active, nil
	}
	if s.surveyLocked() && (s.options.WhenFull == DropNewest || !s.dropOldestLocked()) {
		return nil, ErrFull
	}
	return s.createLocked()
}

// createLocked begins a segment.
func (s *Spool) createLocked() (*segment, error) {
	if s.home == nil {
		if err := s.settleInLocked(); err != nil {
			return nil, err
		}
	}
	g := &segment{home: s.home, known: true, active: true, unsealed: true, end: headerSize, total: footer{end: s.ordinal}}
	var err error
	for range 3 { // a file of that name that is not ours may be there
		s.number++
		g.number, g.path = s.number, s.home.segmentPath(s.number)
		if g.file, err = s.files.create(g.path); !errors.Is(err, os.ErrExist) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	h := header{
		instance: s.home.id, number: g.number, created: s.options.wall().UnixNano(), resource: s.options.Resource, first: s.ordinal,
	}
	if _, err := g.file.WriteAt(h.append(nil), 0); err != nil {
		g.close()
		_ = s.files.remove(g.path)
		return nil, err
	}
	g.salt = salt(h.instance, h.number)
	s.enlistLocked(g)
	s.active = g
	return g, nil
}

// enlistLocked adds a segment as the newest.
func (s *Spool) enlistLocked(g *segment) {
	s.rank++
	g.rank, g.since = s.rank, time.Now()
	g.home.segments++
	s.segments = append(s.segments, g)
	s.bytes += g.disk()
}

// writeLocked appends a frame to a segment.
func (s *Spool) writeLocked(g *segment, f *Frame) error {
	f.ordinal = s.ordinal
	f.put(f.bytes, g.salt)
	began := time.Now()
	_, err := g.file.WriteAt(f.bytes, g.end)
	s.observe(OpWrite, began, err)
	if err != nil {
		if g.file.truncate(g.end) != nil {
			s.abandonLocked(g)
		}
		return err
	}
	f.segment, f.at = g, g.end
	g.end += f.size()
	s.bytes += f.size()
	g.total.add(&f.head)
	g.frames = append(g.frames, f)
	g.unsynced = append(g.unsynced, f)
	g.open++
	g.count++
	g.spans += uint64(f.spans)
	s.ordinal += uint64(f.spans)
	s.unsynced += f.size()
	return nil
}

// retireLocked has the active segment sealed with the next sync.
func (s *Spool) retireLocked() {
	g := s.active
	if g == nil {
		return
	}
	s.active, g.active = nil, false
	s.retired = append(s.retired, g)
}
