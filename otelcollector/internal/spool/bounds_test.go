package spool

import (
	"bytes"
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheOldestGoWhenThereIsNoRoom(t *testing.T) {
	m := newMemoryFiles(t)
	o := small(m)
	o.MaxBytes = 5000
	s := start(t, o)
	held := add(t, s, 0)
	for i := 1; i < 100; i++ {
		addFrom(t, s, i, 1)
		if s.bytes > o.MaxBytes {
			t.Fatalf("%d bytes", s.bytes)
		}
	}
	st := balanced(t, s)
	if st.Dropped[SpoolFull] == 0 || st.Appended != 300 {
		t.Fatalf("%+v", st)
	}
	if _, err := s.Read(held, nil); !errors.Is(err, ErrGone) {
		t.Errorf("a frame that was dropped: %v", err)
	}
	got := drain(t, s)
	if st := balanced(t, s); !slices.Equal(got, upTo(100)[100-len(got):]) || st.Acked+st.Dropped[SpoolFull] != 300 {
		t.Errorf("got %v, %+v", got, st)
	}
}

func TestWhoHoldsAFrameOfADroppedSegmentDecidesWhatBecomesOfIt(t *testing.T) {
	s := start(t, small(newMemoryFiles(t)))
	a, b, c := add(t, s, 4), add(t, s, 9), add(t, s, 14)
	addFrom(t, s, 15, 10)
	if !s.dropOldestLocked() {
		t.Fatal("nothing is dropped")
	}
	before := balanced(t, s)
	s.Ack(a, 0)
	s.Release(b)
	s.Retry(c)
	after := balanced(t, s)
	if after.Acked-before.Acked != 5 || after.Dropped[SpoolFull]-before.Dropped[SpoolFull] != 10 {
		t.Errorf("%+v\n%+v", before, after)
	}
}

func TestTheNewestIsRefusedWhenThatIsThePolicy(t *testing.T) {
	m := newMemoryFiles(t)
	o := small(m)
	o.MaxBytes, o.WhenFull = 5000, DropNewest
	s := start(t, o)
	n := 0
	for ; ; n++ {
		f, err := s.Append(batch(n))
		if err != nil {
			if !errors.Is(err, ErrFull) || ReasonOf(err) != SpoolFull {
				t.Fatal(err)
			}
			break
		}
		s.Release(f)
	}
	if st := balanced(t, s); st.State != Working || st.Dropped.Total() != 0 || s.bytes > o.MaxBytes {
		t.Errorf("%+v", st)
	}
	if got := drain(t, s); !slices.Equal(got, upTo(n)) {
		t.Errorf("got %v", got)
	}
	addFrom(t, s, 0, 1)
}

func TestRoomIsLeftToOthers(t *testing.T) {
	m := newMemoryFiles(t)
	o := small(m)
	o.MinFree = 0.1
	s := start(t, o)
	m.freePart = 0.05
	if _, err := s.Append(batch(0)); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	m.freePart = 0.5
	addFrom(t, s, 0, 20)
	before := len(m.segments())
	m.freePart = 0.05
	addFrom(t, s, 20, 20)
	if got := len(m.segments()); got != before {
		t.Errorf("%d segments, and %d before", got, before)
	}
	if st := balanced(t, s); st.Dropped[SpoolFull] == 0 {
		t.Errorf("%+v", st)
	}
}

func TestFilled(t *testing.T) {
	m := newMemoryFiles(t)
	o := small(m)
	o.MinFree = 0.1
	s := start(t, o)
	want := func(from, to float64) {
		t.Helper()
		if got := s.Filled(); got < from || got > to {
			t.Errorf("%d of %d bytes are %v, want %v to %v", s.bytes, o.MaxBytes, got, from, to)
		}
	}
	want(0, 0)
	addFrom(t, s, 0, 100)
	part := float64(s.bytes) / float64(o.MaxBytes)
	want(part, part)
	m.freePart = 0.1 + float64(s.bytes)/memorySize // as much as it has written
	s.retireLocked()
	addFrom(t, s, 100, 1)
	want(0.4, 0.6)
	m.freePart = 0.05
	addFrom(t, s, 101, 20)
	want(0.9, 1)
}

func TestF51ADiskThatIsFullTakesAsMuchAsItHas(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	const room = 4000
	m.fail = func(c *call) error {
		used := int64(0)
		for _, n := range m.nodes {
			used += int64(len(n.data))
		}
		if c.what == "write" && len(c.data) > 1 {
			if left := room + ledgerSize - used; left < int64(len(c.data)) {
				c.data = c.data[:max(left, 0)]
			}
		}
		return nil
	}
	for i := range 100 {
		if got := accepted(t, s, i, 1); len(got) == 0 {
			t.Fatalf("batch %d is refused", i)
		}
	}
	m.unlock()
	s = start(t, small(m))
	got := drain(t, s)
	if st := balanced(t, s); len(got) < 15 || !slices.Equal(got, upTo(100)[100-len(got):]) || st.Dropped.Total() != 0 {
		t.Errorf("got %v, %+v", got, st)
	}
}

func TestF53FilesThatMayNotGrow(t *testing.T) {
	m := newMemoryFiles(t)
	o := small(m)
	o.SegmentBytes = 10_000
	s := start(t, o)
	m.fail = func(c *call) error {
		if c.what == "write" && c.at+int64(len(c.data)) > 1000 {
			return syscall.EFBIG
		}
		return nil
	}
	if got := accepted(t, s, 0, 30); len(got) != 30 {
		t.Errorf("accepted were %v", got)
	}
	if got := drain(t, s); !slices.Equal(got, upTo(30)) {
		t.Errorf("got %v", got)
	}
}

// TestF61Age lets time go by, and the wall clock jump: only the first makes spans too old.
func TestF61Age(t *testing.T) {
	for _, c := range []struct {
		name       string
		age, jump  time.Duration
		maxAge     time.Duration
		pending    uint64
		fromBefore bool // in the spool of a process before, and
		stepped    bool // the jump was between the two
	}{
		{name: "young", age: 47 * time.Hour, pending: 30},
		{name: "old", age: 49 * time.Hour},
		{name: "old, of a dead process", age: 49 * time.Hour, fromBefore: true},
		{name: "for ever", age: 1000 * time.Hour, maxAge: -1, pending: 30},
		{name: "ten years ahead", jump: 10 * 365 * 24 * time.Hour, pending: 30},
		{name: "ten years ahead, of a dead process", jump: 10 * 365 * 24 * time.Hour, pending: 30, fromBefore: true},
		{name: "ten years ahead between two processes", jump: 10 * 365 * 24 * time.Hour, pending: 30, fromBefore: true, stepped: true},
		{name: "the same, an hour later", age: time.Hour, jump: 10 * 365 * 24 * time.Hour, fromBefore: true, stepped: true},
		{name: "an hour back, and old", age: 49 * time.Hour, jump: -time.Hour, pending: 30},
		{name: "ten minutes back, and old", age: 49 * time.Hour, jump: -10 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			jump := time.Duration(0)
			m := newMemoryFiles(t)
			o := small(m)
			o.MaxAge = c.maxAge
			o.wall = func() time.Time { return time.Now().Add(jump) }
			s := start(t, o)
			for i := range 10 {
				b := batch(i)
				b.First, b.Last = time.Now(), time.Now()
				f, err := s.Append(b)
				if err != nil {
					t.Fatal(err)
				}
				s.Release(f)
			}
			if c.fromBefore {
				if err := s.finish(); err != nil {
					t.Fatal(err)
				}
				if c.stepped {
					jump = c.jump
				}
				s = start(t, o)
			}
			time.Sleep(c.age)
			jump = c.jump
			s.expire()
			st := balanced(t, s)
			if st.Spans+st.Unread != c.pending || st.Dropped[TooOld] != 30-c.pending {
				t.Errorf("%s: %+v", c.name, st)
			}
			t.Logf("%s: %d of 30 spans expired", c.name, st.Dropped[TooOld])
			if c.pending > 0 && c.jump == 0 && st.OldestAge != c.age {
				t.Errorf("%s: the oldest is of %v", c.name, st.OldestAge)
			}
		})
	}
}

