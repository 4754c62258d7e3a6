package spool

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatIsAppendedComesBackOldestFirst(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	addFrom(t, s, 0, 30)
	if n := len(m.segments()); n < 4 {
		t.Fatalf("%d segments", n)
	}
	if got := drain(t, s); !slices.Equal(got, upTo(30)) {
		t.Errorf("got %v", got)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if all := m.segments(); len(all) != 1 { // the active one
		t.Errorf("left are %v", all)
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	if len(m.nodes) != 1 {
		t.Errorf("left are %v", m.nodes)
	}
}

func TestTheNextProcessGetsWhatIsPending(t *testing.T) {
	for _, closed := range []bool{true, false} {
		m := newMemoryFiles(t)
		s := start(t, small(m))
		addFrom(t, s, 0, 20)
		for range 5 {
			s.Ack(s.Next(), 0)
		}
		s.Drop(s.Next(), Auth)
		held := s.Next() // and held for ever
		if closed {
			if err := s.finish(); err != nil {
				t.Fatal(err)
			}
		}
		s.Ack(held, 0)
		m.unlock()
		next := start(t, small(m))
		want := upTo(20)[6:]
		if !closed {
			want = want[1:]
		}
		if got := drain(t, next); !slices.Equal(got, want) {
			t.Errorf("closed %t: got %v", closed, got)
		}
		if err := next.finish(); err != nil || len(m.nodes) != 1 {
			t.Errorf("closed %t: %v, and left are %v", closed, err, m.nodes)
		}
	}
}

func TestAFrameIsHeldByOne(t *testing.T) {
	s := start(t, small(newMemoryFiles(t)))
	a, b := add(t, s, 0), add(t, s, 1)
	if f := s.Next(); f != nil {
		t.Fatalf("got %d, which is held", read(t, s, f))
	}
	s.Release(b)
	s.Release(a)
	if got := s.Next(); got != a {
		t.Errorf("got another frame than the oldest")
	}
	s.Retry(a)
	if a.Attempts() != 1 {
		t.Errorf("%d attempts", a.Attempts())
	}
	if got := s.Next(); got != b {
		t.Errorf("what was tried did not go behind the others")
	}
	if got := s.Next(); got != a {
		t.Errorf("what was tried did not come again")
	}
	s.Release(b)
	s.Release(a)
	for range 2 {
		if got := s.Next(); got != a {
			t.Errorf("what was only given back is not the next")
		}
		s.Release(a)
	}
	s.Ack(a, 0)
	s.Ack(a, 0)
	s.Drop(a, Poison)
	if st := balanced(t, s); st.Acked != 1 || st.Dropped.Total() != 0 {
		t.Errorf("%+v", st)
	}
}

func TestAttemptsSurvive(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	addFrom(t, s, 0, 1)
	for range 300 {
		s.Retry(s.Next())
	}
	m.unlock()
	if got := start(t, small(m)).Next().Attempts(); got != 255 {
		t.Errorf("%d attempts", got)
	}
}

func TestRejectedSpansAreNotAcknowledged(t *testing.T) {
	s := start(t, small(newMemoryFiles(t)))
	for i, rejected := range []int{0, 1, 100, -7} {
		s.Ack(add(t, s, 4+5*i), rejected)
	}
	if st := balanced(t, s); st.Acked != 5+4+0+5 || st.Dropped[Rejected] != 1+5 {
		t.Errorf("%+v", st)
	}
}

func TestABatchHasToFit(t *testing.T) {
	s := start(t, small(newMemoryFiles(t)))
	for _, b := range []Batch{
		{Spans: 1},
		{Payload: make([]byte, MaxPayload+1), Spans: 1},
		{Payload: make([]byte, 99_990), Spans: 1},
		{Payload: []byte("a")},
		{Payload: []byte("a"), Spans: maxSpans + 1},
	} {
		if _, err := s.Append(b); !errors.Is(err, ErrTooLarge) || ReasonOf(err) != TooLarge {
			t.Errorf("%d bytes, %d spans: %v", len(b.Payload), b.Spans, err)
		}
	}
	if st := balanced(t, s); st.Appended != 0 || st.State != Working {
		t.Errorf("%+v", st)
	}
}

func TestGroupsAreSyncedAfterAWhileOrWhenTheyAreLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryFiles(t)
		o := small(m)
		o.SyncBytes, o.SegmentBytes = 2000, 20_000
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		syncs := func() (n int) {
			synctest.Wait()
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, c := range m.log {
				if c.what == "datasync" {
					n++
				}
			}
			return n
		}
		addFrom(t, s, 0, 5)
		if n := syncs(); n != 0 {
			t.Errorf("%d syncs at once", n)
		}
		time.Sleep(time.Second)
		if n := syncs(); n != 1 {
			t.Errorf("%d syncs after a second", n)
		}
		time.Sleep(time.Minute)
		if n := syncs(); n != 1 {
			t.Errorf("%d syncs after a minute without appends", n)
		}
		addFrom(t, s, 5, 15)
		if n := syncs(); n < 2 {
			t.Errorf("%d syncs after 2000 bytes", n)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(batch(1)); !errors.Is(err, ErrClosed) {
			t.Errorf("append after close: %v", err)
		}
		if f := s.Next(); f != nil {
			t.Error("a frame after close")
		}
	})
}

func TestSyncModes(t *testing.T) {
	for mode, want := range map[SyncMode]int{SyncAlways: 5, SyncNever: 0} {
		m := newMemoryFiles(t)
		o := small(m)
		o.Sync = mode
		s := start(t, o)
		addFrom(t, s, 0, 5)
		s.tick()
		n := 0
		for _, c := range m.log {
			if c.what == "datasync" {
				n++
			}
		}
		if st := balanced(t, s); n != want || s.unsynced != 0 || st.Spans != 15 {
			t.Errorf("mode %d: %d syncs, %d bytes in memory, %d spans", mode, n, s.unsynced, st.Spans)
		}
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for _, o := range []Options{
		{},
		{Dir: "x", SegmentBytes: -1},
		{Dir: "x", MaxBytes: 1000, SegmentBytes: 501},
		{Dir: "x", SegmentBytes: 33 << 20},
		{Dir: "x", MinFree: 1},
		{Dir: "x", SyncEvery: -1},
	} {
		if _, err := o.withDefaults(); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
