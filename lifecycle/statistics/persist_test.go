package statistics_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// S1, S3, S32: with PersistenceOn, the state is loaded by Start, and saved at every interval and by Stop.
func TestS1S32PersistenceOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &recording{}
		o := statistics.Options{Persistence: statistics.PersistenceOn, Store: store, Key: "key", Logger: quiet}
		s := started(t, o)
		equal(t, "loads", store.gets.Load(), 1)
		open(s, 0).respond(200, 1)
		time.Sleep(59 * time.Second)
		equal(t, "saves before a minute", store.sets.Load(), 0)
		time.Sleep(2 * time.Minute)
		equal(t, "saves after three", store.sets.Load(), 2)
		open(s, 0).respond(200, 1)
		must(t, s.RequestStart("under way")) // is not saved
		stop(t, s)
		equal(t, "saves with Stop", store.sets.Load(), 3)

		again := started(t, o)
		defer stop(t, again)
		equal(t, "finished", again.Calculate().RequestsFinished, 2)
		must(t, again.RequestFinish("under way"))
		equal(t, "finished", again.Calculate().RequestsFinished, 2)
	})
}

// S1: with PersistenceExplicit, the state is loaded by Start, and saved by Persist alone.
func TestS1PersistenceExplicit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &recording{}
		o := statistics.Options{Persistence: statistics.PersistenceExplicit, Store: store, Key: "key", Logger: quiet}
		s := started(t, o)
		open(s, 0).respond(200, 1)
		time.Sleep(time.Hour)
		stop(t, s)
		equal(t, "saves", store.sets.Load(), 0)
		must(t, s.Persist(t.Context()))
		equal(t, "saves", store.sets.Load(), 1)
		again := started(t, o)
		defer stop(t, again)
		equal(t, "finished", again.Calculate().RequestsFinished, 1)
	})
}

// S1: with PersistenceOff, the store is left alone.
func TestS1PersistenceOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &recording{}
		s := started(t, statistics.Options{Store: store})
		time.Sleep(time.Hour)
		must(t, s.Persist(t.Context()))
		must(t, s.Reset(t.Context()))
		stop(t, s)
		equal(t, "calls", store.gets.Load()+store.sets.Load(), 0)
	})
}

func TestS1PersistInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for interval, want := range map[time.Duration]int64{time.Second: 10, -1: 0} {
			store := &recording{}
			s := started(t, statistics.Options{Persistence: statistics.PersistenceOn, Store: store, PersistInterval: interval})
			time.Sleep(10*time.Second + 1)
			synctest.Wait()
			equal(t, "saves", store.sets.Load(), want)
			stop(t, s)
		}
	})
}

// S3, crawlee#3877: the key is the same in the next run, and however many statistics a process makes.
func TestS3KeyIsStable(t *testing.T) {
	host, err := os.Hostname()
	must(t, err)
	for range 2 {
		equal(t, "key", key(t, statistics.Options{}), "statistics/wirespan/"+host)
		equal(t, "key", key(t, statistics.Options{Service: "shop"}), "statistics/shop/"+host)
		equal(t, "key", key(t, statistics.Options{Service: "shop", Key: "mine"}), "mine")
	}
}

// S4: persistence needs a store.
func TestS4NoStore(t *testing.T) {
	s := statistics.New(statistics.Options{Persistence: statistics.PersistenceOn})
	if err := s.Start(t.Context()); !errors.Is(err, statistics.ErrNoStore) || s.Active() {
		t.Errorf("Start returned %v; active %t", err, s.Active())
	}
	s = statistics.New(statistics.Options{Persistence: statistics.PersistenceOn, LoadLater: true})
	if err := s.Start(t.Context()); !errors.Is(err, statistics.ErrNoStore) || s.Active() {
		t.Errorf("Start that was to load later returned %v; active %t", err, s.Active())
	}
}

// S20: a Start that cannot load does not start; the next one tries again.
func TestS20StoreThatCannotBeRead(t *testing.T) {
	store := &recording{}
	store.getErr.set(errors.New("no route to host"))
	s := statistics.New(statistics.Options{Persistence: statistics.PersistenceOn, Store: store, Logger: quiet})
	if err := s.Start(t.Context()); !errors.Is(err, store.getErr.get()) || s.Active() {
		t.Errorf("Start returned %v; active %t", err, s.Active())
	}
	if err := s.Persist(t.Context()); !errors.Is(err, statistics.ErrNotActive) || store.sets.Load() != 0 {
		t.Errorf("Persist of what was not loaded returned %v, and saved %d times", err, store.sets.Load())
	}
	store.getErr.set(nil)
	start(t, s)
	must(t, s.Persist(t.Context()))
}

