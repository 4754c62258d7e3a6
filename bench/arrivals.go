package main

import (
	"sync"
	"time"
)

// arrival is a span that has arrived.
type arrival struct {
	id     [8]byte
	server bool // its kind
	end    time.Time
}

// arrived is what is known of the spans of a receiver that tells them apart.
type arrived struct {
	Unique       uint64 `json:"unique"`
	UniqueServer uint64 `json:"unique_server"` // those of requests
	Duplicates   uint64 `json:"duplicates"`

	// CaughtUp is how long after its return the receiver got the last span that had ended before it.
	CaughtUp time.Duration `json:"caught_up"`
}

// arrivals tells spans apart by their ids. A span is what the first with its id was.
type arrivals struct {
	mu   sync.Mutex
	seen map[[8]byte]struct{}
	arrived
	back time.Time // of the receiver; zero before
}

func newArrivals() *arrivals { return &arrivals{seen: map[[8]byte]struct{}{}} }

// expect notes that the receiver is back.
func (a *arrivals) expect(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.back = now
}

func (a *arrivals) add(spans []arrival, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range spans {
		if _, twice := a.seen[s.id]; twice {
			a.Duplicates++
			continue
		}
		a.seen[s.id] = struct{}{}
		a.Unique++
		if s.server {
			a.UniqueServer++
		}
		if s.end.Before(a.back) {
			a.CaughtUp = now.Sub(a.back)
		}
	}
}

func (a *arrivals) account() arrived {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.arrived
}
