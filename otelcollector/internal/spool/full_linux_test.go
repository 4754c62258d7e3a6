package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	children["full"] = childOnAFullDisk
	children["full arena"] = childWithAnArenaOnAFullDisk
	children["lost"] = childThatLosesItsDirectory
}

// TestF51ARealDiskThatIsFull has a process fill a file system of a megabyte, which only it sees.
func TestF51ARealDiskThatIsFull(t *testing.T) { runOnItsOwnDisk(t, "full") }

// TestF58AnArenaOnARealDiskThatIsFull: pages are touched that have a place on the disk, and no others.
func TestF58AnArenaOnARealDiskThatIsFull(t *testing.T) { runOnItsOwnDisk(t, "full arena") }

// TestF54ADirectoryThatIsLost: read-only at the start, removed, closed to us. Memory has to do as long as that lasts.
func TestF54ADirectoryThatIsLost(t *testing.T) { runOnItsOwnDisk(t, "lost") }

// runOnItsOwnDisk runs a process that mounts a file system, which only it sees, and logs what it says.
func runOnItsOwnDisk(t *testing.T, what string) {
	t.Helper()
	c := command(t.Context(), t.TempDir(), 0, what, "")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWUSER}
	c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || bytes.Contains(out.Bytes(), []byte("no mount")) {
		t.Skipf("no namespaces here: %v, %s", err, out.Bytes())
	}
	if err != nil || !bytes.HasSuffix(out.Bytes(), []byte("ends\n")) {
		t.Errorf("%v, %s", err, out.Bytes())
	}
	t.Logf("%s", bytes.TrimSuffix(out.Bytes(), []byte("ends\n")))
}

// mountOwn mounts a file system of a megabyte.
func mountOwn() (dir string, ok bool) {
	dir = os.Getenv(dirEnv)
	if err := unix.Mount("spool", dir, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		fmt.Println("no mount:", err)
		return dir, false
	}
	return dir, true
}

