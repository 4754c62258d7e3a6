//go:build !race

package httpcore_test

const raceEnabled = false
