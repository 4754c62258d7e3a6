package spool

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// nth fails the nth call of a kind, from 0; forever fails those after it, too. A short write writes ten bytes.
func nth(what string, n int, forever bool, err error) func(*call) error {
	return func(c *call) error {
		if c.what != what {
			return nil
		}
		n--
		if n == -1 || forever && n < 0 {
			if err == errShort {
				c.data = c.data[:min(10, len(c.data))]
				return nil
			}
			return err
		}
		return nil
	}
}

var errShort = errors.New("short write")

// accepted appends n batches, gives all back, and returns which ones the spool took.
func accepted(t *testing.T, s *Spool, from, n int) []int {
	t.Helper()
	var all []int
	for i := from; i < from+n; i++ {
		f, err := s.Append(batch(i))
		balanced(t, s)
		if err == nil {
			all = append(all, i)
			s.Release(f)
		} else if !errors.Is(err, ErrDegraded) || ReasonOf(err) != SpoolIO {
			t.Fatal(err)
		}
	}
	return all
}

// TestF52AnyWriteMayFail: what was accepted is delivered or counted as dropped, whichever write fails, however it does.
func TestF52AnyWriteMayFail(t *testing.T) {
	for _, fault := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EROFS, syscall.EFBIG, errShort} {
		for n := range 50 {
			synctest.Test(t, func(t *testing.T) {
				m := newMemoryFiles(t)
				s := start(t, small(m))
				m.fail = nth("write", n, false, fault)
				took := accepted(t, s, 0, 25)
				_ = s.Sync()
				took = append(took, accepted(t, s, 25, 15)...)
				time.Sleep(time.Minute)
				took = append(took, accepted(t, s, 40, 10)...)
				if writes := m.count("write"); len(took) < 10 || writes <= n {
					t.Fatalf("%v at write %d of %d: %d were accepted", fault, n, writes, len(took))
				}
				if err := s.finish(); err != nil {
					t.Fatal(err)
				}
				lost := s.Stats().Dropped.Total()
				m.unlock()
				s = start(t, small(m))
				for _, i := range drain(t, s) {
					took = slices.DeleteFunc(took, func(j int) bool { return i == j })
				}
				for _, i := range took {
					lost -= uint64(batch(i).Spans)
				}
				if st := balanced(t, s); lost != 0 || st.Dropped.Total() != 0 {
					t.Fatalf("%v at write %d: not delivered are %v, %+d of them counted", fault, n, took, lost)
				}
			})
		}
	}
}

