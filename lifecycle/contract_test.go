package lifecycle_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

func TestContract(t *testing.T) {
	for name, newCollector := range map[string]func(*testing.T) lifecycle.Collector{
		"Noop": func(*testing.T) lifecycle.Collector { return lifecycle.Noop },
		"CollectorFunc": func(*testing.T) lifecycle.Collector {
			return lifecycle.CollectorFunc(func(lifecycle.Event) {})
		},
		"Buffered": func(t *testing.T) lifecycle.Collector {
			b := lifecycle.NewBuffered(lifecycle.BufferedOptions{})
			t.Cleanup(b.Close)
			return b
		},
		"Buffered with OnFlush": func(t *testing.T) lifecycle.Collector {
			var log lifecycletest.Recorder
			b := lifecycle.NewBuffered(lifecycle.BufferedOptions{MaxSize: 5, OnFlush: func(events []lifecycle.Event) {
				for _, e := range events {
					log.Record(e)
				}
			}})
			t.Cleanup(func() {
				b.Close()
				if len(log.Events()) == 0 {
					t.Error("OnFlush received nothing")
				}
			})
			return b
		},
		"Logging JSON": func(*testing.T) lifecycle.Collector {
			return lifecycle.NewLogging(lifecycle.NewLogger(io.Discard, lifecycle.JSON, slog.LevelDebug), lifecycle.LoggingOptions{})
		},
		"Logging text": func(*testing.T) lifecycle.Collector {
			return lifecycle.NewLogging(lifecycle.NewLogger(io.Discard, lifecycle.Text, slog.LevelDebug),
				lifecycle.LoggingOptions{HealthCheckPath: "/livez"})
		},
		"Tee": func(*testing.T) lifecycle.Collector {
			return lifecycle.Tee(&lifecycletest.Recorder{}, &lifecycletest.Recorder{})
		},
		"Tee of all kinds": func(*testing.T) lifecycle.Collector {
			var l letters
			return lifecycle.Tee(l.plain("a"), l.opener("b"), l.provider("c"), l.full("d"))
		},
	} {
		t.Run(name, func(t *testing.T) { lifecycletest.TestCollector(t, newCollector) })
	}
}