// childOnAFullDisk appends three times as much as there is room for, with either policy, and looks whether all is accounted for.
func childOnAFullDisk() {
	dir, ok := mountOwn()
	if !ok {
		return
	}
	for _, policy := range []Policy{DropOldest, DropNewest} {
		s, err := open(Options{Dir: dir, SegmentBytes: 100_000, MinFree: -1, WhenFull: policy})
		if err != nil {
			panic(err)
		}
		refused := uint64(0)
		for i := range 300 {
			f, err := s.Append(Batch{Payload: make([]byte, 10_000), Spans: 2})
			if err != nil {
				refused += 2
				continue
			}
			if s.Release(f); i%20 == 0 {
				_ = s.Sync()
			}
		}
		for f := s.Next(); f != nil; f = s.Next() {
			if _, err := s.Read(f, nil); err == nil {
				s.Ack(f, 0)
			}
		}
		st := s.Stats()
		if st.Acked+st.Dropped.Total()+refused != 600 || st.Spans != 0 || st.Acked < 150 || st.Acked > 220 || st.Dropped.Total() != st.Dropped[SpoolFull] {
			panic(fmt.Sprintf("%d refused, %+v", refused, st))
		}
		fmt.Printf("policy %d: 600 spans ended, %d acknowledged, %d dropped for spool_full, %d refused\n",
			policy, st.Acked, st.Dropped[SpoolFull], refused)
		s.trouble.next = s.trouble.next.AddDate(-1, 0, 0) // time goes by
		f, err := s.Append(Batch{Payload: make([]byte, 10_000), Spans: math.MaxInt8})
		if err != nil {
			panic(err)
		}
		s.Ack(f, 0)
		if err := s.finish(); err != nil {
			panic(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			panic(fmt.Sprint(left, err))
		}
	}
	fmt.Println("ends")
}

// childWithAnArenaOnAFullDisk has room for one buffer of four.
func childWithAnArenaOnAFullDisk() {
	dir, ok := mountOwn()
	if !ok {
		return
	}
	s, err := open(arenaOn(dir))
	if err != nil {
		panic(err)
	}
	b, none := s.Arena().Get(testScope), s.Arena().Get(testScope)
	if b == nil || none != nil {
		panic(fmt.Sprintf("%+v", s.Stats()))
	}
	for _, err = s.Append(batch(0)); err == nil; _, err = s.Append(batch(0)) { // until nothing else has room
	}
	n := 0
	for b.Add(field(testSpan(n))) {
		n++
	}
	st := s.Stats()
	fmt.Printf("%d spans in a buffer of %d bytes, %v\n", n, st.ArenaBytes, st.Errors)
	if b.failed || st.ArenaBuffers != 1 || st.Errors[Failure{OpArena, unix.ENOSPC.Error()}] != 1 {
		panic(fmt.Sprintf("%+v", st))
	}
	_ = s.home.lock.Close() // it is killed
	next, err := open(Options{Dir: dir, MinFree: -1})
	if err != nil {
		panic(err)
	}
	next.adopt()
	came := 0
	for f := next.Next(); f != nil; f = next.Next() {
		if f.Spans() > batch(0).Spans {
			came += f.Spans()
		}
		next.Ack(f, 0)
	}
	if came != n {
		panic(fmt.Sprintf("%d of %d spans came", came, n))
	}
	fmt.Println("ends")
}

func childThatLosesItsDirectory() {
	runtime.LockOSThread() // whose capabilities are about to go
	dir, ok := mountOwn()
	if !ok {
		return
	}
	remount := func(flags uintptr) {
		if err := unix.Mount("spool", dir, "tmpfs", unix.MS_REMOUNT|flags, "size=1m,mode=0700"); err != nil {
			panic(err)
		}
	}
	remount(unix.MS_RDONLY)
	s, err := open(arenaOn(dir))
	if err != nil {
		panic(err)
	}
	refused(s, unix.EROFS)
	remount(0)
	accepts(s, "writable again")

	if err := os.RemoveAll(s.home.path); err != nil {
		panic(err)
	}
	s.retireLocked() // the file in use goes on without a name
	accepts(s, "removed, and made again")

	dropCapabilities()
	if err := os.Chmod(s.home.path, 0); err != nil {
		panic(err)
	}
	s.retireLocked()
	refused(s, unix.EACCES)
	if err := os.Chmod(s.home.path, 0o700); err != nil {
		panic(err)
	}
	accepts(s, "open to us again")
	fmt.Println("counted:", s.Stats().Errors)
	fmt.Println("ends")
}

// refused checks that nothing is taken, for the reason why, and that the arena has nothing new.
func refused(s *Spool, why error) {
	_, first := s.Append(batch(0))
	_, then := s.Append(batch(0))
	if !errors.Is(first, why) || !errors.Is(then, ErrDegraded) || s.Stats().State != Degraded {
		panic(fmt.Sprintf("%v, %v, %+v", first, then, s.Stats()))
	}
	fmt.Println("refused:", then)
}

// accepts checks that all works again once it is time to try.
func accepts(s *Spool, what string) {
	s.trouble.next, s.arena.next = time.Time{}, time.Time{} // time goes by
	f, err := s.Append(batch(0))
	if err != nil {
		panic(fmt.Sprintf("%s: %v", what, err))
	}
	s.arena.trim()
	s.arena.furnish()
	b := s.Arena().Get(testScope)
	if !b.Add(field(testSpan(0))) || !b.named() || s.Stats().State != Working {
		panic(fmt.Sprintf("%s: %+v", what, s.Stats()))
	}
	b.Recycle()
	s.Ack(f, 0)
	fmt.Println(what)
}

// dropCapabilities has this thread obey the modes of files, also when it is the superuser's.
func dropCapabilities() {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&head, &none[0]); err != nil {
		panic(err)
	}
}
