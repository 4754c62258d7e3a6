package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// F62: the monotonic clock of a server is a day ahead of that of the server before it, whose spans it finds in the spool.
// All arrive, at the time at which they were.
func TestF62MonotonicClockIsAhead(t *testing.T) {
	t.Parallel()
	ahead := []string{"unshare", "--time", "--monotonic", "100000"}
	if out, err := exec.Command(ahead[0], append(ahead[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("this user or this system cannot have a clock of its own: %v: %s", err, out)
	}
	seen := &inspection{}
	s := newSpooling(t, "overflow", seen.script)
	s.receiver.Shut()
	stop := s.traffic.begin(t)
	var spooled uint64
	for _, before := range [][]string{nil, ahead, nil} {
		s.before = before
		w := s.start()
		if moved := clockOf(t, w.ID()) != clockOf(t, os.Getpid()); moved != (before != nil) {
			t.Fatalf("the server has a clock of its own: %v, want %v", moved, before != nil)
		}
		s.serve(w)
		w.askUntil(t, "spans in the spool", func(b *books) bool { return b.spooled > spooled+50 })
		s.traffic.to(nil)
		spooled = s.stop(w).spooled
	}
	s.before = ahead
	if err := s.receiver.Listen(); err != nil {
		t.Fatal(err)
	}
	w := s.start()
	s.serve(w)
	w.askUntil(t, "spans", func(b *books) bool { return b.exported > 0 })
	stop()
	s.deliver(w, s.inFlight(1), 0) // an upload may have taken too long for the one who waited
	seen.check(t, 2*patience)
}

// clockOf names the clock that a process has.
func clockOf(t *testing.T, process int) string {
	t.Helper()
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/time", process))
	if err != nil {
		t.Fatal(err)
	}
	return name
}
