package lifecycletest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// TestCollector runs the contract of [lifecycle.Collector], [lifecycle.ConnectionCollector] and
// [lifecycle.ContextProvider] against a collector; the latter two where it implements them. newCollector is called
// once for each rule, and closes what it makes with t.Cleanup. A failure names the rule that was broken.
func TestCollector(t *testing.T, newCollector func(t *testing.T) lifecycle.Collector) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			if err := r.check(newCollector(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

var rules = []struct {
	name  string
	check func(lifecycle.Collector) error
}{
	{"every event", checkEveryEvent},
	{"partial events", checkPartialEvents},
	{"events without their connection", checkStrays},
	{"many connections at once", checkConcurrency},
	{"context", checkContext},
	{"context from another goroutine", checkContextElsewhere},
	{"context after the outcome", checkContextAfterwards},
}

// checkEveryEvent: Record takes every event with everything in it, and changes none.
func checkEveryEvent(c lifecycle.Collector) error {
	return inTurn(newEmitter(c, false).everything, newEmitter(c, false).refusals)
}

// checkPartialEvents: Record takes every event with everything missing that may be.
func checkPartialEvents(c lifecycle.Collector) error {
	return inTurn(
		newEmitter(c, true).everything,
		newEmitter(c, true).refusals,
		func() error { // a connection that never sends a request
			m := newEmitter(c, true)
			return inTurn(m.open, func() error { return m.close(lifecycle.ReasonTimeout) })
		},
	)
}

// checkStrays: a ConnectionCollector that a wrapper hides, so that its OpenConnection is never called, takes the
// events of a connection all the same.
func checkStrays(c lifecycle.Collector) error {
	return newEmitter(lifecycle.CollectorFunc(c.Record), false).everything()
}

// checkConcurrency: Record is called from many goroutines at once, and so is OpenConnection.
func checkConcurrency(c lifecycle.Collector) error {
	const connections, rounds = 16, 8
	errs := make([]error, connections)
	var wg sync.WaitGroup
	for i := range connections {
		wg.Go(func() {
			for range rounds {
				if errs[i] == nil {
					errs[i] = inTurn(newEmitter(c, i%4 == 0).everything, newEmitter(c, false).refusals)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

type parentKey struct{}

// provider opens a connection and returns what provides the contexts of its requests. Where nothing does, it closes
// the connection again and returns nil.
func provider(c lifecycle.Collector) (*emitter, lifecycle.ContextProvider, error) {
	m := newEmitter(c, false)
	if err := m.open(); err != nil {
		return m, nil, err
	}
	if p, ok := m.to.(lifecycle.ContextProvider); ok {
		return m, p, nil
	}
	if p, ok := c.(lifecycle.ContextProvider); ok {
		return m, p, nil
	}
	return m, nil, m.close(lifecycle.ReasonComplete)
}

// checkContext: Context returns its parent or a child of it, and leaves the event alone.
func checkContext(c lifecycle.Collector) error {
	m, p, err := provider(c)
	if err != nil || p == nil {
		return err
	}
	parent, cancel := context.WithCancelCause(context.WithValue(context.Background(), parentKey{}, "parent"))
	defer cancel(nil)
	e := m.startedEvent()
	var child context.Context
	return inTurn(
		func() error {
			return m.borrow(e, func() {
				m.to.Record(e)
				child = p.Context(parent, e)
			})
		},
		func() error { return isChild(child, parent, cancel) },
		func() error { return m.respond(200, false) },
		func() error { return m.close(lifecycle.ReasonComplete) },
	)
}

// isChild cancels parent, which child has to notice.
func isChild(child, parent context.Context, cancel context.CancelCauseFunc) error {
	if child == nil {
		return errors.New("a provider's Context does not return nil")
	}
	if child.Value(parentKey{}) != parent.Value(parentKey{}) {
		return errors.New("a provider's Context returns its parent or a child of it, but this context lacks the parent's value")
	}
	if err := child.Err(); err != nil {
		return fmt.Errorf("a provider's Context returns its parent or a child of it, but this context has ended before it: %w", err)
	}
	cause := errors.New("cause")
	cancel(cause)
	t := time.NewTimer(blocked)
	defer t.Stop()
	select {
	case <-child.Done():
	case <-t.C:
		return errors.New("a provider's Context returns its parent or a child of it, but this context does not end with the parent")
	}
	if context.Cause(child) != cause {
		return fmt.Errorf("a provider's Context returns its parent or a child of it, but this context ends with %v instead of the parent's cause", context.Cause(child))
	}
	return nil
}

// checkContextElsewhere: Context may be called from any goroutine while the connection records the outcome.
func checkContextElsewhere(c lifecycle.Collector) error {
	m, p, err := provider(c)
	if err != nil || p == nil {
		return err
	}
	for range 64 {
		if err := m.start(); err != nil {
			return err
		}
		o := m.outcome(200, false)
		m.responded = lifecycle.ResponseCompleted{Stamp: m.now(), Outcome: o}
		asked := lifecycle.RequestStarted{Stamp: m.stamp, Request: &m.request}
		var child context.Context
		err := m.borrow(&m.responded, func() {
			var wg sync.WaitGroup
			wg.Go(func() {
				child = p.Context(context.Background(), &asked)
				_ = child.Value(parentKey{})
			})
			m.to.Record(&m.responded)
			wg.Wait()
		})
		if err != nil {
			return err
		}
	}
	return m.close(lifecycle.ReasonComplete)
}

// checkContextAfterwards: Context may be called when the outcome, and even the end of the connection, was recorded.
// The event then has nothing but Stamp, Trace and Ended.
func checkContextAfterwards(c lifecycle.Collector) error {
	m, p, err := provider(c)
	if err != nil || p == nil {
		return err
	}
	ask := func() error {
		parent, cancel := context.WithCancelCause(context.WithValue(context.Background(), parentKey{}, "parent"))
		defer cancel(nil)
		asked := lifecycle.RequestStarted{Stamp: m.stamp, Request: &lifecycle.Request{Trace: m.request.Trace}, Ended: true}
		var child context.Context
		if err := m.borrow(&asked, func() { child = p.Context(parent, &asked) }); err != nil {
			return err
		}
		return isChild(child, parent, cancel)
	}
	return inTurn(
		m.start,
		func() error { return m.respond(200, false) },
		ask,
		func() error { return m.close(lifecycle.ReasonComplete) },
		ask,
	)
}
