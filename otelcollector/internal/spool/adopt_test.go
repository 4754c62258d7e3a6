package spool

import (
	"bytes"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestF33Siblings: nobody touches what belongs to a process that lives, and somebody takes it soon after it is dead.
func TestF33Siblings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryFiles(t)
		dead := start(t, small(m))
		addFrom(t, dead, 0, 20)
		var living []*Spool
		for range 2 {
			o := small(m)
			o.MaxAge = -1
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			living = append(living, s)
		}
		time.Sleep(time.Hour)
		for _, s := range living {
			if f := s.Next(); f != nil {
				t.Fatal("a frame of a process that lives")
			}
		}
		_ = dead.home.lock.Close() // it is killed
		time.Sleep(adoptEvery + time.Second)
		var got []int
		for _, s := range living {
			got = append(got, drain(t, s)...)
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, upTo(20)) {
			t.Errorf("got %v", got)
		}
		t.Logf("2 processes, 1 dead: its 20 frames came once each, %v after its end", adoptEvery)
		if len(m.nodes) != 1 {
			t.Errorf("left are %v", m.nodes)
		}
	})
}

// TestFramesOfSeveralProcessesAreToldApart, although each of them numbers its own.
func TestFramesOfSeveralProcessesAreToldApart(t *testing.T) {
	m := newMemoryFiles(t)
	dead := []*Spool{start(t, small(m)), start(t, small(m))}
	for _, s := range dead {
		addFrom(t, s, 0, 1)
	}
	for _, s := range dead {
		_ = s.home.lock.Close() // it is killed
	}
	s := start(t, small(m))
	s.Release(add(t, s, 0))
	ids := map[FrameID]bool{}
	for range 2 { // they have the same names when they are handed out again
		var held []*Frame
		for f := s.Next(); f != nil; f = s.Next() {
			held, ids[f.ID()] = append(held, f), true
		}
		if len(held) != 3 || len(ids) != 3 {
			t.Fatalf("%d frames with %d names, want 3", len(held), len(ids))
		}
		for _, f := range held {
			s.Retry(f)
		}
	}
}

// TestADirectoryWithoutALock belongs to nobody, unless it is empty: then somebody may be about to lock it.
func TestADirectoryWithoutALock(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	addFrom(t, s, 0, 5)
	delete(m.nodes, s.home.path+"/"+lockName)
	if err := m.makeDir("/s/00000000000000000000000000000000"); err != nil {
		t.Fatal(err)
	}
	s = start(t, small(m))
	if got := drain(t, s); !slices.Equal(got, upTo(5)) {
		t.Errorf("got %v", got)
	}
	if err := s.finish(); err != nil || len(m.nodes) != 1 {
		t.Errorf("%v, left are %v", err, m.nodes)
	}
}

// TestSomebodyTakesTheDirectoryBeforeItIsLocked: another one is made.
func TestSomebodyTakesTheDirectoryBeforeItIsLocked(t *testing.T) {
	m := newMemoryFiles(t)
	stolen := false
	m.fail = func(c *call) error {
		if c.what == "create" && !stolen {
			stolen = true
			return syscall.ENOENT
		}
		return nil
	}
	s := start(t, small(m))
	addFrom(t, s, 0, 5)
	if st := balanced(t, s); !stolen || st.State != Working {
		t.Errorf("%+v", st)
	}
}

// TestUnreadSegmentsAreEstimatedByTheirFooters, and what is known is right as soon as one is read, or dropped.
func TestUnreadSegmentsAreEstimatedByTheirFooters(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	addFrom(t, s, 0, 30)
	for range 7 {
		s.Ack(s.Next(), 0) // the rest of their segment stays
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	s = start(t, small(m))
	st := balanced(t, s)
	if st.Spans != 0 || st.Unread < 90-18 || st.Unread > 90 || st.Recovered != 0 {
		t.Errorf("%+v", st)
	}
	if !s.dropOldestLocked() {
		t.Fatal("nothing is dropped")
	}
	balanced(t, s)
	got := drain(t, s)
	st = balanced(t, s)
	if st.Unread != 0 || st.UnreadFrames != 0 || st.Acked+st.Dropped[SpoolFull] != 90-18 || st.Dropped[SpoolFull] == 0 {
		t.Errorf("got %v, %+v", got, st)
	}
}

// TestF05ABitFlipInAnySpool is the whole way from a bit that is wrong on the disk to the books.
func TestF05ABitFlipInAnySpool(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		whole := newMemoryFiles(t)
		s := start(t, small(whole))
		addFrom(t, s, 0, 4)
		if sealed {
			if err := s.finish(); err != nil {
				t.Fatal(err)
			}
		}
		path := whole.segments()[0]
		lastFrame := 0
		for bit := range len(whole.nodes[path].data) * 8 {
			m := newMemoryFiles(t)
			for p, n := range whole.nodes {
				m.nodes[p] = &node{id: n.id, dir: n.dir, data: bytes.Clone(n.data)}
			}
			m.nodes[path].data[bit/8] ^= 1 << (bit % 8)
			s := start(t, small(m))
			got := drain(t, s)
			st := balanced(t, s)
			if len(got) < 3 || st.Spans+st.Unread != 0 {
				t.Fatalf("sealed %t, bit %d: got %v, %+v", sealed, bit, got, st)
			}
			if st.Acked+st.Dropped[Corrupt] != 10 {
				lastFrame++
				if sealed || st.TornBytes == 0 {
					t.Fatalf("sealed %t, bit %d: got %v, %+v", sealed, bit, got, st)
				}
			}
			_ = s.finish()
			if len(m.nodes) != 1 {
				t.Fatalf("sealed %t, bit %d: left are %v", sealed, bit, m.nodes)
			}
		}
		t.Logf("sealed %t: %d bits, no flip loses more than its frame; %d leave the last one torn",
			sealed, len(whole.nodes[path].data)*8, lastFrame)
		if lastFrame > frameSize*8 {
			t.Errorf("sealed %t: %d bits whose frame is only torn", sealed, lastFrame)
		}
	}
}

// FuzzOpen: whatever a segment holds, the spool opens, its books balance, and it can be used and closed.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 300))
	for _, sealed := range []bool{true, false} {
		b := buildSegment(sealed, testPayloads(4)...)
		f.Add(b)
		f.Add(b[:len(b)-9])
		b = bytes.Clone(b)
		b[headerSize+20] ^= 1
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newMemoryFiles(t)
		const home = "/s/0102030405060708090a0b0c0d0e0f10"
		m.nodes[home] = &node{dir: true}
		m.nodes[home+"/LOCK"] = &node{}
		m.nodes[home+"/ledger"] = &node{data: b}
		m.nodes[home+"/000000000001.ws"] = &node{data: bytes.Clone(b)}
		s := start(t, small(m))
		for f := s.Next(); f != nil; f = s.Next() {
			if _, err := s.Read(f, nil); err == nil {
				s.Ack(f, 1)
			}
			balanced(t, s)
		}
		addFrom(t, s, 0, 3)
		if got := drain(t, s); len(got) != 3 {
			t.Fatalf("got %v", got)
		}
		if err := s.finish(); err != nil {
			t.Fatal(err)
		}
	})
}
