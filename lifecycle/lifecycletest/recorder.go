package lifecycletest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wirespan/wirespan/lifecycle"
)

// Recorder is a [lifecycle.Collector] that keeps a clone of every event. The zero value is ready to use, from any
// goroutine. It must not be copied.
type Recorder struct {
	mu      sync.Mutex
	events  []lifecycle.Event // only ever appended to, so that a view of its first n stays good
	changed chan struct{}     // closed at the next event; nil while nobody waits
}

var _ lifecycle.Collector = (*Recorder)(nil)

// Record implements [lifecycle.Collector].
func (r *Recorder) Record(e lifecycle.Event) {
	e = e.Clone()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// Events returns what was recorded so far, in order. The slice is the caller's; the events are shared.
func (r *Recorder) Events() []lifecycle.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// Connection returns the events of the connection with this id, in order.
func (r *Recorder) Connection(id uint64) []lifecycle.Event {
	return slices.DeleteFunc(r.Events(), func(e lifecycle.Event) bool { return e.When().ConnectionID != id })
}

// ConnectionIDs returns the ids of the connections, in the order of their first event.
func (r *Recorder) ConnectionIDs() []uint64 {
	var ids []uint64
	seen := map[uint64]bool{}
	for _, e := range r.Events() {
		if id := e.When().ConnectionID; !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// Reset forgets what was recorded.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// WaitFor returns the recorded events as soon as done reports true for them. It asks done at once and again after
// new events, and never polls. When ctx ends first, it returns an error that lists the events.
// done must not change the slice.
func (r *Recorder) WaitFor(ctx context.Context, done func([]lifecycle.Event) bool) ([]lifecycle.Event, error) {
	for {
		events, changed := r.watch()
		if done(events) {
			return events, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return events, fmt.Errorf("wait for events: %w; recorded until then: %s", context.Cause(ctx), Names(events))
		}
	}
}

func (r *Recorder) watch() ([]lifecycle.Event, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return slices.Clip(r.events), r.changed
}

// Of returns the events of type T, in order: Of[*lifecycle.RequestStarted](recorder.Events()).
func Of[T lifecycle.Event](events []lifecycle.Event) []T {
	var of []T
	for _, e := range events {
		if e, ok := e.(T); ok {
			of = append(of, e)
		}
	}
	return of
}

// AtLeast is for [Recorder.WaitFor]: it reports whether n events of type T were recorded.
func AtLeast[T lifecycle.Event](n int) func([]lifecycle.Event) bool {
	return func(events []lifecycle.Event) bool { return len(Of[T](events)) >= n }
}

// Names returns the names of the events, for a comparison or a message: "ConnectionOpened RequestStarted".
func Names(events []lifecycle.Event) string {
	var b strings.Builder
	for i, e := range events {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(e.Name())
	}
	return b.String()
}
