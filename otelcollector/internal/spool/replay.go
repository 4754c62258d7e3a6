package spool

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
)

// cursor is a place in the order of replay.
type cursor struct {
	rank uint64 // of the segment
	at   int64  // the frames from here on are next
}

func (c cursor) before(other cursor) bool {
	return c.rank < other.rank || c.rank == other.rank && c.at < other.at
}

// Next returns the oldest pending frame that nobody holds, and has the caller hold it; nil when there is none. A frame that was given
// back by Retry comes after all others, so that one that is never taken does not stand in their way.
func (s *Spool) Next() *Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	f := s.nextLocked()
	if f == nil && s.cursor != (cursor{}) {
		s.cursor = cursor{}
		f = s.nextLocked()
	}
	if f == nil && len(s.homeless) > 0 {
		for _, h := range s.homeless {
			if !h.held {
				f = h
				break
			}
		}
	}
	if f != nil {
		f.handOutLocked()
	}
	return f
}

// nextLocked looks from the cursor on, and moves it.
func (s *Spool) nextLocked() *Frame {
	for i := 0; i < len(s.segments); {
		g := s.segments[i]
		if g.rank < s.cursor.rank || g.known && g.count == 0 || !s.loadLocked(g) {
			if !g.gone {
				s.unloadLocked(g)
				i++
			}
			continue
		}
		if g.rank > s.cursor.rank {
			s.cursor = cursor{rank: g.rank}
		}
		first, _ := slices.BinarySearchFunc(g.frames, s.cursor.at, func(f *Frame, at int64) int { return cmp.Compare(f.at, at) })
		for _, f := range g.frames[first:] {
			if f.state == pending && !f.held && !f.copy {
				s.cursor.at = f.at + f.size()
				return f
			}
		}
		s.finishLocked(g)
		if !g.gone {
			s.unloadLocked(g)
			i++
		}
	}
	return nil
}

// Read appends the payload of a frame that the caller holds to dst. When it fails, the caller does not hold the frame any more: it is
// dropped, or pending once more. Errors match ErrCorrupt, ErrGone or ErrUnread.
func (s *Spool) Read(f *Frame, dst []byte) ([]byte, error) {
	begin := len(dst)
	dst = append(dst, make([]byte, f.payload)...)
	from, at, err := s.payload(f, dst[begin:])
	if from != nil {
		err = readFull(from, dst[begin:], at)
	}
	if err == nil && crc32.Checksum(dst[begin:], castagnoli) != f.sum {
		err = ErrCorrupt
	}
	if err != nil {
		return dst[:begin], s.unreadable(f, err)
	}
	return dst, nil
}

// payload copies the payload of a frame when it is in memory, and otherwise says where it is.
func (s *Spool) payload(f *Frame, dst []byte) (from file, at int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case f.bytes != nil:
		copy(dst, f.bytes[frameSize:])
		return nil, 0, nil
	case f.segment == nil || f.segment.gone || f.segment.file == nil:
		return nil, 0, ErrGone
	default:
		return f.segment.file, f.at + frameSize, nil
	}
}

// unreadable says what becomes of a frame whose payload cannot be had.
func (s *Spool) unreadable(f *Frame, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case f.state != pending || s.left:
		return ErrGone
	case errors.Is(err, ErrGone) || errors.Is(err, os.ErrClosed):
		s.releaseLocked(f)
		return ErrGone
	case errors.Is(err, ErrCorrupt):
		s.giveUpLocked(f, dropped, Corrupt)
		return ErrCorrupt
	}
	s.failedLocked(OpRead, err)
	if f.unread++; f.unread == maxFailures {
		s.giveUpLocked(f, dropped, SpoolIO)
	} else {
		s.releaseLocked(f)
	}
	return fmt.Errorf("%w: %w", ErrUnread, err)
}

// Release gives a frame back as it was: that it was not delivered says nothing about it or the receiver.
func (s *Spool) Release(f *Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.state != pending || s.left {
		return
	}
	if g := f.segment; g != nil {
		if back := (cursor{g.rank, f.at}); back.before(s.cursor) {
			s.cursor = back
		}
	}
	s.releaseLocked(f)
}

// Retry gives a frame back that could not be delivered.
func (s *Spool) Retry(f *Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.state != pending || s.left {
		return
	}
	f.attempts += min(1, 255-f.attempts)
	if g := f.segment; g != nil && !g.gone && g.file != nil {
		if _, err := g.file.WriteAt([]byte{f.attempts}, f.at+attemptsOffset); err != nil {
			s.failedLocked(OpState, err) // it counts again from less after a restart
		}
	}
	s.releaseLocked(f)
}

// releaseLocked ends that somebody holds a frame. What was dropped meanwhile is counted now.
func (s *Spool) releaseLocked(f *Frame) {
	f.held = false
	if g := f.segment; g != nil && g.gone {
		s.giveUpLocked(f, dropped, g.why)
		return
	}
	signal(s.ready)
}
