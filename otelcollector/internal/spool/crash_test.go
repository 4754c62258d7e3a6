package spool

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
)

// life is what a process did with its spool until it ended, by the number of calls to the file system before it did so.
type life struct {
	m       *memoryFiles
	written map[int]int // by number of the batch: Append had returned
	safe    map[int]int // a sync had
	settled map[int]int // it was about to be settled: from here on it may be gone
}

func (l *life) now() int { return len(l.m.log) }

func (l *life) add(t *testing.T, s *Spool, from, n int) {
	for i := from; i < from+n; i++ {
		f, err := s.Append(batch(i))
		if err != nil {
			if errors.Is(err, ErrDegraded) {
				continue // not in the spool
			}
			t.Fatal(err)
		}
		l.written[i] = l.now()
		s.Release(f)
		balanced(t, s)
	}
}

func (l *life) sync(t *testing.T, s *Spool) {
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	for i := range l.written {
		if l.safe[i] == 0 {
			l.safe[i] = l.now()
		}
	}
	balanced(t, s)
}

func (l *life) settle(t *testing.T, s *Spool, n int) {
	for range n {
		f := s.Next()
		i := read(t, s, f)
		l.settled[i] = l.now()
		if i%3 == 0 {
			s.Drop(f, Invalid)
		} else {
			s.Ack(f, 0)
		}
		balanced(t, s)
	}
}

// once fails the first call of a kind with err.
func once(what string, err error) func(*call) error {
	return func(c *call) error {
		if c.what == what && err != nil {
			failed := err
			err = nil
			return failed
		}
		return nil
	}
}

// eventful is a life with everything in it: segments that are sealed, removed, abandoned; writes that fail; frames of a process
// before.
func eventful(t *testing.T) *life {
	l := &life{m: newMemoryFiles(t), written: map[int]int{}, safe: map[int]int{}, settled: map[int]int{}}
	s := start(t, small(l.m))
	l.add(t, s, 0, 6)
	l.sync(t, s)
	l.settle(t, s, 2)
	l.add(t, s, 6, 4)
	l.sync(t, s)
	l.settle(t, s, 4)
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}

	s = start(t, small(l.m))
	l.add(t, s, 10, 8)
	l.m.fail = once("datasync", syscall.EIO)
	l.sync(t, s)
	l.add(t, s, 18, 3)
	l.settle(t, s, 5)
	l.m.fail = func(c *call) error {
		if c.what == "write" && len(c.data) > 1 {
			c.data, l.m.fail = c.data[:20], nil
		}
		return nil
	}
	l.expectDrop(t, s)
	l.add(t, s, 21, 2)
	l.m.fail = once("sync", syscall.EIO)
	l.add(t, s, 23, 5)
	l.sync(t, s)
	l.settle(t, s, 3)
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}

	s = start(t, small(l.m))
	for from := 28; l.now() < 200; from += 4 {
		l.add(t, s, from, 4)
		l.sync(t, s)
		l.settle(t, s, 4)
	}
	return l
}

// TestF30LossOfPower lets the power fail after every call to the file system, with different luck, and looks whether anything is
// missing that had been synced, or there that had never been written.
func TestF30LossOfPower(t *testing.T) {
	l := eventful(t)
	log := slices.Clone(l.m.log)
	states, found := 0, 0
	for end := range len(log) + 1 {
		for luck := range 24 {
			kind := some
			switch luck {
			case 0:
				kind = nothing
			case 1:
				kind = everything
			}
			m := after(t, log[:end], kind, rand.New(rand.NewPCG(uint64(end), uint64(luck))))
			s := start(t, small(m))
			got := map[int]bool{}
			for _, n := range drain(t, s) {
				got[n] = true
				found++
			}
			must := l.safe
			if kind == nothing {
				must = l.written
			}
			for n, since := range must {
				if since <= end && (l.settled[n] == 0 || l.settled[n] > end) && !got[n] {
					t.Fatalf("power fails after call %d, luck %d: batch %d is lost, which was safe after %d", end, luck, n, since)
				}
			}
			if err := s.finish(); err != nil {
				t.Fatal(err)
			}
			states++
		}
	}
	t.Logf("%d calls, %d states, %d frames found", len(log), states, found)
}

// expectDrop notes that the oldest segment is about to go.
func (l *life) expectDrop(t *testing.T, s *Spool) {
	b := l.m.nodes[s.segments[0].path].data
	f, _, err := scan(bytes.NewReader(b), int64(len(b)), s.segments[0].salt)
	if err != nil || len(f.frames) == 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, x := range f.frames {
		i := number(t, b[x.at+frameSize:x.at+frameSize+int64(x.payload)])
		l.settled[i] = l.now()
	}
}

