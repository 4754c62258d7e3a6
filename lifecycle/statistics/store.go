package statistics

import (
	"bytes"
	"context"
	"errors"
	"sync"
)

// ErrNotFound is what a [KeyValueStore] returns for a key that it does not hold.
var ErrNotFound = errors.New("no such key")

// KeyValueStore keeps values under keys. Its methods may be called from any goroutine. Keys are not empty; values are
// JSON. Package statisticstest has the tests that every implementation passes.
type KeyValueStore interface {
	// Get returns the value under key, which is the caller's own, or an error that is [ErrNotFound].
	Get(ctx context.Context, key string) ([]byte, error)
	// Set stores value, all of it or nothing, in place of what was there. It keeps no reference to value.
	// A store that outlives the process has it in safety when Set returns.
	Set(ctx context.Context, key string, value []byte) error
	// Delete removes key and its value; it is no error when there is none.
	Delete(ctx context.Context, key string) error
}

// MemoryStore is a [KeyValueStore] for tests, in memory. The zero value is empty and ready to use. It must not be copied.
type MemoryStore struct {
	mu     sync.Mutex
	values map[string][]byte
}

var _ KeyValueStore = (*MemoryStore)(nil)

// Get implements [KeyValueStore].
func (m *MemoryStore) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[key]
	if !ok {
		return nil, ErrNotFound
	}
	return bytes.Clone(value), nil
}

// Set implements [KeyValueStore].
func (m *MemoryStore) Set(_ context.Context, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = map[string][]byte{}
	}
	m.values[key] = bytes.Clone(value)
	return nil
}

// Delete implements [KeyValueStore].
func (m *MemoryStore) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	return nil
}
