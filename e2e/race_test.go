//go:build race

package e2e_test

// The command watches for data races whenever the tests do: it says so, and exits with code 66.
var (
	wirespanEnv   = []string{"CGO_ENABLED=1"}
	wirespanFlags = []string{"-race"}
)
