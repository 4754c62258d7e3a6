package otelcollector_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle/instrument"
	"github.com/wirespan/wirespan/otelcollector"
)

// told is what hooks were told, in letters.
type told struct {
	mu   sync.Mutex
	all  []string
	gets []instrument.QueueEvent
}

func (l *told) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, fmt.Sprintf(format, args...))
}

func (l *told) hooks() *instrument.Hooks {
	return &instrument.Hooks{
		QueuePut: func(e instrument.QueueEvent) { l.note("put %s %v %t", e.Queue, e.Item, e.Immediate) },
		QueueGet: func(e instrument.QueueEvent) {
			l.note("get %s %v", e.Queue, e.Item)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.gets = append(l.gets, e)
		},
		ConnectStart: func(instrument.ConnectStart) { l.note("connect") },
		ConnectReady: func(e instrument.ConnectReady) { l.note("connected %t", e.Err == nil) },
	}
}

func (l *told) seen() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

func TestHooksOfTheExport(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			var r receiver
			var l told
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", p.name)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", p.serve(t, &r))
			c := newCollector(t, otelcollector.Config{Hooks: l.hooks()})
			requests(t, c, 3)
			if err := c.ForceFlush(t.Context()); err != nil {
				t.Fatal(err)
			}
			all := l.seen()
			slices.Sort(all) // grpc connects when it likes
			if got := strings.Join(all, ", "); got != "connect, connected true, get export 3 spans, put export 3 spans true" {
				t.Errorf("told: %s", got)
			}
		})
	}
}

// Each batch is told of once, its putting before its taking, and whether it had to wait for whoever took it.
func TestHooksOfTheExportQueue(t *testing.T) {
	for _, dir := range []string{"", spoolDir(t)} {
		synctest.Test(t, func(t *testing.T) {
			var l told
			s := &sink{answer: func(context.Context, int) error { time.Sleep(3 * time.Second); return nil }}
			cfg := quiet(t, s)
			cfg.Hooks, cfg.SpoolDir = l.hooks(), dir
			c := newCollector(t, cfg)
			synctest.Wait() // somebody waits for the first
			for i := range 8 {
				requests(t, c, i+1, [2]string{"User-Agent", strings.Repeat("x", 300<<10)})
				if err := c.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			spans, puts, gets := 0, 0, 0
			for _, line := range l.seen() {
				var n int
				if _, err := fmt.Sscanf(line, "put export %d spans true", &n); err == nil {
					spans += n
					puts++
				} else if gets++; gets > puts {
					t.Errorf("%q is told before its putting: %q", line, l.seen())
				}
			}
			if spans != 36 || gets != puts {
				t.Errorf("%d spans were put in %d batches, of which %d were taken: %q", spans, puts, gets, l.seen())
			}
			if first, last := l.gets[0], l.gets[len(l.gets)-1]; first.Immediate || first.Wait != 0 || !last.Immediate || last.Wait < 3*time.Second {
				t.Errorf("the first was %+v, the last %+v", first, last)
			}
		})
	}
}

func TestExportHooksThatPanic(t *testing.T) {
	s := &sink{}
	cfg := quiet(t, s)
	cfg.Hooks = &instrument.Hooks{
		QueuePut: func(instrument.QueueEvent) { panic("put") }, QueueGet: func(instrument.QueueEvent) { panic("get") },
	}
	c := newCollector(t, cfg)
	requests(t, c, 1)
	if n := len(received(t, c, s)); n != 1 {
		t.Errorf("%d spans arrived", n)
	}
}
