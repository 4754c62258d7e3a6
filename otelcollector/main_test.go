package otelcollector_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(envReceiver) != "" {
		os.Exit(runReceiver())
	}
	goleak.VerifyTestMain(m)
}
