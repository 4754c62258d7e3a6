// Package statisticstest has the tests that every [statistics.KeyValueStore] passes.
package statisticstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// TestStore runs the contract of [statistics.KeyValueStore]. newStore is called once for each rule and returns an empty
// store, which it closes with t.Cleanup. A failure names the rule that was broken.
func TestStore(t *testing.T, newStore func(t *testing.T) statistics.KeyValueStore) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			if err := r.check(t.Context(), newStore(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

var rules = []struct {
	name  string
	check func(context.Context, statistics.KeyValueStore) error
}{
	{"no such key", checkMissing},
	{"set and get", checkSet},
	{"delete", checkDelete},
	{"values are copies", checkCopies},
	{"many callers at once", checkConcurrency},
}

func checkMissing(ctx context.Context, s statistics.KeyValueStore) error {
	value, err := s.Get(ctx, "missing")
	if !errors.Is(err, statistics.ErrNotFound) {
		return fmt.Errorf("a key that is not there is an ErrNotFound for Get, which returned %q and %v", value, err)
	}
	if err := s.Delete(ctx, "missing"); err != nil {
		return fmt.Errorf("a key that is not there is no error for Delete, which returned %w", err)
	}
	return nil
}

func checkSet(ctx context.Context, s statistics.KeyValueStore) error {
	values := map[string]string{
		"a":                 "1",
		"statistics/a/host": `{"a": "ä\u0000"}`,
		"statistics/a":      "{}",
		"large":             `"` + strings.Repeat("x", 1<<20) + `"`,
	}
	for key := range values {
		if err := errors.Join(s.Set(ctx, key, []byte("0")), s.Set(ctx, key, []byte(values[key]))); err != nil {
			return err
		}
	}
	for key, want := range values {
		if err := holds(ctx, s, key, want); err != nil {
			return err
		}
	}
	return nil
}

func checkDelete(ctx context.Context, s statistics.KeyValueStore) error {
	if err := errors.Join(s.Set(ctx, "a", []byte("1")), s.Set(ctx, "b", []byte("2")), s.Delete(ctx, "a")); err != nil {
		return err
	}
	if _, err := s.Get(ctx, "a"); !errors.Is(err, statistics.ErrNotFound) {
		return fmt.Errorf("a key that was deleted is an ErrNotFound for Get, which returned %w", err)
	}
	return holds(ctx, s, "b", "2")
}

func checkCopies(ctx context.Context, s statistics.KeyValueStore) error {
	value := []byte("1")
	if err := s.Set(ctx, "a", value); err != nil {
		return err
	}
	value[0] = '#'
	got, err := s.Get(ctx, "a")
	if err != nil {
		return err
	}
	for i := range got {
		got[i] = '#'
	}
	if err := holds(ctx, s, "a", "1"); err != nil {
		return fmt.Errorf("what Set was given and what Get has returned are the caller's own: %w", err)
	}
	return nil
}

func checkConcurrency(ctx context.Context, s statistics.KeyValueStore) error {
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			own := fmt.Sprint("own ", i)
			for range 5 {
				errs[i] = errors.Join(errs[i],
					s.Set(ctx, own, []byte(own)), s.Set(ctx, "shared", []byte("value")),
					holds(ctx, s, own, own), holds(ctx, s, "shared", "value"),
					s.Delete(ctx, own),
				)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func holds(ctx context.Context, s statistics.KeyValueStore, key, want string) error {
	got, err := s.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("get %s: %w", key, err)
	}
	if string(got) != want {
		return fmt.Errorf("a key holds what was set last, which for %[2]s is %.40[1]q, not %.40[3]q", want, key, got)
	}
	return nil
}
