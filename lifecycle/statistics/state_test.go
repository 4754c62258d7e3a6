package statistics_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// object reads a JSON object.
func object(t *testing.T, text []byte) (fields map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func readState(t *testing.T, text []byte) (state statistics.State) {
	t.Helper()
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	return state
}

// S40 to S50: each field under its alias, in the form that it has in the file.
func TestS40ToS50Aliases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := started(t, statistics.Options{ID: 7, LogInterval: -1, RetryHeader: "key"})
		defer stop(t, s)
		c := open(s, 0)
		c.respond(200, 1499*time.Microsecond)
		c.respond(200, 2500*time.Microsecond)
		c.fail(503, "code", errors.New("oops"), [2]string{"key", "a"})
		c.fail(503, "code", errors.New("again"), [2]string{"key", "a"})
		time.Sleep(2 * time.Minute)
		text, err := json.Marshal(s.State())
		must(t, err)
		got := object(t, text)
		delete(got, "wirespan")
		want := object(t, []byte(`{
			"statsId": 7,
			"requestsFinished": 2, "requestsFailed": 2, "requestsRetries": 1,
			"requestsFailedPerMinute": 1, "requestsFinishedPerMinute": 1,
			"requestMinDurationMillis": 1, "requestMaxDurationMillis": 2,
			"requestTotalFailedDurationMillis": 2, "requestTotalFinishedDurationMillis": 4,
			"crawlerStartedAt": "2000-01-01T00:00:00Z", "crawlerLastStartTimestamp": "2000-01-01T00:00:00Z",
			"crawlerFinishedAt": null,
			"errors": {"": {"code": {"oops": 1}}}, "retryErrors": {"": {"code": {"again": 1}}},
			"requestsWithStatusCode": {"200": 2, "503": 2},
			"statsPersistedAt": "2000-01-01T00:02:00Z",
			"requestRetryHistogram": [3, 1],
			"crawlerRuntimeMillis": 120000,
			"requestTotalDurationMillis": 6, "requestAvgFailedDurationMillis": 1, "requestAvgFinishedDurationMillis": 2,
			"requestsTotal": 4
		}`))
		for name := range maps.Keys(want) {
			if g, w := fmt.Sprint(got[name]), fmt.Sprint(want[name]); g != w {
				t.Errorf("%s is %s, want %s", name, g, w)
			}
			delete(got, name)
		}
		if len(got) != 0 {
			t.Errorf("fields that nobody knows: %v", got)
		}
	})
}

// S43, S45, S46, S47, S49, S50: what a state says of nothing.
func TestS43S45S49EmptyState(t *testing.T) {
	text, err := json.Marshal(statistics.New(statistics.Options{}).State())
	must(t, err)
	got := object(t, text)
	for name, want := range map[string]string{
		"requestMinDurationMillis": "<nil>", "requestMaxDurationMillis": "<nil>",
		"crawlerStartedAt": "<nil>", "crawlerLastStartTimestamp": "<nil>", "crawlerFinishedAt": "<nil>",
		"errors": "map[]", "retryErrors": "map[]", "requestsWithStatusCode": "map[]", "requestRetryHistogram": "[0]",
		"requestAvgFailedDurationMillis": "<nil>", "requestAvgFinishedDurationMillis": "<nil>", "crawlerRuntimeMillis": "0",
	} {
		if value, ok := got[name]; !ok || fmt.Sprint(value) != want {
			t.Errorf("%s is %v, want %s", name, value, want)
		}
	}
}

// S32: state files of the original load, by alias and by name.
func TestS32FilesOfTheOriginalLoad(t *testing.T) {
	for _, name := range []string{"crawlee.json", "crawlee-names.json"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name))
			must(t, err)
			store := &statistics.MemoryStore{}
			must(t, store.Set(t.Context(), "key", text))
			s := started(t, statistics.Options{Persistence: statistics.PersistenceExplicit, Store: store, Key: "key"})
			f, state := s.Calculate(), s.State()
			equal(t, "finished", f.RequestsFinished, 120)
			equal(t, "failed", f.RequestsFailed, 7)
			equal(t, "retries", f.RequestsRetries, 5)
			equal(t, "min", *f.RequestMinDuration, 12*time.Millisecond)
			equal(t, "max", *f.RequestMaxDuration, 2345*time.Millisecond)
			equal(t, "mean of the failed", *f.RequestAvgFailedDuration, time.Second)
			equal(t, "mean of the finished", *f.RequestAvgFinishedDuration, 500*time.Millisecond)
			if !slices.Equal(f.RetryHistogram, []int64{122, 0, 5}) {
				t.Errorf("histogram %v", f.RetryHistogram)
			}
			if !maps.Equal(state.RequestsWithStatusCode, map[int]int64{200: 118, 404: 2, 500: 7}) {
				t.Errorf("status codes %v", state.RequestsWithStatusCode)
			}
			if want := time.Date(2026, 3, 1, 10, 0, 0, 123456e3, time.UTC); !state.StartedAt.Equal(want) {
				t.Errorf("started at %v, want %v", state.StartedAt, want)
			}
			equal(t, "errors", s.Errors().Total(), 0)
			if before := 4*time.Minute + 30500*time.Millisecond; f.Runtime < before {
				t.Errorf("runtime %v after one of %v", f.Runtime, before)
			}
			// What follows adds to it.
			open(s, 0).respond(200, 5*time.Second)
			equal(t, "finished", s.Calculate().RequestsFinished, 121)
			equal(t, "max", *s.Calculate().RequestMaxDuration, 5*time.Second)
		})
	}
}