// TestF32ACrashInAnAdoptionChangesNothing ends a process at every call while it adopts, sends and ends, and again.
func TestF32ACrashInAnAdoptionChangesNothing(t *testing.T) {
	build := func() *memoryFiles {
		m := newMemoryFiles(t)
		s := start(t, small(m))
		addFrom(t, s, 0, 12)
		m.unlock()
		m.log = nil
		return m
	}
	stop := errors.New("the process has ended")
	twice := 0
	for end := 0; ; end++ {
		m, got, ended := build(), map[int]int{}, false
		for range 2 {
			left := end
			m.fail = func(c *call) error {
				if left--; left < 0 {
					return stop
				}
				return nil
			}
			s, err := open(small(m))
			if err != nil {
				t.Fatal(err)
			}
			s.adopt()
			for range 50 {
				f := s.Next()
				if f == nil || left < 0 {
					break
				}
				if p, err := s.Read(f, nil); err == nil && left >= 0 {
					got[number(t, p)]++ // it is sent
					s.Ack(f, 0)
				}
			}
			_ = s.finish()
			ended = ended || left < 0
			m.unlock()
		}
		m.fail = nil
		s := start(t, small(m))
		for _, n := range drain(t, s) {
			got[n]++
		}
		for i := range 12 {
			if got[i] < 1 || got[i] > 3 {
				t.Fatalf("two processes end at call %d: batch %d was sent %d times", end, i, got[i])
			}
		}
		_ = s.finish()
		for _, n := range got {
			twice += n - 1
		}
		if !ended {
			t.Logf("%d points, two processes end at each: 12 batches delivered each time, %d of %d sent again", end, twice, 12*end)
			break
		}
	}
}

func TestSpansOfADeadProcessThatWereNowhereAreCounted(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	for worker := range 100 {
		s.Ledger().Slot(worker).Ended.Add(100)
		s.Ledger().Slot(worker * 3).Acked.Add(20)
		s.Ledger().Slot(worker + 1).Dropped.Add(10)
	}
	addFrom(t, s, 0, 10) // 30 spans, counted by the spool
	m.unlock()

	next := start(t, small(m))
	if st := balanced(t, next); st.Dropped[Crash] != 10_000-2000-1000-30 || st.Spans != 30 {
		t.Errorf("%+v", st)
	}
	next.adopt()
	m.unlock() // killed after it has told
	other := start(t, small(m))
	if st := balanced(t, other); st.Dropped[Crash] != 0 {
		t.Errorf("counted twice: %+v", st)
	}
	if err := other.finish(); err != nil {
		t.Fatal(err)
	}
	last := start(t, small(m))
	if st := balanced(t, last); st.Dropped[Crash] != 0 || st.Spans != 30 {
		t.Errorf("after an orderly end: %+v", st)
	}
}

// TestWhatDiedWithOneIsToldByTheNext, however many are killed before anybody has asked them.
func TestWhatDiedWithOneIsToldByTheNext(t *testing.T) {
	m := newMemoryFiles(t)
	for range 3 {
		s, err := open(small(m))
		if err != nil {
			t.Fatal(err)
		}
		s.adopt()
		s.Ledger().Slot(1).Ended.Add(5)
		m.unlock() // it is killed
	}
	s := start(t, small(m))
	if st := balanced(t, s); st.Dropped[Crash] != 15 {
		t.Errorf("%d spans are counted of three processes with 5 each", st.Dropped[Crash])
	}
}

// TestALedgerThatStaysIsCountedByTheNext, and not again and again by one that cannot remove it.
func TestALedgerThatStaysIsCountedByTheNext(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	s.Ledger().Slot(0).Ended.Add(5)
	path := s.home.path + "/" + ledgerName
	m.unlock() // it is killed
	m.fail = func(c *call) error {
		if c.what == "remove" && c.path == path {
			return syscall.EROFS
		}
		return nil
	}
	s = start(t, small(m))
	s.adopt()
	if st := balanced(t, s); st.Dropped[Crash] != 0 || st.Errors[Failure{OpLedger, errno(syscall.EROFS)}] != 1 {
		t.Errorf("%+v", st)
	}
	m.fail = nil
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	s = start(t, small(m))
	if st := balanced(t, s); st.Dropped[Crash] != 5 {
		t.Errorf("%+v", st)
	}
	if err := s.finish(); err != nil || len(m.nodes) != 1 {
		t.Errorf("%v, left are %v", err, m.nodes)
	}
}

func TestLedgersThatCannotBeTrue(t *testing.T) {
	page := func(change func([]byte)) []byte {
		m := newMemoryFiles(t)
		l, err := newLedger(m, "/s/ledger")
		if err != nil {
			t.Fatal(err)
		}
		l.Slot(7).Ended.Store(5)
		b := m.nodes["/s/ledger"].data
		change(b)
		return b
	}
	if lost, ok := reckon(page(func([]byte) {})); lost != 5 || !ok {
		t.Errorf("%d, %t", lost, ok)
	}
	for name, b := range map[string][]byte{
		"empty":     {},
		"short":     page(func([]byte) {})[:100],
		"no magic":  page(func(b []byte) { b[0] ^= 1 }),
		"more gone": page(func(b []byte) { b[ledgerHead+8] = 9 }),
		"too many":  page(func(b []byte) { b[ledgerHead+5] = 9 }),
	} {
		if lost, ok := reckon(b); ok {
			t.Errorf("%s: %d lost", name, lost)
		}
	}
}
