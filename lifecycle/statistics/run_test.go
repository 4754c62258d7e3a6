package statistics_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// S20, S21, S22: Start and Stop take turns, Active tells whose.
func TestS20S21S22StartAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := statistics.New(statistics.Options{Logger: quiet})
		if err := s.Stop(ctx); !errors.Is(err, statistics.ErrNotActive) || s.Active() {
			t.Errorf("Stop before Start returned %v; active %t", err, s.Active())
		}
		first := time.Now()
		must(t, s.Start(ctx))
		if err := s.Start(ctx); !errors.Is(err, statistics.ErrActive) || !s.Active() {
			t.Errorf("a second Start returned %v; active %t", err, s.Active())
		}
		time.Sleep(time.Second)
		must(t, s.Stop(ctx))
		if err := s.Stop(ctx); !errors.Is(err, statistics.ErrNotActive) || s.Active() {
			t.Errorf("a second Stop returned %v; active %t", err, s.Active())
		}
		state := s.State()
		if !state.StartedAt.Equal(first) || !state.LastStartedAt.Equal(first) || !state.FinishedAt.Equal(first.Add(time.Second)) {
			t.Errorf("after the first run: %v, %v, %v", state.StartedAt, state.LastStartedAt, state.FinishedAt)
		}

		time.Sleep(time.Hour)
		must(t, s.Start(ctx))
		state = s.State()
		if !state.StartedAt.Equal(first) || !state.LastStartedAt.Equal(time.Now()) || !state.FinishedAt.IsZero() {
			t.Errorf("in the second run: %v, %v, %v", state.StartedAt, state.LastStartedAt, state.FinishedAt)
		}
		must(t, s.Stop(ctx))
	})
}

// S33, S67, crawlee-python#1541: the runtime is known at any time, and what lies between two runs is no part of it.
func TestS33S67Runtime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := statistics.New(statistics.Options{Logger: quiet})
		runtime := func(want time.Duration) {
			t.Helper()
			equal(t, "runtime", s.Calculate().Runtime, want)
			equal(t, "runtime of the state", s.State().Runtime, want)
		}
		runtime(0)
		for n := range 3 {
			before := time.Duration(n) * time.Minute
			runtime(before)
			must(t, s.Start(t.Context()))
			runtime(before)
			time.Sleep(time.Minute)
			runtime(before + time.Minute)
			must(t, s.Stop(t.Context()))
			time.Sleep(time.Hour)
		}
		runtime(3 * time.Minute)
	})
}

// S33, crawlee-python#2204: a run that crashed ended when it was saved for the last time.
func TestS33CrashedRunEndedWhenItWasSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &statistics.MemoryStore{}
		o := statistics.Options{Logger: quiet, Persistence: statistics.PersistenceOn, Store: store}
		for n := range 3 {
			crashed := statistics.New(o)
			must(t, crashed.Start(t.Context()))
			equal(t, "runtime at Start", crashed.Calculate().Runtime, time.Duration(n)*time.Minute)
			time.Sleep(time.Minute)
			must(t, crashed.Persist(t.Context()))
			saved, err := store.Get(t.Context(), key(t, o))
			must(t, err)
			time.Sleep(time.Hour) // nobody was there to count: it had crashed
			must(t, crashed.Stop(t.Context()))
			must(t, store.Set(t.Context(), key(t, o), saved))
		}
	})
}

// S21: Stop waits until the periodic goroutine is gone, also while that is busy with a store that answers to nobody but
// its context.
func TestS21StopEndsASaveThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hanging{}
		s := started(t, statistics.Options{Persistence: statistics.PersistenceOn, Store: store})
		time.Sleep(90 * time.Second)
		equal(t, "saves that hang", store.hung.Load(), 1)
		if err := s.Stop(context.Background()); !errors.Is(err, errHanging) {
			t.Errorf("Stop returned %v", err)
		}
		equal(t, "active", s.Active(), false)
	})
}

func TestRun(t *testing.T) {
	cause := errors.New("cause")
	store := &statistics.MemoryStore{}
	o := statistics.Options{Logger: quiet, Persistence: statistics.PersistenceOn, Store: store, Key: "key"}
	s := statistics.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Run(ctx, func(context.Context) error {
		equal(t, "active", s.Active(), true)
		open(s, 0).respond(200, 1)
		cancel()
		return cause
	})
	if !errors.Is(err, cause) || s.Active() {
		t.Errorf("Run returned %v; active %t", err, s.Active())
	}
	if _, err := store.Get(t.Context(), "key"); err != nil {
		t.Errorf("not saved although the context had ended: %v", err)
	}
	start(t, s)
	if err := s.Run(t.Context(), func(context.Context) error { t.Error("f was called"); return nil }); !errors.Is(err, statistics.ErrActive) {
		t.Errorf("Run of active statistics returned %v", err)
	}
}