// TestF54ADiskThatTakesNothing: appends fail at once until it is time to try again, and work when the disk does.
func TestF54ADiskThatTakesNothing(t *testing.T) {
	for _, what := range []string{"write", "create"} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemoryFiles(t)
			s := start(t, small(m))
			m.fail = nth(what, 0, true, syscall.EROFS)
			for wait := time.Second; wait < 2*time.Minute; wait *= 2 {
				calls := 0
				fail := m.fail
				m.fail = func(c *call) error { calls++; return fail(c) }
				for range 100 {
					if _, err := s.Append(batch(1)); !errors.Is(err, ErrDegraded) || !errors.Is(err, syscall.EROFS) {
						t.Fatal(err)
					}
				}
				if calls > 10 {
					t.Fatalf("%d calls for 100 appends", calls)
				}
				m.fail = fail
				if st := balanced(t, s); st.State != Degraded || st.Trouble == nil || st.Spans != 0 || st.Appended != 0 {
					t.Fatalf("%+v", st)
				}
				time.Sleep(min(wait, lastRetry))
			}
			m.fail = nil
			addFrom(t, s, 0, 3)
			if st := balanced(t, s); st.State != Working || st.Errors[Failure{OpWrite, syscall.EROFS.Error()}] == 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestF54ADirectoryThatWasRemoved: another one is made, and what was in the old one is counted.
func TestF54ADirectoryThatWasRemoved(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	addFrom(t, s, 0, 20)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	for path := range m.nodes {
		if path != testDir {
			delete(m.nodes, path)
		}
	}
	if got := accepted(t, s, 20, 20); len(got) != 20 {
		t.Errorf("accepted were %v", got)
	}
	got := drain(t, s)
	if st := balanced(t, s); len(got) < 20 || st.Spans != 0 || st.Dropped[SpoolIO]+st.Acked != 120 {
		t.Errorf("got %v, %+v", got, st)
	}
	_ = s.finish()
}

// TestF54ADirectoryThatIsRemovedUnderAnOpenFile: what is in the file can still be read, and goes to another directory with the next sync.
// When there is none to be had, it is counted.
func TestF54ADirectoryThatIsRemovedUnderAnOpenFile(t *testing.T) {
	for _, c := range []struct {
		name    string
		more    int  // batches that come after it
		gone    bool // the directory of all instances is away, too
		sealed  int  // batches that are in files which nobody has open
		arrives int
	}{
		{name: "more comes", more: 20, arrives: 40},
		{name: "nothing comes any more", arrives: 20},
		{name: "there is nowhere to go", more: 20, gone: true},
		{name: "sealed segments are lost", more: 20, sealed: 10, arrives: 40},
	} {
		m := newMemoryFiles(t)
		o := small(m)
		o.SegmentBytes = 20_000
		s := start(t, o)
		addFrom(t, s, 100, c.sealed)
		s.retireLocked()
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		addFrom(t, s, 0, 20)
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		for path := range m.nodes {
			if path != testDir || c.gone {
				delete(m.nodes, path)
			}
		}
		addFrom(t, s, 20, c.more)
		if err := s.finish(); (err != nil) != c.gone {
			t.Errorf("%s: %v", c.name, err)
		}
		st := balanced(t, s)
		m.unlock()
		var got []int
		if !c.gone {
			got = drain(t, start(t, small(m)))
		}
		slices.Sort(got)
		if !slices.Equal(got, upTo(c.arrives)) {
			t.Errorf("%s: got %v", c.name, got)
		}
		lost := 3 * uint64(20+c.more+c.sealed-c.arrives)
		if st.Dropped[SpoolIO] != lost || st.Spans+st.Unread != uint64(3*c.arrives) {
			t.Errorf("%s: %d spans are lost: %+v", c.name, lost, st)
		}
		t.Logf("%s: %d spans came, %d could not be saved and are counted", c.name, 3*len(got), lost)
	}
}

// TestF54NoDirectoryAtTheStart: what stands in the way of the spool does not stand in the way of the process.
func TestF54NoDirectoryAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryFiles(t)
		m.fail = nth("mkdir", 0, true, syscall.ENOSPC)
		s := start(t, small(m))
		s.Ledger().Slot(3).Ended.Add(1)
		if _, err := s.Append(batch(0)); !errors.Is(err, ErrDegraded) {
			t.Fatal(err)
		}
		m.fail = nil
		time.Sleep(2 * time.Second)
		addFrom(t, s, 0, 10)
		if got := drain(t, s); len(got) != 10 {
			t.Errorf("got %v", got)
		}
		if err := s.finish(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestF55SyncsThatFail: frames go to another file, and no file is synced again (which memoryFiles sees to).
func TestF55SyncsThatFail(t *testing.T) {
	for _, what := range []string{"datasync", "sync", "syncdir"} {
		for fails := 1; fails < 12; fails++ {
			synctest.Test(t, func(t *testing.T) {
				m := newMemoryFiles(t)
				s := start(t, small(m))
				left := fails
				m.fail = func(c *call) error {
					if c.what == what && left > 0 {
						left--
						return syscall.EIO
					}
					return nil
				}
				var took []int
				for i := range 6 {
					took = append(took, accepted(t, s, 10*i, 10)...)
					s.tick()
					balanced(t, s)
					time.Sleep(20 * time.Second)
				}
				for range 10 {
					time.Sleep(time.Minute)
					s.tick()
				}
				st := balanced(t, s)
				if left != 0 || st.State != Working || s.unsynced != 0 || st.Errors[Failure{OpSync, syscall.EIO.Error()}] != uint64(fails) {
					t.Fatalf("%d left, %+v", left, st)
				}
				for _, kind := range []loss{everything, nothing} { // the power goes, or only the process
					s = start(t, small(after(t, m.log, kind, nil)))
					got := drain(t, s)
					slices.Sort(got)
					if kind == everything {
						got = slices.Compact(got)
					}
					if !slices.Equal(got, took) {
						t.Fatalf("%d failed calls of %s, loss %d: got %v, want %v", fails, what, kind, got, took)
					}
				}
			})
		}
	}
}

// TestF55SyncsThatFailForEver: what is accepted stays in memory, which is bounded, and is delivered from there.
func TestF55SyncsThatFailForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryFiles(t)
		o := small(m)
		o.SyncBytes = 2000
		s := start(t, o)
		m.fail = func(c *call) error {
			if c.what == "sync" || c.what == "datasync" {
				return syscall.EIO
			}
			return nil
		}
		var took []int
		for i := range 100 {
			took = append(took, accepted(t, s, i, 1)...)
			s.tick()
			time.Sleep(time.Second)
		}
		if s.unsynced > 5*o.SyncBytes || s.bytes > o.MaxBytes {
			t.Errorf("%d bytes in memory, %d on disk", s.unsynced, s.bytes)
		}
		got := drain(t, s)
		slices.Sort(got)
		if !slices.Equal(got, took) || len(got) < 5 {
			t.Errorf("got %v, want %v", got, took)
		}
		time.Sleep(time.Minute)
		addFrom(t, s, 100, 1)
		_ = s.Sync()
		if err := s.finish(); err == nil {
			t.Error("Close is silent about what it lost")
		}
		if st := balanced(t, s); st.Dropped[SpoolIO] != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// TestF55ACopyIsDroppedWhenItsFrameIsSafe, also when the file that it is in has been read to its end in between.
func TestF55ACopyIsDroppedWhenItsFrameIsSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryFiles(t)
		s := start(t, small(m))
		addFrom(t, s, 0, 2)
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		addFrom(t, s, 2, 2)
		m.fail = func(c *call) error {
			if c.what == "datasync" || c.what == "create" {
				return syscall.EIO
			}
			return nil
		}
		if err := s.Sync(); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		var held []*Frame
		for f := s.Next(); f != nil && len(held) < 4; f = s.Next() {
			held = append(held, f)
		}
		if len(held) != 4 || read(t, s, held[2]) != 2 || read(t, s, held[3]) != 3 {
			t.Fatalf("%d frames", len(held))
		}
		for _, f := range held {
			s.Retry(f)
			if f == held[1] {
				s.mu.Lock()
				s.unloadLocked(f.segment)
				s.mu.Unlock()
			}
		}
		m.fail = nil
		time.Sleep(time.Minute)
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		m.unlock() // it is killed
		if got := drain(t, start(t, small(m))); !slices.Equal(got, upTo(4)) {
			t.Errorf("got %v", got)
		}
	})
}

