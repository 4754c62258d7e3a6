package lifecycle_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// numbered returns an event that carries n.
func numbered(n int) lifecycle.Event {
	return &lifecycle.ConnectionCompleted{Stamp: lifecycle.Stamp{ConnectionID: 1, TimestampNS: 1}, RequestsServed: n}
}

// numbers returns what numbered put in.
func numbers(events []lifecycle.Event) []int {
	var ns []int
	for _, e := range events {
		ns = append(ns, e.(*lifecycle.ConnectionCompleted).RequestsServed)
	}
	return ns
}

// upTo returns from, from+1, …, to.
func upTo(from, to int) []int {
	var ns []int
	for n := from; n <= to; n++ {
		ns = append(ns, n)
	}
	return ns
}

func equal(t *testing.T, what string, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestBufferedKeepsEverythingUntilFlush(t *testing.T) {
	b := lifecycle.NewBuffered(lifecycle.BufferedOptions{})
	defer b.Close()
	if got := b.Flush(); got != nil {
		t.Errorf("Flush of an empty buffer returned %v", got)
	}
	for n := range 1000 {
		b.Record(numbered(n))
	}
	if got := b.Len(); got != 1000 {
		t.Errorf("Len %d, want 1000", got)
	}
	equal(t, "batch", numbers(b.Flush()), upTo(0, 999))
	if b.Len() != 0 || b.Flush() != nil || b.Dropped() != 0 {
		t.Errorf("after Flush: Len %d, Dropped %d", b.Len(), b.Dropped())
	}
}

func TestBufferedClones(t *testing.T) {
	b := lifecycle.NewBuffered(lifecycle.BufferedOptions{})
	defer b.Close()
	e := &lifecycle.ConnectionCompleted{RequestsServed: 1}
	b.Record(e)
	e.RequestsServed = 2
	equal(t, "batch", numbers(b.Flush()), []int{1})
}

func TestBufferedFlushesWhenFull(t *testing.T) {
	var batches [][]int
	b := lifecycle.NewBuffered(lifecycle.BufferedOptions{
		MaxSize: 3,
		OnFlush: func(events []lifecycle.Event) { batches = append(batches, numbers(events)) },
	})
	for n := range 7 {
		b.Record(numbered(n))
	}
	if b.Len() != 1 {
		t.Errorf("Len %d, want 1", b.Len())
	}
	b.Flush()
	b.Flush() // empty: no call
	b.Close()
	if len(batches) != 3 {
		t.Fatalf("batches %v, want three", batches)
	}
	equal(t, "first", batches[0], []int{0, 1, 2})
	equal(t, "second", batches[1], []int{3, 4, 5})
	equal(t, "third", batches[2], []int{6})
	if b.Dropped() != 0 {
		t.Errorf("Dropped %d, want 0", b.Dropped())
	}
}

func TestBufferedWithoutOnFlushKeepsTheNewest(t *testing.T) {
	b := lifecycle.NewBuffered(lifecycle.BufferedOptions{MaxSize: 4})
	defer b.Close()
	dropped := uint64(0)
	for _, recorded := range []int{3, 4, 5, 7, 8, 9, 21} {
		for n := range recorded {
			b.Record(numbered(n))
		}
		dropped += uint64(max(0, recorded-4))
		if want := min(recorded, 4); b.Len() != want {
			t.Errorf("after %d events: Len %d, want %d", recorded, b.Len(), want)
		}
		equal(t, "batch", numbers(b.Flush()), upTo(max(0, recorded-4), recorded-1))
		if b.Dropped() != dropped {
			t.Errorf("after %d events: Dropped %d, want %d", recorded, b.Dropped(), dropped)
		}
	}
}

func TestBufferedOnFlushMayCallBack(t *testing.T) {
	var b *lifecycle.Buffered
	var batches [][]int
	b = lifecycle.NewBuffered(lifecycle.BufferedOptions{
		MaxSize: 2,
		OnFlush: func(events []lifecycle.Event) {
			batches = append(batches, numbers(events))
			if len(batches) > 1 {
				return
			}
			for n := 2; n < 7; n++ {
				b.Record(numbered(n)) // fills the buffer twice more
			}
			if b.Len() != 1 || b.Dropped() != 0 {
				t.Errorf("in OnFlush: Len %d, Dropped %d, want 1 and 0", b.Len(), b.Dropped())
			}
			equal(t, "Flush in OnFlush", numbers(b.Flush()), []int{6})
			if len(batches) != 1 {
				t.Error("a batch was delivered while OnFlush had another one")
			}
		},
	})
	b.Record(numbered(0))
	b.Record(numbered(1))
	if len(batches) != 4 {
		t.Fatalf("batches %v, want four", batches)
	}
	equal(t, "events", slices.Concat(batches...), upTo(0, 6))
	b.Close()
}

func TestBufferedBatchesWaitTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var batches [][]int
		resume := make(chan struct{})
		b := lifecycle.NewBuffered(lifecycle.BufferedOptions{OnFlush: func(events []lifecycle.Event) {
			<-resume
			batches = append(batches, numbers(events)) // -race would notice two at a time
		}})
		for n := range 3 {
			b.Record(numbered(n))
			go b.Flush()
			synctest.Wait()
		}
		closed := false
		go func() { b.Close(); closed = true }()
		synctest.Wait()
		if len(batches) != 0 || closed {
			t.Errorf("while OnFlush is busy: delivered %v, closed %t", batches, closed)
		}
		close(resume)
		synctest.Wait()
		equal(t, "events", slices.Concat(batches...), upTo(0, 2))
		if len(batches) != 3 || !closed {
			t.Errorf("afterwards: delivered %v, closed %t", batches, closed)
		}
	})
}

func TestBufferedBoundsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, bound = 1 << 10, 1 << 16
		var batches [][]int
		resume := make(chan struct{})
		b := lifecycle.NewBuffered(lifecycle.BufferedOptions{MaxSize: size, OnFlush: func(events []lifecycle.Event) {
			<-resume
			batches = append(batches, numbers(events))
		}})
		record := func(from, to int) {
			for n := from; n < to; n++ {
				b.Record(numbered(n))
			}
		}
		go record(0, size) // is held in OnFlush
		synctest.Wait()
		record(size, 2*size+bound) // one batch too many
		if b.Dropped() != size {
			t.Errorf("Dropped %d, want %d", b.Dropped(), size)
		}
		close(resume)
		b.Close()
		want := slices.Concat(upTo(0, size-1), upTo(2*size, 2*size+bound-1))
		if got := slices.Concat(batches...); !slices.Equal(got, want) {
			t.Errorf("delivered %d events, want %d, without the oldest batch that waited", len(got), len(want))
		}
	})
}

func TestBufferedLosesNothingToConcurrency(t *testing.T) {
	const goroutines, each = 8, 500
	var delivered [][]int
	b := lifecycle.NewBuffered(lifecycle.BufferedOptions{
		MaxSize:    7,
		OnFlush:    func(events []lifecycle.Event) { delivered = append(delivered, numbers(events)) },
		FlushEvery: time.Millisecond,
	})
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for n := range each {
				b.Record(numbered(g*each + n))
				if n%100 == 0 {
					b.Flush()
				}
			}
		})
	}
	wg.Wait()
	b.Close()
	next := make([]int, goroutines)
	for _, n := range slices.Concat(delivered...) {
		if g := n / each; next[g] != n%each {
			t.Fatalf("goroutine %d: event %d came where %d was due", g, n%each, next[g])
		}
		next[n/each]++
	}
	for g, n := range next {
		if n != each {
			t.Errorf("goroutine %d: %d events were delivered, want %d", g, n, each)
		}
	}
}

func TestBufferedFlushEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batches := make(chan []int, 10)
		b := lifecycle.NewBuffered(lifecycle.BufferedOptions{
			OnFlush:    func(events []lifecycle.Event) { batches <- numbers(events) },
			FlushEvery: time.Second,
		})
		b.Record(numbered(0))
		time.Sleep(time.Second - time.Nanosecond)
		synctest.Wait()
		if len(batches) != 0 {
			t.Errorf("delivered %v before its time", <-batches)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if len(batches) != 1 {
			t.Fatalf("delivered %d batches after one interval, want one", len(batches))
		}
		equal(t, "first batch", <-batches, []int{0})
		time.Sleep(10 * time.Second) // nothing to flush
		b.Record(numbered(1))
		b.Close()
		b.Close()
		if len(batches) != 1 {
			t.Fatalf("delivered %d batches by Close, want one", len(batches))
		}
		equal(t, "last batch", <-batches, []int{1})
	})
}

func TestBufferedFlushEveryNeedsOnFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := lifecycle.NewBuffered(lifecycle.BufferedOptions{FlushEvery: time.Second})
		b.Record(numbered(0))
		time.Sleep(time.Minute)
		b.Close()
		equal(t, "events", numbers(b.Flush()), []int{0})
	})
}

func TestBufferedAfterClose(t *testing.T) {
	var batches int
	b := lifecycle.NewBuffered(lifecycle.BufferedOptions{OnFlush: func([]lifecycle.Event) { batches++ }})
	b.Close()
	b.Record(numbered(0))
	if b.Len() != 0 || b.Dropped() != 1 || b.Flush() != nil || batches != 0 {
		t.Errorf("after Close: Len %d, Dropped %d, %d batches; want 0, 1, 0", b.Len(), b.Dropped(), batches)
	}
}

func TestBufferedSurvivesAPanicOfOnFlush(t *testing.T) {
	var batches [][]int
	var b *lifecycle.Buffered
	b = lifecycle.NewBuffered(lifecycle.BufferedOptions{OnFlush: func(events []lifecycle.Event) {
		batches = append(batches, numbers(events))
		if len(batches) == 1 {
			b.Record(numbered(1))
			b.Flush() // has to wait
			panic("oops")
		}
	}})
	b.Record(numbered(0))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller of Flush")
			}
		}()
		b.Flush()
	}()
	b.Close() // delivers what waited
	equal(t, "events", slices.Concat(batches...), upTo(0, 1))
}
