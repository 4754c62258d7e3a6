package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { children["full"] = childOnAFullDisk }

// TestARealDiskThatIsFull has a process fill a file system of a megabyte, which only it sees.
func TestARealDiskThatIsFull(t *testing.T) {
	c := command(t.Context(), t.TempDir(), 0, "full", "")
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
}

// childOnAFullDisk appends three times as much as there is room for, with either policy, and looks whether all is accounted for.
func childOnAFullDisk() {
	dir := os.Getenv(dirEnv)
	if err := unix.Mount("spool", dir, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		fmt.Println("no mount:", err)
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
