package statistics_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// recording is a memory store that knows what was called, and that fails where it is told to.
type recording struct {
	statistics.MemoryStore
	gets, sets             atomic.Int64
	getErr, setErr, delErr failure

	mu   sync.Mutex
	keys []string // that were set
}

// failure is an error that can be set at any time.
type failure struct{ err atomic.Pointer[error] }

func (f *failure) set(err error) { f.err.Store(&err) }

func (f *failure) get() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (r *recording) Get(ctx context.Context, key string) ([]byte, error) {
	r.gets.Add(1)
	if err := r.getErr.get(); err != nil {
		return nil, err
	}
	return r.MemoryStore.Get(ctx, key)
}

func (r *recording) Set(ctx context.Context, key string, value []byte) error {
	r.sets.Add(1)
	if err := r.setErr.get(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, key)
	return r.MemoryStore.Set(ctx, key, value)
}

func (r *recording) Delete(ctx context.Context, key string) error {
	if err := r.delErr.get(); err != nil {
		return err
	}
	return r.MemoryStore.Delete(ctx, key)
}

// hanging is a store whose first Set hangs until its context ends, and whose others fail.
type hanging struct {
	statistics.MemoryStore
	hung atomic.Int64
}

var errHanging = errors.New("hanging")

func (h *hanging) Set(ctx context.Context, _ string, _ []byte) error {
	if h.hung.Add(1) == 1 {
		<-ctx.Done()
	}
	return errHanging
}

// slow is a store whose Get takes until resume is closed.
type slow struct {
	statistics.MemoryStore
	resume chan struct{}
}

func (s *slow) Get(ctx context.Context, key string) ([]byte, error) {
	<-s.resume
	return s.MemoryStore.Get(ctx, key)
}

// key returns the key under which statistics with these options save.
func key(t *testing.T, o statistics.Options) string {
	t.Helper()
	r := &recording{}
	o.Store, o.Persistence, o.Logger = r, statistics.PersistenceOn, quiet
	s := statistics.New(o)
	must(t, s.Start(context.Background()))
	must(t, s.Stop(context.Background()))
	if len(r.keys) != 1 {
		t.Fatalf("saved under %q", r.keys)
	}
	return r.keys[0]
}
