package statistics_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

type orders struct {
	Placed int            `json:"ordersPlaced"`
	By     map[string]int `json:"ordersBy"`
}

// S8: a state with more fields is saved, loaded and reset with them, in the same object.
func TestS8ExtendedState(t *testing.T) {
	store := &statistics.MemoryStore{}
	o := statistics.Options{Persistence: statistics.PersistenceOn, Store: store, Key: "key", Logger: quiet}
	make := func() *statistics.Extended[orders] {
		s, err := statistics.NewExtended(o, orders{Placed: 10, By: map[string]int{}})
		if err != nil {
			t.Fatal(err)
		}
		start(t, s.Statistics)
		return s
	}
	s := make()
	open(s.Statistics, 0).respond(200, time.Millisecond)
	s.Update(func(o *orders) { o.Placed++; o.By["anna"] = 2 })
	stop(t, s.Statistics)

	text, err := store.Get(t.Context(), "key")
	must(t, err)
	fields := object(t, text)
	equal(t, "ordersPlaced", fields["ordersPlaced"], any(11.0))
	equal(t, "requestsFinished", fields["requestsFinished"], any(1.0))

	s = make()
	equal(t, "placed", s.Value().Placed, 11)
	equal(t, "by anna", s.Value().By["anna"], 2)
	equal(t, "finished", s.Calculate().RequestsFinished, 1)
	must(t, s.Reset(t.Context()))
	equal(t, "placed", s.Value().Placed, 10)
	equal(t, "by anna", s.Value().By["anna"], 0)
	s.Update(func(o *orders) { o.By["anna"] = 1 })
	must(t, s.Reset(t.Context()))
	equal(t, "by anna", s.Value().By["anna"], 0)
}

// S8: what cannot extend a state is refused.
func TestS8WhatCannotExtend(t *testing.T) {
	o := statistics.Options{Logger: quiet}
	_, number := statistics.NewExtended(o, 1)
	_, null := statistics.NewExtended[*orders](o, nil)
	_, channel := statistics.NewExtended(o, make(chan int))
	_, alias := statistics.NewExtended(o, map[string]int{"requestsFinished": 1})
	_, name := statistics.NewExtended(o, map[string]int{"requests_finished": 1})
	for what, err := range map[string]error{"number": number, "null": null, "channel": channel, "alias": alias, "name": name} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func TestS8StateThatCannotBeWritten(t *testing.T) {
	cause := errors.New("cause")
	s, err := statistics.NewExtended(statistics.Options{
		Persistence: statistics.PersistenceExplicit, Store: &statistics.MemoryStore{}, Logger: quiet,
	}, struct{ Err marshaler }{})
	must(t, err)
	start(t, s.Statistics)
	s.Update(func(v *struct{ Err marshaler }) { v.Err.err = cause })
	if err := s.Persist(t.Context()); !errors.Is(err, cause) {
		t.Errorf("Persist returned %v", err)
	}
}

type marshaler struct{ err error }

func (m marshaler) MarshalJSON() ([]byte, error) { return []byte("1"), m.err }

func (*marshaler) UnmarshalJSON([]byte) error { return nil }
