package spool

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// Spool keeps batches on a disk. Its methods may be called by any goroutine. None of them is for the path of a request:
// they may wait for the disk.
type Spool struct {
	options Options
	files   fileSystem
	ledger  *Ledger
	arena   *Arena
	began   time.Time // by the monotonic clock, and
	since   time.Time // by the wall clock

	ready   chan struct{} // has a token when Next may have something
	kick    chan struct{} // has a token when a group is large enough to be synced
	lacking chan struct{} // has a token when the arena lacks buffers
	closing chan struct{}
	done    chan struct{}
	lost    error // of Close; set before done is closed

	syncing sync.Mutex // held by who syncs; before mu

	mu     sync.Mutex
	closed bool // Close has begun
	left   bool // Close is done: the directory is not ours any more

	// What there is.
	homes    map[string]*home // by path
	home     *home            // our own; nil while none can be made
	segments []*segment       // by rank
	rank     uint64           // of the newest
	bytes    int64            // of all segments
	dead     []deadFile       // oldest first
	deadNext uint64
	strange  uint64 // files in adopted directories that are not ours

	// Writing.
	active   *segment // nil: the next append makes one
	room     int64    // of the files at most, when the last segment was begun
	number   uint64   // of our newest segment
	ordinal  uint64   // of the next span
	retired  []*segment
	unsynced int64    // bytes of frames that are kept in memory
	homeless []*Frame // pending frames that have to be written anew
	trouble  trouble

	// Reading: where Next goes on.
	cursor cursor

	stats  Stats  // but for what Stats computes
	untold uint64 // of the spans dropped for Crash, those of which Stats has not told yet
}

// Open begins to spool. What dead processes left is adopted meanwhile, not before Open returns. It fails when the options make no
// sense, and when the directory is not one that may be used; what is in the directory, or a full disk, is no reason to fail.
func Open(o Options) (*Spool, error) {
	s, err := open(o)
	if err != nil {
		return nil, err
	}
	go s.run()
	return s, nil
}

// open is Open without the goroutine.
func open(o Options) (*Spool, error) {
	o, err := o.withDefaults()
	if err == nil {
		err = o.files.check(o.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	s := &Spool{
		options: o, files: o.files, began: time.Now(), since: o.wall(), homes: map[string]*home{}, room: o.MaxBytes,
		ready: make(chan struct{}, 1), kick: make(chan struct{}, 1), lacking: make(chan struct{}, 1),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	s.stats.Errors = map[Failure]uint64{}
	if o.Arena != nil {
		s.arena = newArena(s, *o.Arena)
	}
	if err := s.settleInLocked(); err != nil { // nobody else has s yet
		s.ledger = &Ledger{slots: new([ledgerSlots]Counts)}
		s.degradeLocked(OpCreate, err)
		return s, nil
	}
	defer s.arena.furnish()
	if s.ledger, err = newLedger(s.files, filepath.Join(s.home.path, ledgerName)); err != nil {
		s.failedLocked(OpLedger, err)
	}
	return s, nil
}

// settleInLocked makes a directory for this process.
func (s *Spool) settleInLocked() error {
	h, err := newHome(s.files, s.options.Dir)
	if err != nil {
		return err
	}
	if s.home != nil { // somebody removed it
		s.home.own = false
		if s.home.segments == 0 {
			delete(s.homes, s.home.path)
			_ = s.home.lock.Close()
		}
	}
	s.home, s.homes[h.path] = h, h
	return nil
}

// Ledger returns the counters that outlive the process.
func (s *Spool) Ledger() *Ledger { return s.ledger }

// Ready has something to receive when Next may have a frame again after it had none.
func (s *Spool) Ready() <-chan struct{} { return s.ready }

// signal puts a token into a channel of one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// adoptEvery is how often the directories of others are looked at.
const adoptEvery = 30 * time.Second

// run does what has its time, until Close.
func (s *Spool) run() {
	defer close(s.done)
	s.adopt()
	adopted := time.Now()
	t := time.NewTicker(s.options.SyncEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.tick()
			if time.Since(adopted) >= adoptEvery {
				adopted = time.Now()
				s.expire()
				s.adopt()
				s.arena.trim()
			}
		case <-s.kick:
			_ = s.Sync() // counted
		case <-s.lacking:
			s.arena.furnish()
		case <-s.closing:
			s.lost = s.finish()
			return
		}
	}
}

// tick does what is done once in SyncEvery.
func (s *Spool) tick() {
	_ = s.Sync() // counted
	s.arena.furnish()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked()
}

// sweepLocked tries again what a disk in trouble refused: to write what became of frames, and to remove files.
func (s *Spool) sweepLocked() {
	for i := len(s.segments) - 1; i >= 0; i-- { // backwards, because segments leave
		g := s.segments[i]
		for _, f := range g.frames {
			if f.unwritten {
				s.writeStateLocked(f)
			}
		}
		s.finishLocked(g)
	}
}

// Close seals and syncs what there is and ends the use of the directory. Frames that are pending stay on the disk for who comes
// next, also those that somebody still holds. It waits until that is done or ctx has ended, whichever is first; the work goes on
// then. It fails when frames could not be written. Only the first call does something; others wait for it.
func (s *Spool) Close(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.closing)
	}
	select {
	case <-s.done:
		return s.lost
	case <-ctx.Done():
		return fmt.Errorf("spool: close: %w", context.Cause(ctx))
	}
}

