package e2e_test

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// suspendVariable is for how long F63 stops a server, if not for three seconds.
const suspendVariable = "WIRESPAN_E2E_SUSPEND"

func suspension(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(suspendVariable)
	if text == "" {
		return 3 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s is %q, but has to be a duration such as 60s", suspendVariable, text)
	}
	return d
}

// inspection looks at all spans that come. Its methods may be called from any goroutine.
type inspection struct {
	mu      sync.Mutex
	failed  []string      // spans of requests that did not end well
	longest time.Duration // span of a request
	apart   time.Duration // how far the furthest lies from the time at which it came
}

// script takes all calls.
func (i *inspection) script(c *faults.Call) faults.Answer {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, s := range c.Spans {
		if !s.IsServer() {
			continue
		}
		if s.Failed() || s.Attrs["error.type"] != nil {
			i.failed = append(i.failed, s.String())
		}
		i.longest = max(i.longest, s.End().Sub(s.Start()))
		i.apart = max(i.apart, c.At.Sub(s.Start()).Abs())
	}
	return faults.Answer{}
}

// check fails the test for spans of requests that did not end well, or lie further from now than they may.
func (i *inspection) check(t *testing.T, apart time.Duration) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, s := range i.failed {
		t.Errorf("a request is said to have failed: %s", s)
	}
	if i.apart > apart {
		t.Errorf("a span lies %v from now", i.apart)
	}
}

func (i *inspection) String() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return fmt.Sprintf("the longest span lasted %v", i.longest.Round(time.Millisecond))
}

// F63: the server is suspended under load and goes on later. Nothing times out that would not have otherwise, and all spans arrive.
func TestF63Suspended(t *testing.T) {
	for _, mode := range []string{"overflow", "journal"} {
		t.Run(mode, func(t *testing.T) {
			seen := &inspection{}
			s := newSpooling(t, mode, seen.script)
			w := s.start()
			s.serve(w)
			stop := s.traffic.begin(t)
			w.askUntil(t, "spans", func(b *books) bool { return b.exported > 0 })
			pause := suspension(t)
			for _, what := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
				if err := w.Signal(what); err != nil {
					t.Fatal(err)
				}
				if what == syscall.SIGSTOP {
					time.Sleep(pause)
				}
			}
			awake := w.ask(t).exported
			w.askUntil(t, "spans after it", func(b *books) bool { return b.exported > awake })
			stop()
			w.askUntil(t, "all spans to be sent", settled)
			s.figure("suspended for %v, %v", pause, seen)
			s.deliver(w, s.inFlight(1), 0) // an upload may have taken too long for the one who waited
			seen.check(t, pause+patience)
			if requests, answered := s.traffic.count(); requests != answered || len(s.traffic.missing(s.receiver.Oracle)) != 0 {
				t.Errorf("%d requests were made, %d answered, and the spans of %d did not arrive", requests, answered, len(s.traffic.missing(s.receiver.Oracle)))
			}
		})
	}
}
