package spool

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests and looks whether a goroutine or a descriptor is left; or it is a process that a test started.
func TestMain(m *testing.M) {
	if do := children[os.Getenv(childEnv)]; do != nil {
		do()
		return
	}
	if r, w, err := os.Pipe(); err == nil { // the first that can be waited for has the runtime open two for itself
		_, _ = r.Close(), w.Close()
	}
	before := descriptors()
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Println(err)
		code = 1
	}
	if after := descriptors(); after > before && code == 0 {
		fmt.Printf("%d descriptors, and %d before the tests\n", after, before)
		code = 1
	}
	os.Exit(code)
}

// descriptors counts the open files of this process; 0 where the system does not tell.
func descriptors() int {
	open, _ := os.ReadDir("/proc/self/fd")
	return len(open)
}
