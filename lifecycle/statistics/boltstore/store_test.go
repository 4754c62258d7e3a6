package boltstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/wirespan/wirespan/lifecycle/statistics"
	"github.com/wirespan/wirespan/lifecycle/statistics/boltstore"
	"github.com/wirespan/wirespan/lifecycle/statistics/statisticstest"
)

// open opens the file until the end of the test, and then has bbolt check it.
func open(t *testing.T, path string, o boltstore.Options) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		check(t, path)
	})
	return s
}

func check(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Minute})
	if err != nil {
		t.Error(err)
		return
	}
	defer db.Close()
	db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		return nil
	})
}

func TestStore(t *testing.T) {
	statisticstest.TestStore(t, func(t *testing.T) statistics.KeyValueStore {
		return open(t, filepath.Join(t.TempDir(), "statistics.db"), boltstore.Options{})
	})
}

func TestFileIsForOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statistics.db")
	s := open(t, path, boltstore.Options{})
	if _, err := boltstore.Open(path, boltstore.Options{Timeout: time.Nanosecond}); !errors.Is(err, bolterrors.ErrTimeout) {
		t.Errorf("a second Open returned %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	s.Close()
	if err := s.Close(); err != nil {
		t.Errorf("a second Close returned %v", err)
	}
	if err := s.Set(t.Context(), "key", nil); err == nil {
		t.Error("Set works after Close")
	}
	if _, err := boltstore.Open(filepath.Join(path, "none"), boltstore.Options{}); err == nil {
		t.Error("a file was opened below a file")
	}
}

// S2: a store has a name, and those of one file know nothing of each other.
func TestNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statistics.db")
	for _, name := range []string{"", "other"} {
		s := open(t, path, boltstore.Options{Name: name})
		if _, err := s.Get(t.Context(), "key"); !errors.Is(err, statistics.ErrNotFound) {
			t.Errorf("the store %q begins with %v", name, err)
		}
		if err := s.Set(t.Context(), "key", []byte(name)); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	s := open(t, path, boltstore.Options{Name: "default"}) // what an empty name is
	if value, err := s.Get(t.Context(), "key"); string(value) != "" || err != nil {
		t.Errorf("the store holds %q, %v", value, err)
	}
}
