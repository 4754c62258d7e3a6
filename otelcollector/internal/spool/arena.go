package spool

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ArenaOptions say how large an arena is. The zero value does.
type ArenaOptions struct {
	// Resource is whose spans these are: a ResourceSpans without spans, encoded. At most 60 KiB.
	Resource []byte
	// BufferBytes is how many bytes of spans a buffer takes. 0: 576 KiB, a batch and a large span. At most 3.9 MiB.
	BufferBytes int
	// Spare is how many buffers are kept ready for Get, which makes none. 0: 4.
	Spare int
	// MaxBuffers is how many there are at most, whose files are not counted in Options.MaxBytes. 0: 64, or Spare if that is more.
	MaxBuffers int
}

func (o ArenaOptions) withDefaults() (ArenaOptions, error) {
	o.BufferBytes = valueOr(o.BufferBytes, 576<<10)
	o.Spare = valueOr(o.Spare, 4)
	o.MaxBuffers = valueOr(o.MaxBuffers, max(64, o.Spare))
	switch {
	case len(o.Resource) > maxHeads-scopeRoom:
		return o, fmt.Errorf("a resource of %d bytes is larger than %d", len(o.Resource), maxHeads-scopeRoom)
	case o.BufferBytes < 0 || o.BufferBytes > maxMapped:
		return o, fmt.Errorf("a buffer of %d bytes is not from 1 to %d", o.BufferBytes, maxMapped)
	case o.Spare < 0 || o.MaxBuffers < o.Spare:
		return o, fmt.Errorf("%d spare buffers are not from 1 to %d", o.Spare, o.MaxBuffers)
	}
	return o, nil
}

// Arena keeps copies of finished spans that are in no frame yet, in files that are mapped into memory: the kernel has them when
// the process is killed, and whoever adopts its directory delivers them. They do not survive a loss of power.
//
// A nil *Arena has no buffers.
type Arena struct {
	spool   *Spool
	options ArenaOptions
	room    int         // bytes of a file before the spans
	closed  atomic.Bool // the files are not ours any more; set under mu

	mu      sync.Mutex // after Spool.mu
	free    []*Buffer  // the one that came back last is the next
	unused  int        // how many of them, from the first, nobody has needed since the last trim
	taken   map[*Buffer]struct{}
	useless []*Buffer // to be disposed of
	missed  uint64    // times that Get had none

	// Making files, which only the goroutine of the spool does.
	number uint64 // of the newest
	wait   time.Duration
	next   time.Time // when to try again, after the disk refused
}

// scopeRoom is how many bytes of a scope there is room for.
const scopeRoom = 4 << 10

func newArena(s *Spool, o ArenaOptions) *Arena {
	room := (mappedHead + len(o.Resource) + scopeRoom + pageSize - 1) &^ (pageSize - 1)
	return &Arena{spool: s, options: o, room: room, taken: map[*Buffer]struct{}{}}
}

// Arena returns the arena of the spool; nil when Options.Arena is.
func (s *Spool) Arena() *Arena { return s.arena }

// Get returns a buffer for spans of a scope: a ScopeSpans without spans, encoded. It returns nil when none is ready, or
// the scope has more than 4 KiB. It never waits
// for the disk, and any goroutine may call it.
func (a *Arena) Get(scope []byte) *Buffer {
	if a == nil || mappedHead+len(a.options.Resource)+len(scope) > a.room {
		return nil
	}
	b, lacking := a.take()
	if lacking {
		signal(a.spool.lacking)
	}
	if b != nil && !b.describe(scope) {
		b.Recycle()
		return nil
	}
	return b
}

// take returns a free buffer, and whether there should be more of them.
func (a *Arena) take() (b *Buffer, lacking bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed.Load() {
		return nil, false
	}
	if last := len(a.free) - 1; last >= 0 {
		b, a.free[last] = a.free[last], nil
		a.free = a.free[:last]
		a.unused = min(a.unused, last)
		a.taken[b] = struct{}{}
	} else {
		a.missed++
	}
	return b, a.lackLocked() > 0
}

// lackLocked returns how many buffers should be made.
func (a *Arena) lackLocked() int {
	return min(a.options.Spare-len(a.free), a.options.MaxBuffers-a.countLocked())
}

func (a *Arena) countLocked() int { return len(a.free) + len(a.taken) + len(a.useless) }

// count fills in what Stats say of the arena.
func (a *Arena) count(st *Stats) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	st.ArenaBuffers, st.ArenaMissed = a.countLocked(), a.missed
	st.ArenaBytes = int64(st.ArenaBuffers) * int64(a.room+a.options.BufferBytes)
}

