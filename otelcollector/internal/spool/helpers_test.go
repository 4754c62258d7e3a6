package spool

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
	"time"
)

const testDir = "/s"

// small are options with small segments in m.
func small(m *memoryFiles) Options {
	return Options{Dir: testDir, SegmentBytes: 1000, MaxBytes: 100_000, MinFree: -1, files: m}
}

// start opens a spool that does nothing by itself.
func start(t *testing.T, o Options) *Spool {
	t.Helper()
	s, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	s.adopt()
	balanced(t, s)
	return s
}

// batch is a batch that tells its number, and has number%5+1 spans.
func batch(number int) Batch {
	return Batch{
		Payload: fmt.Appendf(nil, "%06d %s", number, bytes.Repeat([]byte{byte(number)}, 100+number%7)),
		Spans:   number%5 + 1, First: time.Unix(int64(number), 0), Last: time.Unix(int64(number)+1, 0),
	}
}

// number returns the number of a batch, after having looked at all else of it.
func number(t *testing.T, payload []byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(payload[:6]))
	if err != nil || !bytes.Equal(payload, batch(n).Payload) {
		t.Fatalf("this was never appended: %q", payload)
	}
	return n
}

func add(t *testing.T, s *Spool, number int) *Frame {
	t.Helper()
	f, err := s.Append(batch(number))
	if err != nil {
		t.Fatal(err)
	}
	balanced(t, s)
	return f
}

// addFrom appends n batches that nobody holds, and returns the number after the last.
func addFrom(t *testing.T, s *Spool, from, n int) int {
	t.Helper()
	for i := range n {
		s.Release(add(t, s, from+i))
	}
	return from + n
}

func read(t *testing.T, s *Spool, f *Frame) int {
	t.Helper()
	p, err := s.Read(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := number(t, p)
	if b := batch(n); f.Spans() != b.Spans || !f.FirstEnd().Equal(b.First) || !f.LastEnd().Equal(b.Last) || f.Encoding() != b.Encoding {
		t.Fatalf("batch %d came back as %+v", n, f.head)
	}
	return n
}

// drain acknowledges all that is pending and returns the numbers, in the order that they came. What cannot be read is left out.
func drain(t *testing.T, s *Spool) []int {
	t.Helper()
	var all []int
	for f := s.Next(); f != nil; f = s.Next() {
		if p, err := s.Read(f, nil); err == nil {
			all = append(all, number(t, p))
			s.Ack(f, 0)
		}
		balanced(t, s)
	}
	return all
}

// balanced checks that no span is in no account, or in two.
func balanced(t *testing.T, s *Spool) Stats {
	t.Helper()
	st := s.Stats()
	came := st.Appended + st.Recovered
	if went := st.Acked + st.Dropped.Total() - st.Dropped[Crash]; came != went+st.Spans {
		t.Fatalf("%d spans came, %d went and %d are there: %+v", came, went, st.Spans, st)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var disk, memory int64
	var spans, frames uint64
	for _, g := range s.segments {
		disk += g.disk()
		spans += g.spans
		frames += g.count
		for _, f := range g.frames {
			if f.bytes != nil {
				memory += f.size()
			}
		}
	}
	for _, f := range s.homeless {
		spans += uint64(f.spans)
		frames++
		memory += f.size()
	}
	if disk != s.bytes || memory != s.unsynced {
		t.Fatalf("%d bytes on disk and %d in memory, counted %d and %d", disk, memory, s.bytes, s.unsynced)
	}
	if spans > st.Spans || frames > st.Frames {
		t.Fatalf("%d spans and %d frames in segments, counted %d and %d", spans, frames, st.Spans, st.Frames)
	}
	return st
}

func upTo(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i)
	}
	return all
}
