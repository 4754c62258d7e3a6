package statistics_test

import (
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	before := descriptors()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		if after := descriptors(); after > before {
			println("descriptors are left open:", after-before)
			status = max(status, 1)
		}
		os.Exit(status)
	}))
}

// descriptors counts the open files of the process, with those that the runtime opens for its first socket and keeps; 0
// where the system does not tell.
func descriptors() int {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}