// TestF55AWriteFailsDuringASync: neither knows of the other, and the file can be trusted by neither.
func TestF55AWriteFailsDuringASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryFiles(t)
		s := start(t, small(m))
		addFrom(t, s, 0, 2)
		m.fail = func(c *call) error {
			switch {
			case c.what == "write" && len(c.data) > 1, c.what == "truncate":
				return syscall.EIO
			}
			return nil
		}
		j, ok := s.nextJob()
		if !ok {
			t.Fatal("nothing to sync")
		}
		if got := accepted(t, s, 2, 1); len(got) != 0 {
			t.Fatal("a batch was accepted")
		}
		m.fail = nil
		if !s.persisted(&j, s.persist(&j), false) {
			t.Fatal("the sync failed")
		}
		time.Sleep(time.Minute)
		s.tick()
		addFrom(t, s, 3, 1)
		if got := drain(t, s); !slices.Equal(got, []int{0, 1, 3}) {
			t.Errorf("got %v", got)
		}
	})
}

// TestStatesThatCannotBeWritten: a frame is settled all the same, and its state is written when that is possible.
func TestStatesThatCannotBeWritten(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	addFrom(t, s, 0, 20)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	m.fail = func(c *call) error {
		if c.what == "write" && len(c.data) == 1 || c.what == "remove" {
			return syscall.EROFS
		}
		return nil
	}
	for range 8 {
		s.Ack(s.Next(), 0)
	}
	s.tick()
	if st := balanced(t, s); st.Errors[Failure{OpState, syscall.EROFS.Error()}] < 8 || st.Errors[Failure{OpRemove, syscall.EROFS.Error()}] == 0 {
		t.Errorf("%+v", st)
	}
	before := len(m.segments())
	m.fail = nil
	s.tick()
	if got := len(m.segments()); got >= before {
		t.Errorf("%d segments, and %d before", got, before)
	}
	m.unlock()
	if got := drain(t, start(t, small(m))); !slices.Equal(got, upTo(20)[8:]) {
		t.Errorf("got %v", got)
	}
}

