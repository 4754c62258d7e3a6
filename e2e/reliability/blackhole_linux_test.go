package reliability_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// envInside is set in the process that has network namespaces of its own.
const envInside = "WIRESPAN_TEST_INSIDE"

// F36: the receiver's machine vanishes: what is sent to it is lost in silence, as are the attempts to connect to it. The connection
// is given up (TCP_USER_TIMEOUT is 20 s), rather than kept until the kernel does so of itself after a quarter of an hour, and all
// arrives once there is another machine at the address.
func TestF36BlackHole(t *testing.T) {
	if os.Getenv(envInside) == "" {
		runInside(t)
		return
	}
	r := begin(t)
	far, err := newFarSide()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.close)
	receiver := r.open(faults.Options{Addr: farAddr + ":4317", Listen: far.listen})
	s := to("black hole", receiver)
	run := r.start(s) // uploads may take a minute
	stop := run.keepServing(5, 10*time.Millisecond)
	run.until("the first span", func() bool { return receiver.Counts().Unique > 0 })

	if err := far.ip("link", "set", "far", "down"); err != nil {
		t.Fatal(err)
	}
	vanished := time.Now()
	receiver.Shut() // whatever that sends does not come through
	if n := connections(t, established); n != 1 {
		t.Errorf("%d connections after the machine vanished, want 1: the sender must not have noticed", n)
	}
	run.until("the connection to be given up", func() bool { return connections(t, established) == 0 })
	given := time.Since(vanished)
	if given > 25*time.Second {
		t.Errorf("the connection was given up after %v", given)
	}
	run.until("another one to be tried, which nobody answers", func() bool { return connections(t, trying) == 1 })
	if err := far.up(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	if err := receiver.Listen(); err != nil {
		t.Fatal(err)
	}
	run.until("the first span at the new machine", func() bool { return !receiver.FirstTaken(back).IsZero() })
	stop()
	run.settled()
	run.figure("connection given up after %v, first success %v after the return",
		given.Round(time.Millisecond), receiver.FirstTaken(back).Sub(back).Round(time.Millisecond))
	run.finish(run.inFlight(1), nil)
}

// runInside runs the test again, in a process that may do with its network what it likes.
func runInside(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no ip(8) to set up a network with")
	}
	if err := exec.Command("unshare", "-Urn", "true").Run(); err != nil {
		t.Skipf("this user may not have a network namespace: %v", err)
	}
	command := exec.Command("unshare", "-Urn", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), envInside+"=1")
	out, err := command.CombinedOutput()
	t.Logf("inside:\n%s", out)
	if err != nil {
		t.Error(err)
	}
}

// The two ends of the cable, and where they lie.
const (
	nearAddr = "10.9.0.1"
	farAddr  = "10.9.0.2"
	farMAC   = "02:00:00:00:09:02"
	nearMAC  = "02:00:00:00:09:01"
)

// farSide is a network namespace with the other machine in it. All that happens there does on one thread.
type farSide struct {
	do   chan func()
	done chan struct{}
}

func newFarSide() (*farSide, error) {
	f := &farSide{do: make(chan func()), done: make(chan struct{})}
	began := make(chan error)
	go func() {
		defer close(f.done)
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		began <- err
		for err == nil {
			do, more := <-f.do
			if !more {
				return
			}
			do()
		}
	}()
	if err := <-began; err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	thread := 0
	f.run(func() { thread = unix.Gettid() })
	for _, args := range []string{
		"link set lo up",
		"link add near address " + nearMAC + " type veth peer name far address " + farMAC,
		fmt.Sprintf("link set far netns %d", thread),
		"address add " + nearAddr + "/24 dev near",
		"link set near up",
		"neigh replace " + farAddr + " lladdr " + farMAC + " nud permanent dev near", // or it would be noticed that nobody answers
	} {
		if err := ip(strings.Fields(args)...); err != nil {
			return nil, err
		}
	}
	return f, f.up()
}

// up connects the far side.
func (f *farSide) up() error {
	for _, args := range []string{
		"link set lo up",
		"link set far up",
		"address replace " + farAddr + "/24 dev far",
		"neigh replace " + nearAddr + " lladdr " + nearMAC + " nud permanent dev far",
	} {
		if err := f.ip(strings.Fields(args)...); err != nil {
			return err
		}
	}
	return ip(strings.Fields("neigh replace " + farAddr + " lladdr " + farMAC + " nud permanent dev near")...)
}

func (f *farSide) run(do func()) {
	done := make(chan struct{})
	f.do <- func() { do(); close(done) }
	<-done
}

func (f *farSide) ip(args ...string) (err error) {
	f.run(func() { err = ip(args...) })
	return err
}

func (f *farSide) listen(network, address string) (l net.Listener, err error) {
	f.run(func() { l, err = net.Listen(network, address) })
	return l, err
}

func (f *farSide) close() {
	close(f.do)
	<-f.done
}

func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// The states of connections, as the kernel has them.
const established, trying = "01", "02"

// connections counts those of this side to the receiver in a state.
func connections(t *testing.T, state string) int {
	t.Helper()
	file, err := os.Open("/proc/thread-self/net/tcp") // the first thread of the process may be that of the far side
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const to = "0200090A:10DD" // 10.9.0.2:4317
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 3 && fields[2] == to && fields[3] == state {
			n++
		}
	}
	return n
}
