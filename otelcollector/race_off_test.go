//go:build !race

package otelcollector_test

const raceEnabled = false
