package otelcollector_test

import (
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/otelcollector"
)

func TestContract(t *testing.T) {
	lifecycletest.TestCollector(t, func(t *testing.T) lifecycle.Collector { return newCollector(t, quiet(t, &sink{})) })
}

func TestContractWithoutExport(t *testing.T) {
	lifecycletest.TestCollector(t, func(t *testing.T) lifecycle.Collector {
		return newCollector(t, otelcollector.Config{NoExport: true})
	})
}

func TestContractWhenDisabled(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	lifecycletest.TestCollector(t, func(t *testing.T) lifecycle.Collector { return newCollector(t, otelcollector.Config{}) })
}
