package otelmetrics_test

import (
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/otelmetrics"
)

func TestContract(t *testing.T) {
	lifecycletest.TestCollector(t, func(t *testing.T) lifecycle.Collector {
		c := otelmetrics.New(otelmetrics.Config{})
		t.Cleanup(func() { balanced(t, c) })
		return c
	})
}
