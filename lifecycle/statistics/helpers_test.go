package statistics_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// quiet is a logger that says nothing.
var quiet = slog.New(slog.DiscardHandler)

// started returns active statistics that are stopped with the test, if they have not been.
func started(t testing.TB, o statistics.Options) *statistics.Statistics {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet
	}
	s := statistics.New(o)
	start(t, s)
	return s
}

func start(t testing.TB, s *statistics.Statistics) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.Active() {
			stop(t, s)
		}
	})
}

func stop(t testing.TB, s *statistics.Statistics) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// must fails the test when a call that should work does not.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// connection is one connection of a server that reports to statistics.
type connection struct {
	to lifecycle.Collector
	lifecycle.Stamp
	requests int
}

func open(s *statistics.Statistics, worker int) *connection {
	c := &connection{Stamp: lifecycle.Stamp{ConnectionID: lifecycle.NextConnectionID(), WorkerID: worker, TimestampNS: 1}}
	c.to = lifecycle.Open(s.Collector(), &lifecycle.ConnectionOpened{Stamp: c.Stamp})
	return c
}

func (c *connection) start(fields ...[2]string) lifecycle.Outcome {
	c.requests++
	r := &lifecycle.Request{Index: c.requests, Method: "GET", Target: "/path?secret=1", Fields: lifecycletest.Fields(fields)}
	c.to.Record(&lifecycle.RequestStarted{Stamp: c.Stamp, Request: r})
	return lifecycle.Outcome{Request: r}
}

func (c *connection) respond(status int, d time.Duration, fields ...[2]string) {
	o := c.start(fields...)
	o.Status, o.Duration = status, d
	c.to.Record(&lifecycle.ResponseCompleted{Stamp: c.Stamp, Outcome: o})
}

func (c *connection) fail(status int, code string, err error, fields ...[2]string) {
	o := c.start(fields...)
	o.Status, o.Duration = status, time.Millisecond
	c.to.Record(&lifecycle.RequestFailed{Stamp: c.Stamp, Outcome: o, Code: code, Err: err, Started: true})
}

func (c *connection) disconnect(d time.Duration) {
	o := c.start()
	o.Duration = d
	c.to.Record(&lifecycle.ClientDisconnected{Stamp: c.Stamp, Outcome: o})
}