// finish is what Close is for.
func (s *Spool) finish() error {
	s.mu.Lock()
	s.trouble.next = time.Time{} // a last try
	s.retireLocked()
	s.mu.Unlock()
	syncErr := s.Sync()
	keep := s.arena.close()

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.home != nil {
		s.home.keep = s.home.keep || keep
	}
	err := s.abandonMemoryLocked(syncErr)
	for i := len(s.segments) - 1; i >= 0; i-- {
		g := s.segments[i]
		s.finishLocked(g)
		g.close()
	}
	for _, h := range s.homes {
		if h.own {
			_ = s.files.remove(filepath.Join(h.path, ledgerName)) // all has been counted
		}
		h.leave(s.files)
	}
	s.left = true
	return err
}

// abandonMemoryLocked counts the frames that nothing but the memory has as dropped.
func (s *Spool) abandonMemoryLocked(cause error) error {
	var spans uint64
	for len(s.homeless) > 0 {
		f := s.homeless[0]
		spans += uint64(f.spans)
		s.settleLocked(f, dropped)
		s.stats.Dropped[SpoolIO] += uint64(f.spans)
	}
	if spans > 0 {
		return fmt.Errorf("spool: close: %d spans could not be written: %w", spans, cause)
	}
	return nil
}

// trouble is a disk that does not take anything.
type trouble struct {
	cause error // nil: there is none
	sync  bool  // it is syncing that failed: that a write works says nothing
	wait  time.Duration
	next  time.Time // when to try again
}

// How long to wait before a disk in trouble is tried again: twice as long each time.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// degradeLocked is called when neither the file in use nor another one took what was to be written.
func (s *Spool) degradeLocked(op Op, err error) {
	s.failedLocked(op, err)
	t := &s.trouble
	t.wait = min(max(2*t.wait, firstRetry), lastRetry)
	t.cause, t.sync, t.next = err, t.sync || op == OpSync, time.Now().Add(t.wait)
}

// waitingLocked returns why nothing is to be tried now; nil when there is no reason.
func (s *Spool) waitingLocked() error {
	if s.trouble.cause == nil || !time.Now().Before(s.trouble.next) {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrDegraded, s.trouble.cause)
}

// wroteLocked and syncedLocked end a trouble that they disprove.
func (s *Spool) wroteLocked() {
	if !s.trouble.sync {
		s.trouble = trouble{}
	}
}

func (s *Spool) syncedLocked() { s.trouble = trouble{} }

// failedLocked counts an error.
func (s *Spool) failedLocked(op Op, err error) {
	s.stats.Errors[Failure{op, errno(err)}]++
}

// observe tells how long something took.
func (s *Spool) observe(op Op, since time.Time, err error) {
	if s.options.Observe != nil {
		s.options.Observe(op, time.Since(since), err)
	}
}
