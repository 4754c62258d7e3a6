package statistics_test

import (
	"log/slog"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/statistics"
)

func TestContract(t *testing.T) {
	for name, o := range map[string]statistics.Options{
		"plain": {},
		"all that reads the event": {
			RetryHeader: "traceparent", SaveErrorSnapshots: true,
			Persistence: statistics.PersistenceOn, Store: &statistics.MemoryStore{},
		},
	} {
		o.Logger = slog.New(slog.DiscardHandler)
		t.Run(name, func(t *testing.T) {
			lifecycletest.TestCollector(t, func(t *testing.T) lifecycle.Collector { return started(t, o).Collector() })
		})
	}
	t.Run("not active", func(t *testing.T) {
		lifecycletest.TestCollector(t, func(*testing.T) lifecycle.Collector {
			return statistics.New(statistics.Options{}).Collector()
		})
	})
}
