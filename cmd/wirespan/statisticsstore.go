package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/wirespan/wirespan/lifecycle/statistics"
	"github.com/wirespan/wirespan/lifecycle/statistics/boltstore"
	"github.com/wirespan/wirespan/lifecycle/statistics/redisstore"
)

// storage is a store that can be closed.
type storage interface {
	statistics.KeyValueStore
	Close() error
}

// openStore opens the store of a target. One that may be away does not hinder the start.
func openStore(target string) (store storage, mayBeAway bool, err error) {
	if isRedis(target) {
		quietRedis()
		store, err = redisstore.Open(target, "wirespan")
		return store, true, err
	}
	if _, err := os.Stat(filepath.Dir(target)); err != nil {
		return nil, false, err
	}
	if strings.HasSuffix(target, ".json") {
		return stateFile{target}, false, nil
	}
	f := &databaseFile{path: target}
	if _, err := f.open(); err != nil && !errors.Is(err, bolterrors.ErrTimeout) {
		return nil, false, err
	}
	return f, true, nil
}

// quietRedis keeps what the client has to say from standard error: it says the same in the errors of its calls.
var quietRedis = sync.OnceFunc(func() { redis.SetLogger(discardRedis{}) })

type discardRedis struct{}

// Printf implements the logger of go-redis.
func (discardRedis) Printf(context.Context, string, ...any) {}

// watchedStore is a storage that remembers whether it works.
type watchedStore struct {
	storage
	last atomic.Pointer[error] // of the last call
}

// Get implements [statistics.KeyValueStore].
func (w *watchedStore) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := w.storage.Get(ctx, key)
	if errors.Is(err, statistics.ErrNotFound) {
		w.last.Store(nil)
		return nil, err
	}
	return value, w.note(err)
}

// Set implements [statistics.KeyValueStore].
func (w *watchedStore) Set(ctx context.Context, key string, value []byte) error {
	return w.note(w.storage.Set(ctx, key, value))
}

// Delete implements [statistics.KeyValueStore].
func (w *watchedStore) Delete(ctx context.Context, key string) error {
	return w.note(w.storage.Delete(ctx, key))
}

func (w *watchedStore) note(err error) error {
	w.last.Store(&err)
	return err
}

// failure returns why the last call failed, if it did.
func (w *watchedStore) failure() error {
	if err := w.last.Load(); err != nil {
		return *err
	}
	return nil
}

// stateFile is a store of one value, whatever its key: a file of JSON, as crawlee leaves it behind.
type stateFile struct{ path string }

// Get implements [statistics.KeyValueStore].
func (f stateFile) Get(context.Context, string) ([]byte, error) {
	value, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, statistics.ErrNotFound
	}
	return value, err
}

// Set implements [statistics.KeyValueStore]: the file is there whole, the old one or the new one, also after a crash.
func (f stateFile) Set(_ context.Context, _ string, value []byte) error {
	t, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".*")
	if err != nil {
		return err
	}
	_, err = t.Write(value)
	err = errors.Join(err, t.Sync(), t.Close())
	if err == nil {
		err = os.Rename(t.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(t.Name())
	}
	return err
}

// Delete implements [statistics.KeyValueStore].
func (f stateFile) Delete(context.Context, string) error {
	if err := os.Remove(f.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Close implements [storage].
func (stateFile) Close() error { return nil }

// databaseFile is a boltstore that is opened as soon as the process before has let go of it.
type databaseFile struct {
	path string

	mu     sync.Mutex
	store  *boltstore.Store // nil until it could be opened
	closed bool
}

// open returns the store, or why it cannot be opened now.
func (f *databaseFile) open() (*boltstore.Store, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.store != nil:
		return f.store, nil
	case f.closed:
		return nil, os.ErrClosed
	}
	store, err := boltstore.Open(f.path, boltstore.Options{Timeout: time.Nanosecond}) // one try
	if err == nil {
		f.store = store
	}
	return store, err
}

// Get implements [statistics.KeyValueStore].
func (f *databaseFile) Get(ctx context.Context, key string) ([]byte, error) {
	store, err := f.open()
	if err != nil {
		return nil, err
	}
	return store.Get(ctx, key)
}

// Set implements [statistics.KeyValueStore].
func (f *databaseFile) Set(ctx context.Context, key string, value []byte) error {
	store, err := f.open()
	if err != nil {
		return err
	}
	return store.Set(ctx, key, value)
}

// Delete implements [statistics.KeyValueStore].
func (f *databaseFile) Delete(ctx context.Context, key string) error {
	store, err := f.open()
	if err != nil {
		return err
	}
	return store.Delete(ctx, key)
}

// Close implements [storage].
func (f *databaseFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.store == nil {
		return nil
	}
	return f.store.Close()
}
