package statsd_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain checks that the tests leave no goroutine and no descriptor behind.
func TestMain(m *testing.M) {
	before := descriptors()
	code := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "statsd:", err)
		code = 1
	}
	if after := descriptors(); after > before {
		fmt.Fprintf(os.Stderr, "statsd: %d descriptors are open, %d were at the start\n", after, before)
		code = 1
	}
	os.Exit(code)
}

// descriptors counts the open sockets; 0 where the system does not list them. Other files are the runtime's, and stay.
func descriptors() (n int) {
	const dir = "/proc/self/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if target, err := os.Readlink(dir + e.Name()); err == nil && len(target) > 7 && target[:7] == "socket:" {
			n++
		}
	}
	return n
}
