package statistics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Persist saves what was counted, whatever the mode, but with PersistenceOff, when it does nothing. Requests that are
// under way are not saved. Any goroutine may call it; calls wait for one another until ctx ends.
//
// It returns [ErrNotActive] before the first Start, which has yet to load what there is, or what went wrong with the
// store: then the counts are where they were, and the next call saves them. With [Options.LoadLater] it loads first.
func (s *Statistics) Persist(ctx context.Context) error {
	if s.options.Persistence == PersistenceOff {
		return nil
	}
	if s.options.LoadLater {
		if err := s.load(ctx); err != nil {
			return err
		}
	}
	release, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer release()

	state, err := s.loadedState()
	if err != nil {
		return err
	}
	text, err := s.encode(state)
	if err != nil {
		return fmt.Errorf("statistics: encode the state: %w", err)
	}
	if err := s.options.Store.Set(ctx, s.options.Key, text); err != nil {
		return fmt.Errorf("statistics: save %s: %w", s.options.Key, err)
	}
	return s.saveSnapshots(ctx)
}

// turn waits until nobody else loads, saves or resets. The caller releases it.
func (s *Statistics) turn(ctx context.Context) (release func(), err error) {
	select {
	case s.saving <- struct{}{}:
		return func() { <-s.saving }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("statistics: wait for the store: %w", context.Cause(ctx))
	}
}

// loadedState returns the state once there is nothing left to load.
func (s *Statistics) loadedState() (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.loaded {
		return State{}, ErrNotActive
	}
	s.drainLocked()
	return s.stateLocked(time.Now()), nil
}

// load takes over what the store holds, the first time.
func (s *Statistics) load(ctx context.Context) error {
	if s.isLoaded() {
		return nil
	}
	if s.options.Store == nil {
		return ErrNoStore
	}
	release, err := s.turn(ctx) // not while a Reset removes what is loaded
	if err != nil {
		return err
	}
	defer release()
	if s.isLoaded() { // by somebody else meanwhile
		return nil
	}
	state, err := s.fetch(ctx)
	if err != nil {
		return fmt.Errorf("statistics: load %s: %w", s.options.Key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restoreLocked(state)
	s.loaded = true
	return nil
}

// isLoaded reports whether there is nothing left to load.
func (s *Statistics) isLoaded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = s.loaded || s.options.Persistence == PersistenceOff
	return s.loaded
}

// fetch reads what the store holds; nothing is the zero State.
func (s *Statistics) fetch(ctx context.Context) (State, error) {
	text, err := s.options.Store.Get(ctx, s.options.Key)
	if errors.Is(err, ErrNotFound) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	return s.decode(text)
}

// encode returns a state with what extends it.
func (s *Statistics) encode(state State) ([]byte, error) {
	text, err := json.Marshal(state)
	if err != nil || s.extra == nil {
		return text, err
	}
	return s.extra.extend(text)
}

// decode is the inverse of encode: what extends the state goes to where it is kept.
func (s *Statistics) decode(text []byte) (State, error) {
	var state State
	if err := json.Unmarshal(text, &state); err != nil {
		return State{}, err
	}
	if s.extra == nil {
		return state, nil
	}
	return state, s.extra.restore(text)
}

// Reset sets everything that was counted back to nothing and removes it from the store: counts, errors, the requests
// under way that were started by hand, the runtime. It neither starts nor stops anything: an active Statistics goes
// on, from now. Snapshots of errors stay in the store. Any goroutine may call it. It returns what went wrong with the store; the counts in memory are gone then,
// and the next save replaces the others.
func (s *Statistics) Reset(ctx context.Context) error {
	release, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer release()
	s.forget()
	if s.options.Persistence == PersistenceOff || s.options.Store == nil {
		return nil
	}
	if err := s.options.Store.Delete(ctx, s.options.Key); err != nil {
		return fmt.Errorf("statistics: delete %s: %w", s.options.Key, err)
	}
	return nil
}

func (s *Statistics) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drainLocked()
	s.total.reset()
	clear(s.requests)
	s.snapshots = nil
	s.errors.reset()
	s.retryErrors.reset()
	if s.extra != nil {
		s.extra.reset()
	}
	s.run = run{}
	if s.phase == active {
		s.run.begin(time.Now())
		s.loaded = true // what was to be loaded later is gone
	}
}
