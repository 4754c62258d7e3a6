package main

import (
	"testing"
	"time"
)

func TestArrivalsTellSpansApart(t *testing.T) {
	back := time.Unix(1000, 0)
	at := func(d time.Duration) time.Time { return back.Add(d) }
	a := newArrivals()
	a.add([]arrival{{id: [8]byte{1}, server: true, end: at(-9 * time.Second)}}, at(-8*time.Second))
	a.expect(back)
	a.add([]arrival{
		{id: [8]byte{1}, server: true, end: at(-9 * time.Second)},
		{id: [8]byte{2}, server: true, end: at(-7 * time.Second)},
		{id: [8]byte{3}, end: at(-6 * time.Second)},
	}, at(3*time.Second))
	a.add([]arrival{{id: [8]byte{2}, server: true, end: at(-7 * time.Second)}, {id: [8]byte{4}, server: true, end: at(4 * time.Second)}}, at(5*time.Second))
	want := arrived{Unique: 4, UniqueServer: 3, Duplicates: 2, CaughtUp: 3 * time.Second}
	if got := a.account(); got != want {
		t.Errorf("got %+v, want %+v: neither duplicates nor spans of later are waited for", got, want)
	}
}
