package statistics_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// lines is a log, a JSON object for each message.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// take returns the messages since it was last called.
func (l *lines) take(t *testing.T) (messages []map[string]any) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		var m map[string]any
		must(t, json.Unmarshal([]byte(line), &m))
		messages = append(messages, m)
	}
	l.text.Reset()
	return messages
}

// S5, S6, S7, S9, S20, S31: the message comes at once and then at every interval, as a table.
func TestS5S6S7S20S31PeriodicTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		s := started(t, statistics.Options{Logger: log.logger()})
		defer stop(t, s)
		first := log.take(t)
		if len(first) != 1 || !strings.HasPrefix(first[0]["msg"].(string), "Statistics\n┌──") || first[0]["level"] != "INFO" {
			t.Fatalf("with Start: %v", first)
		}
		open(s, 0).respond(200, 1)
		time.Sleep(time.Minute - time.Nanosecond)
		if got := log.take(t); got != nil {
			t.Errorf("before its time: %v", got)
		}
		time.Sleep(time.Nanosecond)
		if got := log.take(t); len(got) != 1 || !strings.Contains(got[0]["msg"].(string), "│ requests_finished             │ 1 ") {
			t.Errorf("after a minute: %v", got)
		}
	})
}

// S5, S7, S9: inline, the values are attributes; durations in seconds.
func TestS9Inline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		s := started(t, statistics.Options{
			Logger: log.logger(), LogMessage: "served", LogInterval: time.Second, Format: statistics.FormatInline,
		})
		defer stop(t, s)
		log.take(t)
		open(s, 0).respond(200, 1500*time.Millisecond)
		time.Sleep(time.Second)
		got := log.take(t)
		if len(got) != 1 || got[0]["msg"] != "served" || got[0]["requests_finished"] != 1.0 ||
			got[0]["request_avg_finished_duration"] != 1.5 || got[0]["request_avg_failed_duration"] != nil {
			t.Errorf("logged %v", got)
		}
	})
}

// S31, crawlee-python#1317: a message that would say the same again is left out, unless it is asked for.
func TestS31Unchanged(t *testing.T) {
	for unchanged, want := range map[bool]int{false: 1, true: 6} {
		synctest.Test(t, func(t *testing.T) {
			var log lines
			s := started(t, statistics.Options{Logger: log.logger(), LogUnchanged: unchanged})
			defer stop(t, s)
			time.Sleep(5 * time.Minute)
			equal(t, "messages", len(log.take(t)), want)
			open(s, 0).disconnect(1)
			time.Sleep(time.Minute)
			equal(t, "messages after a request", len(log.take(t)), 1)
		})
	}
}

func TestS7NoMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		s := started(t, statistics.Options{Logger: log.logger(), LogInterval: -1, LogUnchanged: true})
		defer stop(t, s)
		time.Sleep(time.Hour)
		equal(t, "messages", len(log.take(t)), 0)
	})
}

// S31, S32: what goes wrong in a periodic task is logged, and the task goes on.
func TestS31S32PeriodicTasksGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		store := &recording{}
		s := started(t, statistics.Options{Logger: log.logger(), Persistence: statistics.PersistenceOn, Store: store})
		log.take(t)
		store.setErr.set(errors.New("no space left"))
		time.Sleep(150 * time.Second)
		got := log.take(t)
		if len(got) != 2 || got[1]["level"] != "ERROR" || !strings.HasSuffix(got[1]["error"].(string), ": no space left") {
			t.Errorf("logged %v", got)
		}
		store.setErr.set(nil)
		time.Sleep(time.Minute)
		equal(t, "messages once it works", len(log.take(t)), 0)
		equal(t, "saves", store.sets.Load(), 3)
		stop(t, s)
		equal(t, "saves with Stop", store.sets.Load(), 4) // S21
		equal(t, "messages of Stop", len(log.take(t)), 0) // S21
	})
}

// S70: the last message, and what there is to say about errors.
func TestS70LogFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		s := started(t, statistics.Options{Logger: log.logger(), LogInterval: -1})
		c := open(s, 0)
		for range 3 {
			c.fail(500, "handler_panic", errors.New("oops"))
		}
		c.fail(408, "request_body_timeout", nil)
		stop(t, s)
		s.LogFinal()
		got := log.take(t)
		if len(got) != 2 || !strings.HasPrefix(got[0]["msg"].(string), "Final request statistics:\n┌") ||
			got[1]["msg"] != "Error analysis:" || got[1]["total_errors"] != 4.0 || got[1]["unique_errors"] != 2.0 {
			t.Errorf("logged %v", got)
		}
	})
}
