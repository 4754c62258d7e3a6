package boltstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/statistics"
	"github.com/wirespan/wirespan/lifecycle/statistics/boltstore"
)

// childEnv makes the test binary the child of a test that kills it; its value is the path of the file to count in.
const childEnv = "BOLTSTORE_CHILD"

var options = statistics.Options{Persistence: statistics.PersistenceOn, Key: "key", Logger: slog.New(slog.DiscardHandler)}

// child counts 100 requests and saves, which it says on its standard output; then it counts and saves on and on, until
// it is killed.
func child(path string) {
	store, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		panic(err)
	}
	o := options
	o.Store = store
	s := statistics.New(o)
	ctx := context.Background()
	if err := s.Start(ctx); err != nil {
		panic(err)
	}
	record(s, 100)
	if err := s.Persist(ctx); err != nil {
		panic(err)
	}
	fmt.Println("saved")
	for {
		record(s, 1)
		if err := s.Persist(ctx); err != nil {
			panic(err)
		}
	}
}

func record(s *statistics.Statistics, n int) {
	c := lifecycle.Open(s.Collector(), &lifecycle.ConnectionOpened{})
	for range n {
		c.Record(&lifecycle.ResponseCompleted{Outcome: lifecycle.Outcome{
			Request: &lifecycle.Request{}, Status: 200, Duration: time.Millisecond,
		}})
	}
}

// S32, S33: kill -9, also in the middle of a save, leaves what was saved last; the next run carries on from there, and
// the time between the two is no runtime.
func TestKilledProcessLosesNothingSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statistics.db")
	var before statistics.State
	for n := range int64(3) {
		killChild(t, path)
		after := carryOn(t, path)
		if after.RequestsFinished < before.RequestsFinished+100 {
			t.Errorf("run %d: %d requests are left of %d and at least 100 more", n, after.RequestsFinished, before.RequestsFinished)
		}
		if after.RequestsWithStatusCode[200] != after.RequestsFinished || after.RetryHistogram[0] != after.RequestsFinished {
			t.Errorf("run %d: the sums of %+v do not agree", n, after)
		}
		if !before.StartedAt.IsZero() && !after.StartedAt.Equal(before.StartedAt) {
			t.Errorf("run %d: the first run began %v, then %v", n, before.StartedAt, after.StartedAt)
		}
		before = after
	}
}

// killChild runs a child and kills it while it saves.
func killChild(t *testing.T, path string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "saved\n" {
		t.Errorf("the child said %q: %v", line, err)
	}
	cmd.Process.Kill()
	io.Copy(io.Discard, stdout)
	cmd.Wait()
}

// carryOn starts where the child was killed and returns the state before it counts anything.
func carryOn(t *testing.T, path string) statistics.State {
	t.Helper()
	store := open(t, path, boltstore.Options{})
	defer store.Close()
	o := options
	o.Store = store
	s := statistics.New(o)
	saved := savedState(t, store)
	if saved.Runtime <= 0 || !saved.FinishedAt.IsZero() {
		t.Errorf("the child saved a runtime of %v, and that it ended at %v", saved.Runtime, saved.FinishedAt)
	}
	began := time.Now()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	state := s.State()
	// Whatever it took to get here, what counts is what was saved and the time since Start.
	if sum := saved.Runtime + time.Since(began); state.Runtime < saved.Runtime || state.Runtime > sum {
		t.Errorf("the runtime is %v after one of %v was saved, want at most %v", state.Runtime, saved.Runtime, sum)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	return state
}

func savedState(t *testing.T, store statistics.KeyValueStore) (state statistics.State) {
	t.Helper()
	text, err := store.Get(t.Context(), options.Key)
	if err == nil {
		err = state.UnmarshalJSON(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return state
}
