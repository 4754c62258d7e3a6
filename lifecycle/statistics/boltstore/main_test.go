package boltstore_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
		return
	}
	before := descriptors()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		if after := descriptors(); after > before {
			println("descriptors are left open:", after-before)
			status = max(status, 1)
		}
		os.Exit(status)
	}))
}

// descriptors counts the open files of the process; 0 where the system does not tell. It opens a pipe first, for the
// runtime to have what it opens once and keeps.
func descriptors() int {
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}
