package spool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestManyAtOnce has everybody do everything, on a disk that fails now and then, and looks whether each span is accounted for.
func TestManyAtOnce(t *testing.T) {
	m := newMemoryFiles(t)
	o := withArena(m)
	o.SyncEvery, o.SyncBytes, o.MaxBytes = time.Millisecond, 3000, 20_000
	calls := 0
	m.fail = func(c *call) error {
		if calls++; calls%97 == 0 && c.what != "create" && c.what != "mkdir" {
			return syscall.EIO
		}
		return nil
	}
	left := start(t, o)
	addFrom(t, left, 0, 10)
	_ = left.home.lock.Close()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	var appended, sent, dropped atomic.Uint64
	var producers, senders sync.WaitGroup
	for p := range 3 {
		producers.Go(func() {
			for i := range 300 {
				b := batch(p*1000 + i)
				copies := s.Arena().Get(testScope)
				for range b.Spans {
					copies.Add(field(testSpan(i)))
				}
				b.Buffers = []*Buffer{copies}
				f, err := s.Append(b)
				copies.Recycle()
				if err != nil {
					dropped.Add(uint64(b.Spans))
					s.mu.Lock()
					s.trouble.next = time.Time{} // time goes by
					s.mu.Unlock()
					continue
				}
				appended.Add(uint64(b.Spans))
				if i%2 == 0 {
					s.Release(f)
				} else if _, err := s.Read(f, nil); err == nil {
					s.Ack(f, 0)
				}
			}
		})
	}
	stop := make(chan struct{})
	for range 3 {
		senders.Go(func() {
			for {
				f := s.Next()
				if f == nil {
					select {
					case <-s.Ready():
						continue
					case <-time.After(time.Millisecond):
						continue
					case <-stop:
						return
					}
				}
				p, err := s.Read(f, nil)
				switch {
				case err != nil:
				case p[7]%7 == 0 && f.Attempts() == 0:
					s.Retry(f)
				case p[7]%11 == 0:
					s.Kill(f, Poison)
				default:
					sent.Add(1)
					s.Ack(f, 1)
				}
				_ = s.Stats()
			}
		})
	}
	producers.Wait()
	close(stop)
	senders.Wait()
	_ = s.Close(t.Context())
	st := balanced(t, s)
	if st.Appended != appended.Load() || st.State != Closed || sent.Load() == 0 {
		t.Errorf("%d appended: %+v", appended.Load(), st)
	}
}

// slowFiles is a file system whose syncs wait for a gate.
type slowFiles struct {
	fileSystem
	gate chan struct{}
}

func (s slowFiles) create(path string) (file, error) {
	f, err := s.fileSystem.create(path)
	return slowFile{f, s.gate}, err
}

type slowFile struct {
	file
	gate chan struct{}
}

func (s slowFile) dataSync() error {
	<-s.gate
	return s.file.dataSync()
}

// busyFiles is a file system that does something during each sync.
type busyFiles struct {
	fileSystem
	during func()
}

func (b busyFiles) create(path string) (file, error) {
	f, err := b.fileSystem.create(path)
	return busyFile{f, b.during}, err
}

type busyFile struct {
	file
	during func()
}

func (b busyFile) dataSync() error {
	b.during()
	return b.file.dataSync()
}

// TestF56ASyncEnds, although there is something new to sync whenever a part of it is done.
func TestF56ASyncEnds(t *testing.T) {
	m := newMemoryFiles(t)
	o := small(m)
	var s *Spool
	syncs := 0
	o.SegmentBytes, o.files = 25_000, busyFiles{m, func() {
		if syncs++; syncs < 100 {
			addFrom(t, s, syncs, 1)
		}
	}}
	s = start(t, o)
	for range 3 {
		addFrom(t, s, 0, 1)
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if syncs != 3 || s.unsynced == 0 {
		t.Errorf("%d syncs, and %d bytes are for the next", syncs, s.unsynced)
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
}

// TestF56ADiskThatHangs: only the sync waits for it, until what waits for the sync is too much.
func TestF56ADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryFiles(t)
		o := small(m)
		gate := make(chan struct{})
		o.SegmentBytes, o.SyncBytes, o.MaxAge, o.files = 25_000, 2000, -1, slowFiles{m, gate}
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		addFrom(t, s, 0, 1)
		time.Sleep(time.Minute) // the sync hangs
		n := 1
		for ; ; n++ {
			f, err := s.Append(batch(n))
			if err != nil {
				if !errors.Is(err, ErrBusy) {
					t.Fatal(err)
				}
				break
			}
			if n%3 == 0 {
				s.Ack(f, 0)
			} else {
				s.Release(f)
			}
		}
		if st := balanced(t, s); n < 50 || st.State != Working {
			t.Errorf("%d batches: %+v", n, st)
		}
		close(gate)
		time.Sleep(time.Minute)
		addFrom(t, s, n, 10)
		if got := drain(t, s); len(got) < n-n/3 {
			t.Errorf("got %v", got)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCloseDoesNotWaitForEver: the work goes on without who waited for it.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	m := newMemoryFiles(t)
	gate := make(chan struct{})
	o := small(m)
	o.Sync, o.files = SyncGroup, slowFiles{m, gate}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	addFrom(t, s, 0, 1)
	syncing := make(chan error)
	go func() { syncing <- s.Sync() }()
	gate <- struct{}{} // one sync passes
	if err := <-syncing; err != nil {
		t.Fatal(err)
	}
	addFrom(t, s, 1, 1)
	go func() { syncing <- s.Sync() }()
	for busy := false; !busy; { // the other one waits
		s.mu.Lock()
		busy = s.active.busy
		s.mu.Unlock()
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ended); !errors.Is(err, context.Canceled) {
		t.Error("Close says that all is well")
	}
	close(gate)
	if err := errors.Join(<-syncing, s.Close(t.Context())); err != nil {
		t.Error(err)
	}
}