// giveBack takes a buffer that nobody uses any more.
func (a *Arena) giveBack(b *Buffer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.taken[b]; !ok { // it was given back before
		return
	}
	delete(a.taken, b)
	switch {
	case a.closed.Load():
		_ = a.spool.files.unshare(b.memory)
	case b.failed:
		a.useless = append(a.useless, b)
		signal(a.spool.lacking)
	default:
		a.free = append(a.free, b)
	}
}

// furnish removes what is of no use any more, and makes what is lacking until the disk refuses.
func (a *Arena) furnish() {
	if a == nil {
		return
	}
	a.dispose()
	for a.lacks() && !time.Now().Before(a.next) {
		b, err := a.make()
		if err != nil {
			a.spool.failed(OpArena, err)
			a.wait = min(max(2*a.wait, firstRetry), lastRetry)
			a.next = time.Now().Add(a.wait)
			return
		}
		a.wait = 0
		a.mu.Lock()
		a.free = slices.Insert(a.free, 0, b)
		a.mu.Unlock()
	}
}

func (a *Arena) lacks() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lackLocked() > 0
}

// make makes a buffer.
func (a *Arena) make() (*Buffer, error) {
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	b, err := a.makeIn(home)
	if errors.Is(err, os.ErrNotExist) && a.spool.resettle(home) == nil { // our directory is gone
		return a.make()
	}
	return b, err
}

// home returns the directory for a file, if there is room for one.
func (a *Arena) home() (*home, error) {
	s := a.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.home == nil {
		if err := s.settleInLocked(); err != nil {
			return nil, err
		}
	}
	if s.surveyLocked() {
		return nil, fmt.Errorf("%w: %w", ErrFull, syscall.ENOSPC)
	}
	return s.home, nil
}

// makeIn makes a buffer with a file in a directory.
func (a *Arena) makeIn(h *home) (b *Buffer, err error) {
	var memory []byte
	for range 3 { // a file of that name that is not ours may be there
		a.number++
		memory, err = a.spool.files.shareMemory(h.mappedPath(a.number), a.room+a.options.BufferBytes)
		if err == nil {
			return newBuffer(a, h, a.number, memory), nil
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, err
		}
	}
	return nil, err
}

// resettle makes a directory for this process in place of old, unless somebody did.
func (s *Spool) resettle(old *home) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.home != old {
		return nil
	}
	return s.settleInLocked()
}

// trim finds what is of no use any more: spare buffers that nobody has needed since it was called last, and those whose files
// somebody has removed.
func (a *Arena) trim() {
	if a == nil {
		return
	}
	nameless := a.nameless()
	a.mu.Lock()
	defer a.mu.Unlock()
	surplus := min(a.unused, max(len(a.free)-a.options.Spare, 0))
	for i, b := range slices.Clone(a.free) {
		if i < surplus || nameless[b] {
			a.useless = append(a.useless, b)
			a.free = slices.DeleteFunc(a.free, func(other *Buffer) bool { return other == b })
		}
	}
	a.unused = len(a.free)
}

// nameless returns the free buffers whose files are not there.
func (a *Arena) nameless() map[*Buffer]bool {
	a.mu.Lock()
	free := slices.Clone(a.free)
	a.mu.Unlock()
	nameless := map[*Buffer]bool{}
	for _, b := range free {
		nameless[b] = !b.named()
	}
	return nameless
}

// dispose removes the buffers that are of no use any more.
func (a *Arena) dispose() {
	a.mu.Lock()
	useless := a.useless
	a.useless = nil
	a.mu.Unlock()
	for _, b := range useless {
		if b.failed {
			a.spool.failed(OpArena, errFault)
		}
		b.remove()
		_ = a.spool.files.unshare(b.memory)
	}
}

// close removes the files. Those in which something is published stay for who comes next, and keep is true.
func (a *Arena) close() (keep bool) {
	if a == nil {
		return false
	}
	for _, b := range a.shut() { // mapped until they are given back
		if b.published() > 0 {
			keep = true
		} else {
			b.remove()
		}
	}
	a.dispose()
	return keep
}

// shut has buffers that are taken not change their files any more, and returns them. The others are of no use.
func (a *Arena) shut() []*Buffer {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed.Store(true)
	a.useless = append(a.useless, a.free...)
	a.free = nil
	return slices.Collect(maps.Keys(a.taken))
}
