//go:build race

package e2e_test

// raceFlags has the command watch for data races whenever the tests do: it says so, and exits with code 66.
var raceFlags = []string{"-race"}
