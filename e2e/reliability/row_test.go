package reliability_test

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// patience is how long anything may take that does not fail by then.
const patience = time.Minute

// row is a test of the fault plan. When it ends, nothing of it may be left.
type row struct {
	*testing.T
	goroutines, descriptors int
}

func begin(t *testing.T) *row {
	r := &row{T: t, goroutines: runtime.NumGoroutine(), descriptors: descriptors()}
	t.Cleanup(r.leftovers) // runs last
	return r
}

// leftovers waits for what is ending.
func (r *row) leftovers() {
	more := func() (goroutines, files int) {
		return runtime.NumGoroutine() - r.goroutines, descriptors() - r.descriptors
	}
	eventually(10*time.Second, func() bool { g, d := more(); return g <= 0 && d <= 0 })
	goroutines, files := more()
	r.Logf("left behind: %d goroutines, %d descriptors", goroutines, files)
	if goroutines > 0 || files > 0 {
		buf := make([]byte, 1<<20)
		r.Errorf("something is left behind:\n%s", buf[:runtime.Stack(buf, true)])
	}
}

// descriptors counts the open files of this process; 0 where that cannot be known.
func descriptors() int {
	d, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return len(names) - 1 // without d
}

// spoolDir returns a directory that is not there yet: a spool wants one of its own.
func (r *row) spoolDir() string { return filepath.Join(r.TempDir(), "spool") }

// together runs cases of a row at the same time.
func together(cases ...func()) {
	var running sync.WaitGroup
	for _, f := range cases {
		running.Go(f)
	}
	running.Wait()
}

// eventually reports whether something becomes true in time.
func eventually(within time.Duration, is func() bool) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if is() {
			return true
		}
	}
	return is()
}
