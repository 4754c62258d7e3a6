package spool

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// adopt takes over what processes left that are dead: those whose lock we get.
func (s *Spool) adopt() {
	entries, err := s.files.list(s.options.Dir)
	if err != nil {
		s.failed(OpAdopt, err)
	}
	foreign := uint64(0)
	for _, e := range entries {
		id, ok := parseHome(e.name)
		if !ok || !e.dir {
			foreign++
			continue
		}
		h := &home{path: filepath.Join(s.options.Dir, e.name), id: id}
		if s.has(h.path) {
			continue
		}
		switch err := s.seize(h); {
		case errors.Is(err, errLocked), errors.Is(err, os.ErrNotExist): // alive, or gone already
		case err != nil:
			s.failed(OpAdopt, err)
		default:
			s.inherit(h)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Foreign = foreign + s.strange
}

func (s *Spool) has(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.homes[path] != nil
}

func (s *Spool) failed(op Op, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failedLocked(op, err)
}

// seize locks a directory whose owner is dead.
func (s *Spool) seize(h *home) error {
	path := filepath.Join(h.path, lockName)
	lock, err := s.files.lock(path, false)
	if errors.Is(err, os.ErrNotExist) {
		// An owner that ended on its way in or out, or is about to lock it. The last can make another directory.
		if s.files.removeDir(h.path) == nil {
			return os.ErrNotExist
		}
		lock, err = s.files.lock(path, true)
	}
	h.lock = lock
	return err
}

// inherit takes what is in a directory that we have locked into the spool.
func (s *Spool) inherit(h *home) {
	entries, err := s.files.list(h.path)
	if err != nil {
		s.failed(OpAdopt, err)
		_ = h.lock.Close()
		return
	}
	var segments []*segment
	var foreign, mapped uint64
	var buried []deadFile
	var ledger string
	for _, e := range entries {
		path := filepath.Join(h.path, e.name)
		switch {
		case e.name == lockName:
		case e.name == ledgerName:
			ledger = path
		case e.name == deadName && e.dir:
			buried = s.exhume(path)
			h.keep = h.keep || len(buried) > 0
		case e.regular:
			if g := s.look(h, path); g != nil {
				segments = append(segments, g)
				if g.mapped {
					mapped += g.total.spans
				}
				continue
			}
			fallthrough
		default:
			foreign++
			h.keep = true
		}
	}
	if ledger != "" && !s.reckon(ledger, mapped) { // before anything that it counts is settled
		h.keep = true
	}
	slices.SortFunc(segments, func(a, b *segment) int {
		switch {
		case a.mapped == b.mapped:
			return cmp.Compare(a.number, b.number)
		case a.mapped: // what is in an arena is the newest
			return 1
		default:
			return -1
		}
	})
	s.enlist(h, segments, buried, foreign)
}

// enlist adds what was inherited.
func (s *Spool) enlist(h *home, segments []*segment, buried []deadFile, foreign uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strange += foreign
	s.dead = append(buried, s.dead...)
	if len(segments) == 0 && !h.keep {
		h.leave(s.files)
		return
	}
	s.homes[h.path] = h
	for _, g := range segments {
		s.enlistLocked(g)
		s.unreadLocked(g, 1)
	}
	for _, g := range segments {
		if !g.sealed && s.loadLocked(g) { // its books are not in a footer
			s.finishLocked(g)
			s.unloadLocked(g)
		}
	}
	signal(s.ready)
}

// look reads as much of a segment as says what it has. It returns nil when that is not a segment of ours.
func (s *Spool) look(h *home, path string) *segment {
	g := &segment{home: h, path: path, linked: true, mapped: filepath.Ext(path) == mappedSuffix}
	suffix := segmentSuffix
	if g.mapped {
		suffix = mappedSuffix
	}
	number, ok := parseNumbered(filepath.Base(path), suffix)
	if !ok {
		return nil
	}
	g.number, g.salt = number, salt(h.id, number)
	file, err := s.files.open(path)
	if err != nil {
		s.failed(OpRead, err)
		return nil
	}
	defer file.Close()
	size, err := file.size()
	if err != nil || size > maxSegment {
		return nil
	}
	f, sum, err := g.glance(file, size)
	if err == nil && !f.sealed {
		f, sum, err = g.scan(file, size)
	}
	if err != nil {
		s.failed(OpRead, err) // it may get better: what there is is counted when it is read
		f.end = size
	} else if f.noise() {
		return nil
	}
	g.salt, g.sealed, g.total, g.end = sum, f.sealed, f.footer, f.end
	return g
}

// reckon counts what a dead process did not live to count, and is not in its arena. Who removes the ledger counts: false if
// that is not us.
func (s *Spool) reckon(path string, mapped uint64) bool {
	lost, err := s.readLedger(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failedLocked(OpLedger, err)
	}
	if err := s.files.remove(path); err != nil {
		s.failedLocked(OpLedger, err)
		return false
	}
	lost -= min(lost, mapped)
	s.ledger.Slot(0).Ended.Add(lost) // whoever comes next counts them if we do not live to tell
	s.untold += lost
	s.stats.Dropped[Crash] += lost
	return true
}

// readLedger returns how many spans a dead process had in its memory.
func (s *Spool) readLedger(path string) (lost uint64, err error) {
	file, err := s.files.open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	page := make([]byte, ledgerSize)
	if err := readFull(file, page, 0); err != nil {
		return 0, err
	}
	lost, ok := reckon(page)
	if !ok {
		return 0, errForeign
	}
	return lost, nil
}

// exhume returns what is in a dead/.
func (s *Spool) exhume(dir string) []deadFile {
	entries, err := s.files.list(dir)
	if err != nil {
		s.failed(OpDead, err)
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	var all []deadFile
	for _, e := range entries {
		d := deadFile{path: filepath.Join(dir, e.name)}
		if file, err := s.files.open(d.path); err == nil {
			d.size, _ = file.size()
			_ = file.Close()
		}
		all = append(all, d)
	}
	return all
}
