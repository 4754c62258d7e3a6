package statistics_test

import (
	"testing"

	"github.com/wirespan/wirespan/lifecycle/statistics"
	"github.com/wirespan/wirespan/lifecycle/statistics/statisticstest"
)

func TestMemoryStore(t *testing.T) {
	statisticstest.TestStore(t, func(*testing.T) statistics.KeyValueStore { return &statistics.MemoryStore{} })
}