// TestF57ReadsThatFail: a frame is tried three times, a segment, too; then their spans are counted and the others come.
func TestF57ReadsThatFail(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	addFrom(t, s, 0, 20)
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	all := m.segments()
	s = start(t, small(m))
	tries := map[string]int{}
	m.fail = func(c *call) error {
		if c.what == "read" && (c.path == all[0] && c.at == headerSize+frameSize || c.path == all[2]) {
			tries[c.path]++
			return syscall.EIO
		}
		return nil
	}
	var got []int
	for empty := 0; empty < 5; {
		f := s.Next()
		if f == nil {
			empty++
			continue
		}
		p, err := s.Read(f, nil)
		if err == nil {
			got = append(got, number(t, p))
			s.Ack(f, 0)
		} else if !errors.Is(err, ErrUnread) || !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		balanced(t, s)
	}
	st := balanced(t, s)
	if st.Acked+st.Dropped[SpoolIO] != 60 || len(got) < 12 || st.Spans != 0 || st.Unread != 0 || slices.Contains(got, 0) {
		t.Errorf("got %v, %+v", got, st)
	}
	if tries[all[0]] != 3 || tries[all[2]] != 3 || len(m.segments()) != 0 {
		t.Errorf("tried were %v, left are %v", tries, m.segments())
	}
}

// TestF57ASegmentThatCannotBeRead: what its footer says is counted, as soon as that is known.
func TestF57ASegmentThatCannotBeRead(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	addFrom(t, s, 0, 5)
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	adopting := true
	m.fail = func(c *call) error {
		if c.what == "read" && (adopting || c.at == headerSize) { // at first all of it, then its first frame
			return syscall.EIO
		}
		return nil
	}
	s = start(t, small(m))
	if st := balanced(t, s); st.Unread != 0 || st.Segments != 1 {
		t.Errorf("%+v", st)
	}
	adopting = false
	for range maxFailures {
		if f := s.Next(); f != nil {
			t.Fatal("a frame that cannot be read")
		}
		balanced(t, s)
	}
	if st := balanced(t, s); st.Recovered != 15 || st.Dropped[SpoolIO] != 15 || st.Unread != 0 || st.Segments != 0 {
		t.Errorf("%+v", st)
	}
}

func TestF09TheDiskLies(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	addFrom(t, s, 0, 3)
	m.fail = func(c *call) error {
		if c.what == "write" && len(c.data) > frameSize {
			clear(c.data[frameSize : frameSize+4]) // a hole
		}
		return nil
	}
	addFrom(t, s, 3, 1)
	m.fail = nil
	addFrom(t, s, 4, 2)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, s); !slices.Equal(got, []int{0, 1, 2, 4, 5}) {
		t.Errorf("got %v", got)
	}
	if st := balanced(t, s); st.Dropped[Corrupt] != 4 {
		t.Errorf("%+v", st)
	}
}

func TestErrnoIsShort(t *testing.T) {
	for err, want := range map[error]string{
		&os.PathError{Op: "write", Path: "/a/b", Err: syscall.ENOSPC}: syscall.ENOSPC.Error(),
		errors.New("something"): "other",
	} {
		if got := errno(err); got != want {
			t.Errorf("%v is %q", err, got)
		}
	}
}