// S20: with LoadLater, a store that cannot be read holds up nobody, is not written before it was read, and loses nothing.
func TestS20LoadLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &recording{}
		o := statistics.Options{Persistence: statistics.PersistenceOn, Store: store, Key: "key", Logger: quiet}
		first := started(t, o)
		open(first, 0).respond(404, 2*time.Second)
		first.Errors().Add(errors.New("of the first run"))
		time.Sleep(time.Hour)
		stop(t, first)
		saved := store.sets.Load()

		var log lines
		o.LoadLater, o.Logger, o.LogInterval = true, log.logger(), -1
		store.getErr.set(errors.New("no route to host"))
		s := started(t, o)
		c := open(s, 0)
		c.respond(200, time.Second)
		time.Sleep(150 * time.Second)
		equal(t, "finished, as far as is known", s.Calculate().RequestsFinished, 1)
		equal(t, "saves", store.sets.Load(), saved)
		got := log.take(t)
		if len(got) != 3 || got[0]["level"] != "WARN" || got[1]["level"] != "ERROR" || !strings.HasSuffix(got[2]["error"].(string), ": no route to host") {
			t.Errorf("logged %v", got)
		}

		store.getErr.set(nil)
		time.Sleep(time.Minute)
		c.respond(404, 3*time.Second)
		f, state := s.Calculate(), s.State()
		equal(t, "finished", f.RequestsFinished, 3)
		equal(t, "shortest", *f.RequestMinDuration, time.Second)
		equal(t, "longest", *f.RequestMaxDuration, 3*time.Second)
		equal(t, "runtime", f.Runtime, time.Hour+210*time.Second)
		equal(t, "begun", state.StartedAt.Equal(first.State().StartedAt), true)
		equal(t, "of the status 404", state.RequestsWithStatusCode[404], 2)
		equal(t, "errors", s.Errors().Total(), 1)
		equal(t, "messages once it works", len(log.take(t)), 0)
		stop(t, s)

		// Stop loads too, if nobody has.
		store.getErr.set(errors.New("no route to host"))
		s = started(t, o)
		open(s, 0).respond(200, time.Second)
		synctest.Wait()
		store.getErr.set(nil)
		stop(t, s)
		last := started(t, o)
		synctest.Wait()
		equal(t, "finished", last.Calculate().RequestsFinished, 4)

		// What is reset is not loaded afterwards.
		store.getErr.set(errors.New("no route to host"))
		stop(t, last)
		s = started(t, o)
		synctest.Wait()
		store.delErr.set(errors.New("no route to host"))
		if err := s.Reset(t.Context()); !errors.Is(err, store.delErr.get()) {
			t.Errorf("Reset returned %v", err)
		}
		store.getErr.set(nil)
		time.Sleep(time.Hour)
		equal(t, "finished after Reset", s.Calculate().RequestsFinished, 0)
		stop(t, s)
	})
}

// S21: a Stop that cannot save has stopped all the same, and what was counted can still be saved.
func TestS21StoreThatCannotBeWritten(t *testing.T) {
	store := &recording{}
	store.setErr.set(errors.New("no space left"))
	s := started(t, statistics.Options{Persistence: statistics.PersistenceOn, Store: store})
	open(s, 0).respond(200, 1)
	if err := s.Stop(t.Context()); !errors.Is(err, store.setErr.get()) || s.Active() {
		t.Errorf("Stop returned %v; active %t", err, s.Active())
	}
	store.setErr.set(nil)
	must(t, s.Persist(t.Context()))
	equal(t, "finished", s.Calculate().RequestsFinished, 1)
}

// A later Start carries on with what is in memory, which is newer than what was saved.
func TestS20LaterStartDoesNotLoad(t *testing.T) {
	store := &recording{}
	s := started(t, statistics.Options{Persistence: statistics.PersistenceExplicit, Store: store})
	must(t, s.Persist(t.Context()))
	open(s, 0).respond(200, 1)
	stop(t, s)
	start(t, s)
	equal(t, "finished", s.Calculate().RequestsFinished, 1)
	equal(t, "loads", store.gets.Load(), 1)
}

