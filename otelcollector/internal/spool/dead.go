package spool

import (
	"fmt"
	"path/filepath"
)

// deadFile is a file in dead/.
type deadFile struct {
	path string
	size int64
}

// bury keeps a copy of a frame that is about to be given up, when Options.DeadBytes says so. Nothing depends on it, so it is
// written once, and not synced.
func (s *Spool) bury(f *Frame) {
	if s.options.DeadBytes == 0 {
		return
	}
	payload := make([]byte, f.payload)
	from, at, err := s.payload(f, payload)
	if from != nil {
		err = readFull(from, payload, at)
	}
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.state != pending || s.left || s.home == nil {
		return
	}
	if err := s.buryLocked(f, payload); err != nil {
		s.failedLocked(OpDead, err)
	}
}

// buryLocked writes a segment of one frame.
func (s *Spool) buryLocked(f *Frame, payload []byte) error {
	h := header{instance: s.home.id, number: s.deadNext + 1, created: s.options.wall().UnixNano(), resource: s.options.Resource, first: f.ordinal}
	b := h.append(nil)
	b = append(b, make([]byte, f.size())...)
	head := f.head
	head.state = dead
	head.put(b[headerSize:], salt(h.instance, h.number))
	copy(b[headerSize+frameSize:], payload)
	if int64(len(b)) > s.options.DeadBytes {
		return nil
	}
	s.clearDeadLocked(int64(len(b)))

	dir := filepath.Join(s.home.path, deadName)
	_ = s.files.makeDir(dir) // if it is there, good; if not, create says so
	s.deadNext++
	path := filepath.Join(dir, fmt.Sprintf("%0*d%s", numberDigits, s.deadNext, segmentSuffix))
	file, err := s.files.create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteAt(b, 0); err != nil {
		_ = s.files.remove(path)
		return err
	}
	s.home.keep = true
	s.dead = append(s.dead, deadFile{path, int64(len(b))})
	return nil
}

// clearDeadLocked removes the oldest files in dead/ until there is room for size bytes.
func (s *Spool) clearDeadLocked(size int64) {
	for _, d := range s.dead {
		size += d.size
	}
	for len(s.dead) > 0 && size > s.options.DeadBytes {
		_ = s.files.remove(s.dead[0].path)
		size -= s.dead[0].size
		s.dead = s.dead[1:]
	}
}
