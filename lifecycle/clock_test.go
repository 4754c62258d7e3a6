package lifecycle_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

func TestMonotonicNSRisesAndIsNever0(t *testing.T) {
	last := lifecycle.MonotonicNS()
	if last < int64(time.Second) {
		t.Errorf("the first reading is %d, want at least a second", last)
	}
	for range 1000 {
		now := lifecycle.MonotonicNS()
		if now < last {
			t.Fatalf("the clock went back from %d to %d", last, now)
		}
		last = now
	}
	if n := testing.AllocsPerRun(100, func() { lifecycle.MonotonicNS() }); n != 0 {
		t.Errorf("MonotonicNS allocates %v times", n)
	}
}

// TestWallTime: what was read between two looks at the wall clock lies between them.
func TestWallTime(t *testing.T) {
	lifecycle.RenewAnchor()
	before := time.Now().Round(0)
	reading := lifecycle.MonotonicNS()
	after := time.Now().Round(0)
	// The two clocks are read one after the other, and tick in steps of their own.
	const slack = time.Millisecond
	if got := lifecycle.WallTime(reading); got.Before(before.Add(-slack)) || got.After(after.Add(slack)) {
		t.Errorf("wall time %v, want %v to %v", got, before, after)
	}
	if got, want := lifecycle.WallTime(reading).UnixNano(), lifecycle.UnixNano(reading); got != want {
		t.Errorf("WallTime %d, UnixNano %d", got, want)
	}
	if d := lifecycle.UnixNano(reading+1500) - lifecycle.UnixNano(reading); d != 1500 {
		t.Errorf("an interval of 1500 ns became %d ns", d)
	}
}

// TestRenewAnchor steps the wall clock: the virtual clock of a bubble begins in the year 2000.
func TestRenewAnchor(t *testing.T) {
	defer lifecycle.RenewAnchor()
	synctest.Test(t, func(t *testing.T) {
		lifecycle.RenewAnchor()
		if got := lifecycle.WallTime(lifecycle.MonotonicNS()); !got.Equal(time.Now()) {
			t.Errorf("after the step: %v, want %v", got, time.Now())
		}
		time.Sleep(time.Hour)
		if got := lifecycle.WallTime(lifecycle.MonotonicNS()); !got.Equal(time.Now()) {
			t.Errorf("an hour later: %v, want %v", got, time.Now())
		}
	})
}

func TestClockIsSafeForConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				lifecycle.RenewAnchor()
				lifecycle.UnixNano(lifecycle.MonotonicNS())
			}
		})
	}
	wg.Wait()
}

func TestNextConnectionIDIsUniqueAndRises(t *testing.T) {
	const goroutines, each = 8, 2000
	ids := make([][]uint64, goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for range each {
				ids[g] = append(ids[g], lifecycle.NextConnectionID())
			}
		})
	}
	wg.Wait()
	seen := map[uint64]bool{0: true} // no id is 0
	for _, of := range ids {
		last := uint64(0)
		for _, id := range of {
			if id <= last {
				t.Fatalf("id %d follows %d in one goroutine", id, last)
			}
			if seen[id] {
				t.Fatalf("id %d was given twice, or is 0", id)
			}
			last, seen[id] = id, true
		}
	}
}