// S30: Reset forgets everything, in the store too, and neither stops nor starts anything.
func TestS30Reset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		store := &recording{}
		s := started(t, statistics.Options{
			Persistence: statistics.PersistenceOn, Store: store, Key: "key", Logger: log.logger(), LogUnchanged: true,
		})
		c := open(s, 0)
		c.respond(200, time.Millisecond)
		c.fail(500, "code", errors.New("oops"))
		must(t, s.RequestStart("under way"))
		must(t, s.RegisterStatusCode(201))
		time.Sleep(90 * time.Second)
		must(t, s.Reset(t.Context()))

		if _, err := store.Get(t.Context(), "key"); !errors.Is(err, statistics.ErrNotFound) {
			t.Errorf("the store returned %v", err)
		}
		must(t, s.RequestFinish("under way"))
		f, state := s.Calculate(), s.State()
		fresh := statistics.New(statistics.Options{}).Calculate()
		equal(t, "statistics", f.String(), fresh.String())
		equal(t, "status codes", len(state.RequestsWithStatusCode), 0)
		equal(t, "errors", s.Errors().Total(), 0)
		equal(t, "started at", state.StartedAt, time.Now())

		equal(t, "active", s.Active(), true)
		log.take(t)
		c.respond(200, time.Millisecond)
		time.Sleep(time.Minute)
		equal(t, "messages", len(log.take(t)), 1)
		equal(t, "rate", s.Calculate().FinishedPerMinute, 1)
		stop(t, s)
		must(t, s.Reset(t.Context()))
		equal(t, "active", s.Active(), false)
		time.Sleep(time.Minute)
		equal(t, "runtime", s.Calculate().Runtime, 0)

		store.delErr.set(errors.New("read only"))
		if err := s.Reset(t.Context()); !errors.Is(err, store.delErr.get()) {
			t.Errorf("Reset returned %v", err)
		}
	})
}

// S30: what a Start is loading when Reset is called does not come back.
func TestS30ResetWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slow{resume: make(chan struct{})}
		must(t, store.Set(t.Context(), "key", []byte(`{"requestsFinished": 5, "crawlerRuntimeMillis": 5}`)))
		s := statistics.New(statistics.Options{
			Persistence: statistics.PersistenceExplicit, Store: store, Key: "key", Logger: quiet,
		})
		go s.Start(t.Context())
		synctest.Wait()
		go s.Reset(t.Context())
		synctest.Wait()
		close(store.resume)
		synctest.Wait()
		equal(t, "active", s.Active(), true)
		equal(t, "finished", s.Calculate().RequestsFinished, 0)
		equal(t, "runtime", s.Calculate().Runtime, 0)
		if _, err := store.Get(t.Context(), "key"); !errors.Is(err, statistics.ErrNotFound) {
			t.Errorf("the store returned %v", err)
		}
		stop(t, s)
	})
}

// Saves have their turns, so that an older state never comes to lie over a newer one; who waits, waits with its context.
func TestS32SavesHaveTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hanging{}
		s := started(t, statistics.Options{Persistence: statistics.PersistenceExplicit, Store: store})
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() { first <- s.Persist(ctx) }()
		synctest.Wait()
		impatient, giveUp := context.WithTimeout(t.Context(), time.Second)
		defer giveUp()
		if err := s.Persist(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second Persist returned %v", err)
		}
		if err := s.Reset(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Reset returned %v", err)
		}
		equal(t, "saves", store.hung.Load(), 1)
		cancel()
		if err := <-first; !errors.Is(err, errHanging) {
			t.Errorf("the first Persist returned %v", err)
		}
		stop(t, s)
	})
}

// S10: the first error of each group is saved, with what is known of its request, and only that one.
func TestS10ErrorSnapshots(t *testing.T) {
	store := &recording{}
	s := started(t, statistics.Options{
		Persistence: statistics.PersistenceExplicit, Store: store, Key: "key", SaveErrorSnapshots: true,
	})
	c := open(s, 0)
	panicked := panicError(t)
	for range 3 {
		c.fail(500, "handler_panic", panicked)
		c.fail(408, "request_body_timeout", nil)
	}
	store.setErr.set(errors.New("no space left"))
	if err := s.Persist(t.Context()); !errors.Is(err, store.setErr.get()) {
		t.Errorf("Persist returned %v", err)
	}
	store.setErr.set(nil)
	must(t, s.Persist(t.Context()))
	must(t, s.Persist(t.Context()))
	saved := slices.DeleteFunc(slices.Clone(store.keys), func(k string) bool { return !strings.HasPrefix(k, "key/errors/") })
	if len(saved) != 2 {
		t.Fatalf("saved %q", store.keys)
	}
	text, err := store.Get(t.Context(), saved[0])
	must(t, err)
	got := object(t, text)
	equal(t, "method", got["method"], any("GET"))
	equal(t, "path without its query", got["path"], any("/path"))
	equal(t, "status", got["status"], any(500.0))
	group := got["error"].(map[string]any)
	equal(t, "type", group["type"], any("handler_panic"))
	if !strings.HasPrefix(group["where"].(string), "errortracker_test.go:") || !strings.Contains(got["stack"].(string), "panic(") {
		t.Errorf("saved %s", text)
	}
}
