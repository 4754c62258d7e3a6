package httpcore

import (
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// reserve is a descriptor that is kept for the time when there is no other: given back, it lets one client be accepted, and
// told.
type reserve struct {
	// away is true while the descriptor is not held. What is accepted then may have it, and is turned away, too.
	away atomic.Bool

	mu    sync.Mutex
	users int // Serves that have it open
	file  *os.File
	next  time.Time // when somebody may be told again
}

// open opens the reserve for one more Serve.
func (r *reserve) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users++
	r.openLocked()
}

// close is the end of what open has begun.
func (r *reserve) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users--; r.users == 0 {
		r.closeLocked()
		r.away.Store(false)
	}
}

// reopen has the reserve back if it was away and there is a descriptor.
func (r *reserve) reopen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users > 0 {
		r.openLocked()
	}
}

func (r *reserve) openLocked() {
	if r.file == nil {
		file, err := os.Open(os.DevNull)
		r.file = file
		r.away.Store(isOneOf(err, noDescriptor[:])) // where there is no such file, there is no reserve
	}
}

func (r *reserve) closeLocked() {
	if r.file != nil {
		r.away.Store(true)
		_ = r.file.Close()
		r.file = nil
	}
}

// lend calls use while the reserve's descriptor is free. True: use has had a use for it, or it is too early for that.
func (r *reserve) lend(use func() bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.openLocked()
	switch {
	case r.file == nil:
		return false
	case time.Now().Before(r.next):
		return true
	}
	r.closeLocked()
	defer r.openLocked()
	if !use() {
		return false
	}
	r.next = time.Now().Add(tellEvery)
	return true
}
