package lifecycletest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

func TestRecorderKeepsTheContract(t *testing.T) {
	lifecycletest.TestCollector(t, func(t *testing.T) lifecycle.Collector {
		r := new(lifecycletest.Recorder)
		t.Cleanup(func() {
			if err := lifecycletest.CheckInvariants(r.Events()); err != nil {
				t.Error("the events of the contract break an invariant:", err)
			}
		})
		return r
	})
}

// TestTheContractEmitsWhatItSays: the emitted strings are good while Record runs, and overwritten afterwards.
func TestTheContractEmitsWhatItSays(t *testing.T) {
	var log lifecycletest.Recorder
	var kept []string
	hoarder := lifecycle.CollectorFunc(func(e lifecycle.Event) {
		log.Record(e)
		if o := lifecycle.OutcomeOf(e); o != nil {
			kept = append(kept, o.Method, o.Target, o.Route, o.Header("User-Agent"))
		}
	})
	if err := lifecycletest.Check("every event", hoarder); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range log.Events() {
		names[e.Name()] = true
		if o := lifecycle.OutcomeOf(e); o != nil && (o.Method != "POST" || o.Header("user-agent") == "") {
			t.Errorf("%s came with %+v", e.Name(), o.Request)
		}
	}
	if len(names) != 10 {
		t.Errorf("%d types of events were emitted, want all ten: %v", len(names), names)
	}
	for _, s := range kept {
		if strings.Trim(s, "#") != "" {
			t.Errorf("%q was not overwritten", s)
		}
	}
	if len(kept) == 0 {
		t.Error("no outcome was emitted")
	}
}

// opener is a ConnectionCollector made of functions.
type opener struct {
	lifecycle.CollectorFunc
	open func(*lifecycle.ConnectionOpened) lifecycle.Collector
}

func (o opener) OpenConnection(e *lifecycle.ConnectionOpened) lifecycle.Collector { return o.open(e) }

// provider is a ContextProvider made of functions.
type provider struct {
	lifecycle.CollectorFunc
	context func(context.Context, *lifecycle.RequestStarted) context.Context
}

func (p provider) Context(parent context.Context, e *lifecycle.RequestStarted) context.Context {
	return p.context(parent, e)
}

func ignore(lifecycle.Event) {}

// TestTheContractFinds breaks each rule in turn.
func TestTheContractFinds(t *testing.T) {
	type key struct{}
	child := func(parent context.Context, _ *lifecycle.RequestStarted) context.Context {
		return context.WithValue(parent, key{}, true)
	}
	for _, c := range []struct {
		name, rule, want string
		collector        lifecycle.Collector
	}{
		{"nothing wrong with a child", "context", "", provider{ignore, child}},
		{"nothing wrong with the parent", "context after the outcome", "", provider{
			ignore,
			func(parent context.Context, _ *lifecycle.RequestStarted) context.Context { return parent },
		}},
		{
			"a panic", "every event", "does not panic, but with RequestStarted this one did: oops",
			lifecycle.CollectorFunc(func(e lifecycle.Event) {
				if _, ok := e.(*lifecycle.RequestStarted); ok {
					panic("oops")
				}
			}),
		},
		{
			"fields taken for granted", "partial events", "does not panic, but with RequestStarted this one did: runtime error",
			lifecycle.CollectorFunc(func(e lifecycle.Event) {
				if s, ok := e.(*lifecycle.RequestStarted); ok {
					s.Fields.Get("User-Agent")
				}
			}),
		},
		{
			"a block", "every event", "does not block, but with ConnectionCompleted this one did",
			lifecycle.CollectorFunc(func(e lifecycle.Event) {
				if _, ok := e.(*lifecycle.ConnectionCompleted); ok {
					time.Sleep(time.Hour)
				}
			}),
		},
		{
			"a changed event", "every event", "changes nothing in a borrowed ResponseCompleted",
			lifecycle.CollectorFunc(func(e lifecycle.Event) {
				if r, ok := e.(*lifecycle.ResponseCompleted); ok {
					r.Status++
				}
			}),
		},
		{
			"a changed header", "many connections at once", "changes nothing in a borrowed RequestStarted",
			lifecycle.CollectorFunc(func(e lifecycle.Event) {
				if s, ok := e.(*lifecycle.RequestStarted); ok && s.Fields != nil {
					s.Fields.(lifecycletest.Fields)[0][1] = "changed"
				}
			}),
		},
		{
			"a trace written late", "every event", "changes nothing in a borrowed StreamOpened",
			lifecycle.CollectorFunc(func(e lifecycle.Event) {
				if s, ok := e.(*lifecycle.StreamOpened); ok {
					s.Trace.Flags = 1
				}
			}),
		},
		{
			"no collector for the connection", "every event", "OpenConnection does not return nil",
			opener{ignore, func(*lifecycle.ConnectionOpened) lifecycle.Collector { return nil }},
		},
		{
			"a wrapper that hides OpenConnection", "events without their connection", "does not panic, but with ConnectionOpened",
			opener{func(lifecycle.Event) { panic("oops") }, func(*lifecycle.ConnectionOpened) lifecycle.Collector { return lifecycle.Noop }},
		},
		{"no context", "context", "Context does not return nil", provider{
			ignore,
			func(context.Context, *lifecycle.RequestStarted) context.Context { return nil },
		}},
		{"an unrelated context", "context", "lacks the parent's value", provider{
			ignore,
			func(context.Context, *lifecycle.RequestStarted) context.Context { return context.Background() },
		}},
		{"a detached context", "context", "does not end with the parent", provider{
			ignore,
			func(parent context.Context, _ *lifecycle.RequestStarted) context.Context {
				return context.WithoutCancel(parent)
			},
		}},
		{"a cancelled context", "context", "has ended before it", provider{
			ignore,
			func(parent context.Context, _ *lifecycle.RequestStarted) context.Context {
				ctx, cancel := context.WithCancel(parent)
				cancel()
				return ctx
			},
		}},
		{"another cause", "context after the outcome", "instead of the parent's cause", provider{
			ignore,
			func(parent context.Context, _ *lifecycle.RequestStarted) context.Context {
				ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
				context.AfterFunc(parent, func() { cancel(context.DeadlineExceeded) })
				return ctx
			},
		}},
		{"a request that is gone", "context after the outcome", "does not panic, but with RequestStarted", provider{
			ignore,
			func(parent context.Context, e *lifecycle.RequestStarted) context.Context {
				e.Fields.Get("traceparent")
				return parent
			},
		}},
		{"an outcome that panics", "context from another goroutine", "does not panic, but with ResponseCompleted", provider{
			func(e lifecycle.Event) {
				if _, ok := e.(*lifecycle.ResponseCompleted); ok {
					panic("oops")
				}
			}, child,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := lifecycletest.Check(c.rule, c.collector)
				time.Sleep(time.Hour) // of virtual time: the collector that blocks comes to its end
				switch {
				case c.want == "" && err != nil:
					t.Error(err)
				case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
					t.Errorf("found %v, want %q", err, c.want)
				}
			})
		})
	}
}
