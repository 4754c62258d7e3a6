//go:build race

package accesslog_test

// raceEnabled: under the race detector, sync.Pool throws away part of what it is given, so that allocations cannot be counted.
const raceEnabled = true
