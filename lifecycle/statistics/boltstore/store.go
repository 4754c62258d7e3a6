// Package boltstore keeps statistics in one file, for one process at a time. The file is a bbolt database: a value is there
// whole or not at all, also when the process is killed in the middle.
package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// Options configures a [Store]. The zero value is ready to use.
type Options struct {
	// Name is the name of the store in its file, which may hold several; empty is "default".
	Name string
	// Timeout is how long Open waits for another process to let go of the file. 0 is 5 seconds.
	Timeout time.Duration
}

// Store is a [statistics.KeyValueStore] in a file. [Open] makes one.
type Store struct {
	db     *bbolt.DB
	bucket []byte
}

var _ statistics.KeyValueStore = (*Store)(nil)

// Open opens the file at path, and makes it, readable by its owner alone, where there is none; its directory must
// be there. No other process can open it until Close.
func Open(path string, o Options) (*Store, error) {
	s := &Store{bucket: []byte(cmp.Or(o.Name, "default"))}
	var err error
	s.db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: cmp.Or(o.Timeout, 5*time.Second)})
	if err != nil {
		return nil, fmt.Errorf("boltstore: open %s: %w", path, err)
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(s.bucket)
		return err
	})
	if err != nil {
		_ = s.db.Close()
		return nil, fmt.Errorf("boltstore: open %s: %w", path, err)
	}
	return s, nil
}

// Get implements [statistics.KeyValueStore]. It reads memory, and takes no notice of its context.
func (s *Store) Get(_ context.Context, key string) (value []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		found := tx.Bucket(s.bucket).Get([]byte(key))
		if found == nil {
			return statistics.ErrNotFound
		}
		value = bytes.Clone(found) // found is valid in the transaction only
		return nil
	})
	return value, err
}

// Set implements [statistics.KeyValueStore]. The value is on the disk when it returns; the context does not hurry it.
func (s *Store) Set(_ context.Context, key string, value []byte) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(s.bucket).Put([]byte(key), value) })
}

// Delete implements [statistics.KeyValueStore], as Set does.
func (s *Store) Delete(_ context.Context, key string) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(s.bucket).Delete([]byte(key)) })
}

// Close lets go of the file. What is called afterwards returns an error. It may be called twice.
func (s *Store) Close() error { return s.db.Close() }
