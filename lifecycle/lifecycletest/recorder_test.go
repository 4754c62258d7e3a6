package lifecycletest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

func stamp(id uint64, at int64) lifecycle.Stamp {
	return lifecycle.Stamp{ConnectionID: id, TimestampNS: at}
}

func TestRecorderKeepsClones(t *testing.T) {
	var r lifecycletest.Recorder
	e := &lifecycle.ConnectionCompleted{Reason: lifecycle.ReasonComplete}
	r.Record(e)
	e.Reason = lifecycle.ReasonError
	if got := r.Events()[0].(*lifecycle.ConnectionCompleted).Reason; got != lifecycle.ReasonComplete {
		t.Errorf("the recorded event changed to %q", got)
	}
}

func TestRecorderViews(t *testing.T) {
	var r lifecycletest.Recorder
	r.Record(&lifecycle.ConnectionOpened{Stamp: stamp(8, 1)})
	r.Record(&lifecycle.ConnectionOpened{Stamp: stamp(5, 2)})
	r.Record(&lifecycle.ConnectionCompleted{Stamp: stamp(8, 3)})
	events := r.Events()
	if got := lifecycletest.Names(events); got != "ConnectionOpened ConnectionOpened ConnectionCompleted" {
		t.Errorf("events %s", got)
	}
	if got := r.ConnectionIDs(); !slices.Equal(got, []uint64{8, 5}) {
		t.Errorf("connections %v", got)
	}
	if got := lifecycletest.Names(r.Connection(8)); got != "ConnectionOpened ConnectionCompleted" {
		t.Errorf("events of connection 8: %s", got)
	}
	if got := lifecycletest.Of[*lifecycle.ConnectionOpened](events); len(got) != 2 || got[1].ConnectionID != 5 {
		t.Errorf("of one type: %v", got)
	}
	events[0] = nil
	if r.Events()[0] == nil {
		t.Error("the slice of Events is the recorder's own")
	}
	r.Reset()
	if len(r.Events()) != 0 || len(r.ConnectionIDs()) != 0 {
		t.Error("Reset left something")
	}
}

func TestRecorderWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r lifecycletest.Recorder
		asked := 0
		var got []lifecycle.Event
		go func() {
			got, _ = r.WaitFor(t.Context(), func(events []lifecycle.Event) bool {
				asked++
				return lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1)(events)
			})
		}()
		for i := range 2 {
			synctest.Wait()
			if asked != i+1 {
				t.Errorf("asked %d times after %d events", asked, i)
			}
			r.Record(&lifecycle.ConnectionOpened{})
		}
		synctest.Wait()
		r.Record(&lifecycle.ConnectionCompleted{})
		synctest.Wait()
		if len(got) != 3 || asked != 4 {
			t.Errorf("got %d events after asking %d times, want 3 and 4", len(got), asked)
		}
		// What is there already needs no waiting, and no context either.
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.WaitFor(ended, lifecycletest.AtLeast[*lifecycle.ConnectionOpened](2)); err != nil {
			t.Error(err)
		}
	})
}

func TestRecorderWaitForGivesUp(t *testing.T) {
	var r lifecycletest.Recorder
	r.Record(&lifecycle.ConnectionOpened{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	events, err := r.WaitFor(ctx, lifecycletest.AtLeast[*lifecycle.RequestStarted](1))
	if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), "recorded until then: ConnectionOpened") || len(events) != 1 {
		t.Errorf("WaitFor returned %d events and %v", len(events), err)
	}
}

func TestFields(t *testing.T) {
	f := lifecycletest.Fields{{"Accept", "a"}, {"Host", "h"}, {"accept", "b"}}
	if f.Get("ACCEPT") != "a" || f.Get("host") != "h" || f.Get("Cookie") != "" {
		t.Errorf("Get: %q, %q, %q", f.Get("ACCEPT"), f.Get("host"), f.Get("Cookie"))
	}
	c := f.Clone()
	f[0][1] = "changed"
	var all []string
	for name, value := range c.All() {
		all = append(all, name+"="+value)
	}
	if !slices.Equal(all, []string{"Accept=a", "Host=h", "accept=b"}) {
		t.Errorf("the clone holds %v", all)
	}
	for range c.All() {
		break // must be possible
	}
}
