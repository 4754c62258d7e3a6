//go:build !race

package e2e_test

// The command is built as it is for the image.
var (
	wirespanEnv   = []string{"CGO_ENABLED=0"}
	wirespanFlags = []string{"-trimpath"}
)
