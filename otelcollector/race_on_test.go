//go:build race

package otelcollector_test

const raceEnabled = true