func TestTheDeadAreKeptAsLongAsThereIsRoom(t *testing.T) {
	m := newMemoryFiles(t)
	o := small(m)
	o.DeadBytes = 1000
	for range 2 {
		s := start(t, o)
		addFrom(t, s, 0, 10)
		for range 10 {
			s.Kill(s.Next(), Poison)
		}
		if st := balanced(t, s); st.Dropped[Poison] != 30 || st.Spans != 0 {
			t.Errorf("%+v", st)
		}
		if err := s.finish(); err != nil {
			t.Fatal(err)
		}
		if m.nodes[s.home.path+"/"+lockName] == nil {
			t.Error("what is kept has no lock any more")
		}
		size, all := 0, m.segments()
		for _, path := range all {
			b := m.nodes[path].data
			size += len(b)
			f, _, err := scan(bytes.NewReader(b), int64(len(b)), 0)
			if err != nil || len(f.frames) != 1 || f.frames[0].state != dead {
				t.Errorf("%s: %+v, %v", path, f, err)
			}
		}
		if size > 1000 || len(all) != 4 {
			t.Errorf("%d bytes in %v", size, all)
		}
	}
	o.DeadBytes = 0
	s := start(t, o)
	s.Kill(add(t, s, 0), Invalid)
	if st := balanced(t, s); st.Dropped[Invalid] != 1 || len(m.segments()) != 5 {
		t.Errorf("%+v, %v", st, m.segments())
	}
}
