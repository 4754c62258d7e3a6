// Package redisstore keeps statistics in Redis, where many processes can keep theirs, each under a key of its own.
package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// Store is a [statistics.KeyValueStore] in Redis. [Open] or [New] makes one. How safe a value is when Set returns
// depends on how Redis is told to write to its disk.
type Store struct {
	client redis.UniversalClient
	prefix string
	close  func() error
}

var _ statistics.KeyValueStore = (*Store)(nil)

// Open returns a store with a client of its own for the Redis at url, such as "redis://user:password@host:6379/0" or
// "rediss://…" with TLS; the options of the client are parameters of the url, as redis.ParseURL has it. It does not connect:
// a Redis that is not there is an error of Get, Set and Delete, which try a few times, and find it when it is back.
//
// Keys begin with name and a colon; an empty name is "default".
func Open(url, name string) (*Store, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	client := redis.NewClient(o)
	s := New(client, name)
	s.close = client.Close
	return s, nil
}

// New is [Open] for a client of the caller's, which may be one of a cluster; Close leaves it open. For deadlines of
// contexts to matter, it needs ContextTimeoutEnabled.
func New(client redis.UniversalClient, name string) *Store {
	return &Store{client: client, prefix: cmp.Or(name, "default") + ":", close: func() error { return nil }}
}

// Get implements [statistics.KeyValueStore].
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := s.client.Get(ctx, s.prefix+key).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, statistics.ErrNotFound
	}
	return value, err
}

// Set implements [statistics.KeyValueStore]. A value does not expire.
func (s *Store) Set(ctx context.Context, key string, value []byte) error {
	return s.client.Set(ctx, s.prefix+key, value, 0).Err()
}

// Delete implements [statistics.KeyValueStore].
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.client.Del(ctx, s.prefix+key).Err()
}

// Close closes the client that Open has made, which must happen once, and leaves alone that of New.
func (s *Store) Close() error { return s.close() }
