package statistics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// The errors of a call at the wrong time.
var (
	ErrActive    = errors.New("statistics: already active")
	ErrNotActive = errors.New("statistics: not active")
)

// ErrNoStore is returned by Start when there is persistence, but no store.
var ErrNoStore = errors.New("statistics: persistence needs a Store")

// Statistics counts requests. [New] makes one. Its methods may be called from any goroutine.
type Statistics struct {
	options Options
	tries   *tries    // nil without RetryHeader
	extra   extension // nil without one

	// active repeats whether phase is active, for the shards, which do not take mu.
	active atomic.Bool
	shards shards

	errors, retryErrors *ErrorTracker

	// saving holds a token while somebody loads, saves or resets, so that what was saved later was counted later.
	saving chan struct{}

	mu        sync.Mutex // guards what follows; not held while a store or a logger is called
	phase     phase
	loaded    bool // what there was in the store, or that there was nothing
	run       run
	requests  map[string]request
	total     *tally // of all that is no longer in a shard
	empty     *tally // what the next drain may use
	snapshots []ErrorSnapshot

	stop context.CancelFunc // ends the periodic tasks; set while active
	done chan struct{}      // closed when they have ended
}

// phase is where a Statistics is in its life.
type phase int

const (
	inactive phase = iota
	changing       // in Start or in Stop
	active
)

// New returns a Statistics that counts nothing before [Statistics.Start].
func New(o Options) *Statistics {
	o = o.withDefaults()
	s := &Statistics{
		options: o,
		errors:  NewErrorTracker(o.Errors), retryErrors: NewErrorTracker(o.Errors),
		saving:   make(chan struct{}, 1),
		requests: map[string]request{},
		total:    newTally(o.MaxRetries), empty: newTally(o.MaxRetries),
	}
	if o.RetryHeader != "" {
		s.tries = newTries()
	}
	return s
}

// Active reports whether the Statistics counts: after Start and before Stop.
func (s *Statistics) Active() bool { return s.active.Load() }

// Errors returns the tracker of the errors of requests that were tried for the first time, as far as is known.
func (s *Statistics) Errors() *ErrorTracker { return s.errors }

// RetryErrors returns the tracker of the errors of requests that had been tried before; see [Options.RetryHeader].
func (s *Statistics) RetryErrors() *ErrorTracker { return s.retryErrors }

// Start begins to count. The first Start loads what is in the store, or has it loaded with [Options.LoadLater]; later ones
// carry on with what is in memory, which is newer. It logs the periodic message and starts the goroutine that logs and saves, which Stop ends. ctx is for
// loading only.
//
// It returns [ErrActive] when the Statistics is active, or a concurrent Start or Stop has not returned;
// [ErrNoStore]; or what went wrong with loading. Then the Statistics is not active.
func (s *Statistics) Start(ctx context.Context) error {
	if !s.enter(inactive) {
		return ErrActive
	}
	if !s.options.LoadLater || s.options.Store == nil {
		if err := s.load(ctx); err != nil {
			s.leave(inactive, func() {})
			return err
		}
	}
	tasks, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.leave(active, func() {
		s.run.begin(time.Now())
		s.stop, s.done = stop, done
	})

	p := newPeriodic(s)
	p.log()
	go func() {
		defer close(done)
		p.loop(tasks)
	}()
	return nil
}

// Stop ends what Start began, and saves with PersistenceOn. It waits for the goroutine of Start. It does not log; see
// [Statistics.LogFinal]. ctx is for saving only.
//
// It returns [ErrNotActive] when the Statistics is not active, or what went wrong with saving: then it is stopped too.
func (s *Statistics) Stop(ctx context.Context) error {
	if !s.enter(active) {
		return ErrNotActive
	}
	s.stop()
	<-s.done
	s.leave(inactive, func() {
		s.drainLocked()
		s.run.finishedAt = time.Now()
	})
	if s.options.Persistence == PersistenceOn {
		return s.Persist(ctx)
	}
	return nil
}

// enter begins a change from one phase to another. It reports false when s is in another phase.
func (s *Statistics) enter(from phase) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != from {
		return false
	}
	s.phase = changing
	s.active.Store(false)
	return true
}

// leave ends a change, with what changes in the same moment.
func (s *Statistics) leave(to phase, changeLocked func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changeLocked()
	s.phase = to
	s.active.Store(to == active)
}

// Run calls f between Start and Stop, and returns what went wrong with any of the three. f is not called when Start
// fails. Stop saves also when ctx has ended.
func (s *Statistics) Run(ctx context.Context, f func(context.Context) error) (err error) {
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer func() {
		if stopErr := s.Stop(context.WithoutCancel(ctx)); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("stop: %w", stopErr))
		}
	}()
	return f(ctx)
}

// drainLocked brings the total up to date.
func (s *Statistics) drainLocked() { s.empty = s.shards.drain(s.total, s.empty) }
