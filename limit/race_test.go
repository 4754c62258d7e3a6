//go:build race

package limit_test

// raceEnabled: under the race detector allocations cannot be counted.
const raceEnabled = true
