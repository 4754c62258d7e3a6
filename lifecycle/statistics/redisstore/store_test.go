package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/statistics"
	"github.com/wirespan/wirespan/lifecycle/statistics/redisstore"
	"github.com/wirespan/wirespan/lifecycle/statistics/statisticstest"
)

func open(t *testing.T, url, name string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(url, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	server := startServer(t)
	stores := 0
	statisticstest.TestStore(t, func(t *testing.T) statistics.KeyValueStore {
		stores++ // S2: stores of different names know nothing of each other
		return open(t, server.url(), fmt.Sprint("store ", stores))
	})
}

func TestClientOfTheCallers(t *testing.T) {
	server := startServer(t)
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + server.port})
	defer client.Close()
	s := redisstore.New(client, "")
	if err := errors.Join(s.Set(t.Context(), "key", []byte("1")), s.Close()); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(t.Context(), "default:key").Result(); got != "1" || err != nil {
		t.Errorf("Redis holds %q, %v", got, err)
	}
}

func TestAddressThatIsNone(t *testing.T) {
	if _, err := redisstore.Open("http://127.0.0.1", ""); err == nil {
		t.Error("Open takes an address of HTTP")
	}
}

func TestContextEnds(t *testing.T) {
	server := startServer(t)
	s := open(t, server.url(), "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Set(ctx, "key", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Set returned %v", err)
	}
}

// fleet returns the statistics of one process of a fleet.
func fleet(t *testing.T, store statistics.KeyValueStore, name string) *statistics.Statistics {
	t.Helper()
	s := statistics.New(statistics.Options{
		Persistence: statistics.PersistenceOn, Store: store, Key: "statistics/" + name, Logger: slog.New(slog.DiscardHandler),
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.Active() {
			s.Stop(context.Background())
		}
	})
	return s
}

func count(s *statistics.Statistics, n int) {
	for range n {
		s.Collector().Record(&lifecycle.ResponseCompleted{Outcome: lifecycle.Outcome{Request: &lifecycle.Request{}, Status: 200}})
	}
}

// S32: the processes of a fleet share Redis; each finds its own counts when it is started again.
func TestFleet(t *testing.T) {
	server := startServer(t)
	store := open(t, server.url(), "fleet")
	for run := range 3 {
		for i := range 3 {
			s := fleet(t, store, fmt.Sprint("host", i))
			count(s, i+1)
			if got, want := s.Calculate().RequestsFinished, int64((run+1)*(i+1)); got != want {
				t.Errorf("run %d, host %d: %d requests, want %d", run, i, got, want)
			}
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// A Redis that goes away costs nothing but the saves meanwhile.
func TestRedisGoesAndComesBack(t *testing.T) {
	redis.SetLogger(silent{})
	server := startServer(t)
	path, _ := exec.LookPath("redis-server")
	store := open(t, server.url(), "")
	s := fleet(t, store, "host")
	count(s, 1)
	server.kill()
	if err := s.Persist(t.Context()); err == nil {
		t.Error("saved without a Redis")
	}
	count(s, 1)
	if !server.start(path) {
		t.Skip("somebody else has taken the port meanwhile")
	}
	if err := s.Persist(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := store.Get(t.Context(), "statistics/host")
	var state statistics.State
	if err := errors.Join(err, state.UnmarshalJSON(text)); err != nil || state.RequestsFinished != 2 {
		t.Errorf("saved %d requests, %v", state.RequestsFinished, err)
	}
}

// silent is a logger for the client, which would write to the test's output.
type silent struct{}

func (silent) Printf(_ context.Context, format string, args ...any) {
	fmt.Fprintf(io.Discard, format, args...)
}