// S33, S50: the runtime of a file, as the versions of the original have written it.
func TestS33S50RuntimeOfAFile(t *testing.T) {
	const began = `"crawlerLastStartTimestamp": "2026-03-02T11:00:00+01:00"`
	for _, c := range []struct {
		text string
		want time.Duration
	}{
		{`{}`, 0},
		{`{"crawlerRuntimeMillis": 1500}`, 1500 * time.Millisecond},
		{`{"crawlerRuntimeMillis": "1.5"}`, 1500 * time.Microsecond},
		{`{"crawlerRuntimeMillis": "P1DT2H3M4.5S"}`, 26*time.Hour + 3*time.Minute + 4500*time.Millisecond},
		{`{"crawlerRuntimeMillis": "P2D"}`, 48 * time.Hour},
		{`{"crawlerRuntimeMillis": "PT0S"}`, 0},
		{`{"crawlerRuntimeMillis": 7000, ` + began + `, "statsPersistedAt": "2026-03-02T10:00:05Z"}`, 7 * time.Second},
		{`{"crawlerRuntimeMillis": 0, ` + began + `, "crawlerFinishedAt": "2026-03-02T10:00:09Z"}`, 9 * time.Second},
		{`{"crawlerFinishedAt": "2026-03-02T10:00:01Z", "statsPersistedAt": "2026-03-02T10:00:09Z", ` + began + `}`, time.Second},
		{`{"crawlerFinishedAt": null, "statsPersistedAt": "2026-03-02T10:00:09Z", ` + began + `}`, 9 * time.Second},
		{`{"statsPersistedAt": "2026-03-01T10:00:09Z", ` + began + `}`, 0},
	} {
		equal(t, c.text, readState(t, []byte(c.text)).Runtime, c.want)
	}
}

// S32: a file that makes no sense is an error, not a state.
func TestS32Nonsense(t *testing.T) {
	for _, text := range []string{
		``, `[]`, `1`, `{"requestsFinished": -1}`, `{"requestsFinished": "many"}`, `{"requestMinDurationMillis": "soon"}`,
		`{"crawlerRuntimeMillis": "PTS"}`, `{"crawlerRuntimeMillis": "P-1D"}`, `{"crawlerRuntimeMillis": -1}`,
		`{"crawlerRuntimeMillis": 1e300}`, `{"crawlerStartedAt": "yesterday"}`, `{"requestsWithStatusCode": {"5000": 1}}`,
		`{"requestsWithStatusCode": {"200": -1}}`, `{"requestRetryHistogram": [-1]}`,
		`{"wirespan": {"requestDurationHistogram": "nonsense"}}`,
	} {
		state := statistics.State{RequestsFinished: 5}
		if err := state.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s was read as %+v", text, state)
		}
		equal(t, "the state afterwards", state.RequestsFinished, 5)
		if text == "" {
			continue
		}
		store := &statistics.MemoryStore{}
		must(t, store.Set(t.Context(), "key", []byte(text)))
		s := statistics.New(statistics.Options{Persistence: statistics.PersistenceOn, Store: store, Key: "key", Logger: quiet})
		if err := s.Start(t.Context()); err == nil || s.Active() {
			t.Errorf("Start with %s returned %v; active %t", text, err, s.Active())
		}
	}
}

// S42, S43, S44: nothing is lost between a save and a load, not even what milliseconds cannot say.
func TestS32S42S43S44RoundTrip(t *testing.T) {
	s := started(t, statistics.Options{})
	c := open(s, 0)
	for n := range 200 {
		c.respond(200, time.Duration(n+1)*time.Microsecond)
	}
	c.fail(500, "code", errors.New("oops"))
	c.disconnect(3 * time.Second)
	text, err := json.Marshal(s.State())
	must(t, err)
	store := &statistics.MemoryStore{}
	must(t, store.Set(t.Context(), "key", text))
	loaded := started(t, statistics.Options{Persistence: statistics.PersistenceOn, Store: store, Key: "key"})
	want, got := s.Calculate(), loaded.Calculate()
	for _, f := range []*statistics.Final{&want, &got} {
		f.Runtime, f.FinishedPerMinute, f.FailedPerMinute = 0, 0, 0
		f.RequestsFailedPerMinute, f.RequestsFinishedPerMinute = 0, 0
	}
	equal(t, "statistics", got.String(), want.String())
	equal(t, "errors", fmt.Sprint(loaded.Errors().MostCommon(-1)), fmt.Sprint(s.Errors().MostCommon(-1)))
	if state := readState(t, text); state.RequestsFinishedPerMinute <= 0 || state.RequestsFailedPerMinute <= 0 {
		t.Errorf("rates %v and %v", state.RequestsFinishedPerMinute, state.RequestsFailedPerMinute)
	}
}

// FuzzState: whatever is read can be written, and is read again as the same.
func FuzzState(f *testing.F) {
	for _, name := range []string{"crawlee.json", "crawlee-names.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var state statistics.State
		if state.UnmarshalJSON(text) != nil {
			return
		}
		once, err := json.Marshal(state)
		must(t, err)
		twice, err := json.Marshal(readState(t, once))
		must(t, err)
		equal(t, "written again", string(twice), string(once))
	})
}
