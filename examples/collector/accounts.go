package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// accounts is a [lifecycle.Collector], and the page that shows what it has collected.
type accounts struct {
	mu     sync.Mutex // Record is called from many goroutines at once; what it guards takes no time
	routes map[string]*account
}

type account struct {
	requests int
	left     int // of them: the client left before it had its answer
	longest  time.Duration
}

var _ lifecycle.Collector = (*accounts)(nil)

func newAccounts() *accounts { return &accounts{routes: make(map[string]*account)} }

// Record implements [lifecycle.Collector].
func (a *accounts) Record(e lifecycle.Event) {
	outcome := lifecycle.OutcomeOf(e)
	if outcome == nil {
		return // not the end of a request
	}
	_, left := e.(*lifecycle.ClientDisconnected)

	a.mu.Lock()
	defer a.mu.Unlock()
	account := a.of(outcome.Route)
	account.requests++
	account.longest = max(account.longest, outcome.Duration)
	if left {
		account.left++
	}
}

func (a *accounts) of(route string) *account {
	found := a.routes[route]
	if found == nil {
		found = new(account)
		a.routes[strings.Clone(route)] = found // the event's strings are borrowed
	}
	return found
}

// ServeHTTP writes a line for each route.
func (a *accounts) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, route := range slices.Sorted(maps.Keys(a.routes)) {
		account := a.routes[route]
		fmt.Fprintf(w, "%q: %d requests, %d clients left, the longest took %v\n",
			route, account.requests, account.left, account.longest.Round(time.Millisecond))
	}
}
