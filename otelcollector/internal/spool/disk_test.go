//go:build linux || darwin || freebsd || dragonfly

package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deadHome makes the directory of a process that is dead, in a directory for a spool.
func deadHome(t *testing.T) (dir, home string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "spool")
	home = filepath.Join(dir, fmt.Sprintf("%x", testInstance))
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(home, lockName), nil)
	return dir, home
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestForeignFiles puts everything into the directory that does not belong there: it is left alone and counted.
func TestForeignFiles(t *testing.T) {
	dir, home := deadHome(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	put(t, elsewhere, buildSegment(true, "not to be read"))
	noise := []byte(strings.Repeat("noise", 100))

	put(t, filepath.Join(dir, "README"), noise)
	put(t, filepath.Join(dir, "ffffffffffffffffffffffffffffffff"), noise) // a file of such a name
	for _, sub := range []string{"other", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "..spool"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(home, filepath.Join(dir, "00000000000000000000000000000001")); err != nil {
		t.Fatal(err)
	}

	newerVersion := buildSegment(true, "abc")
	newerVersion[8]++
	sum := headerSum(newerVersion)
	copy(newerVersion[12:], []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
	alone := map[string]func(path string) error{
		"..ws":                func(p string) error { return os.WriteFile(p, noise, 0o600) },
		"1.ws":                func(p string) error { return os.WriteFile(p, noise, 0o600) },
		"000000000000.ws":     func(p string) error { return os.WriteFile(p, noise, 0o600) },
		"+00000000001.ws":     func(p string) error { return os.WriteFile(p, noise, 0o600) },
		"000000000002.ws.bak": func(p string) error { return os.WriteFile(p, noise, 0o600) },
		"000000000003.ws":     func(p string) error { return os.Mkdir(p, 0o700) },
		"000000000004.ws":     func(p string) error { return os.Symlink(elsewhere, p) },
		"000000000005.ws":     func(p string) error { return unix.Mkfifo(p, 0o600) },
		"000000000006.ws":     func(p string) error { return os.WriteFile(p, noise, 0o600) },
		"000000000007.ws":     func(p string) error { return os.WriteFile(p, newerVersion, 0o600) },
		"000000000008.ws": func(p string) error {
			return errors.Join(os.WriteFile(p, noise, 0o600), os.Truncate(p, 4<<30)) // sparse
		},
	}
	for name, make := range alone {
		if err := make(filepath.Join(home, name)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(home, "000000000009.ws"), nil)
	put(t, filepath.Join(home, "000000000010.ws"), make([]byte, 5000)) // of which nothing came to the disk
	put(t, filepath.Join(home, "000000000001.ws"), buildSegment(true, string(batch(0).Payload)))
	put(t, filepath.Join(home, ledgerName), noise)

	s := openSystem(t, dir)
	if got := drain(t, s); !slices.Equal(got, []int{0}) {
		t.Errorf("got %v", got)
	}
	if st := balanced(t, s); st.Foreign != uint64(6+len(alone)) || st.Segments != 0 {
		t.Errorf("%+v", st)
	}
	addFrom(t, s, 0, 3)
	drain(t, s)
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(home)
	if err != nil || len(left) != len(alone)+1 { // and the lock
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestASegmentIsReplacedByALink after it was seen: it is not followed.
func TestASegmentIsReplacedByALink(t *testing.T) {
	dir, home := deadHome(t)
	path := filepath.Join(home, "000000000001.ws")
	put(t, path, buildSegment(true, string(batch(0).Payload)))
	s := openSystem(t, dir)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := errors.Join(os.Rename(path, elsewhere), os.Symlink(elsewhere, path)); err != nil {
		t.Fatal(err)
	}
	for range maxFailures {
		if f := s.Next(); f != nil {
			t.Fatal("a link is followed")
		}
	}
	if st := balanced(t, s); st.Dropped[SpoolIO] != 1 || st.Segments != 0 || st.Unread != 0 {
		t.Errorf("%+v", st)
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
}

// TestALockOfAFileThatIsNotThereAnyMore tells nothing: who had it removed the file, and somebody else may have made another.
func TestALockOfAFileThatIsNotThereAnyMore(t *testing.T) {
	path := filepath.Join(t.TempDir(), lockName)
	put(t, path, nil)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := holdLock(f, path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is gone: %v", err)
	}
	put(t, path, nil)
	if err := holdLock(f, path); !errors.Is(err, errLocked) {
		t.Errorf("there is another file: %v", err)
	}
}

// TestDirectoriesThatAreRefused tells each reason in one sentence.
func TestDirectoriesThatAreRefused(t *testing.T) {
	base := t.TempDir()
	in := func(name string) string { return filepath.Join(base, name) }
	for name, mode := range map[string]os.FileMode{"good": 0o700, "group": 0o750, "world": 0o701} {
		if err := errors.Join(os.Mkdir(in(name), 0o700), os.Chmod(in(name), mode)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, in("file"), nil)
	if err := os.Symlink(in("good"), in("link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                  "no directory is given",
		in("group"):         "make it 0700",
		in("world"):         "make it 0700",
		in("file"):          "not a directory",
		in("link"):          "not a directory",
		in("missing/spool"): "no such file",
	} {
		_, err := Open(Options{Dir: path})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "spool: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", path, err)
		}
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Mkdir(in("foreign"), 0o700), os.Chown(in("foreign"), 1234, -1)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{Dir: in("foreign")}); err == nil || !strings.Contains(err.Error(), "belongs to user 1234") {
			t.Errorf("a directory of somebody else: %v", err)
		}
	}
	s, err := Open(Options{Dir: in("new")})
	if err != nil {
		t.Fatal(err)
	}
	addFrom(t, s, 0, 1)
	err = filepath.Walk(in("new"), func(path string, info os.FileInfo, err error) error {
		if want := map[bool]os.FileMode{true: 0o700, false: 0o600}[info.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestManySegmentsOpenAtOnce opens 10 GiB in 640 segments, of which one is damaged: of the sealed ones only both ends are read,
// and no descriptor stays open for them.
func TestManySegmentsOpenAtOnce(t *testing.T) {
	dir, home := deadHome(t)
	const segments, size = 640, 16 << 20
	payload := string(batch(0).Payload)
	whole := buildSegment(true, payload)
	for i := 1; i <= segments; i++ {
		path := filepath.Join(home, fmt.Sprintf("%012d.ws", i))
		if i > 2 { // the second, once more
			if err := os.Link(filepath.Join(home, "000000000002.ws"), path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		body, footer := whole[:len(whole)-frameSize], whole[len(whole)-frameSize:]
		put(t, path, body)
		if err := os.Truncate(path, size-frameSize); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			footer = footer[:10] // it was never sealed
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt(footer, size-frameSize)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	open := descriptors()
	began := time.Now()
	s := start(t, Options{Dir: dir, MaxBytes: 20 << 30, MinFree: -1})
	took := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	st := balanced(t, s)
	if st.Segments != segments || st.Unread != segments-1 || st.Spans != 1 {
		t.Errorf("%+v", st)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes of heap", grown)
	}
	if n := descriptors() - open; n > 2 { // the locks
		t.Errorf("%d descriptors", n)
	}
	t.Logf("open in %v, %d bytes were allocated", took, after.TotalAlloc-before.TotalAlloc)
	if p, err := s.Read(s.Next(), nil); err != nil || number(t, p) != 0 {
		t.Error(err)
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
}

// TestFileSizeLimit is the real thing: short writes, then EFBIG.
func TestFileSizeLimit(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "spool")
	s := start(t, Options{Dir: dir, SegmentBytes: 1 << 20, MinFree: -1})
	small := limit
	small.Cur = 64 << 10
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
			t.Error(err)
		}
	}()
	const n = 1500
	addFrom(t, s, 0, n)
	if got := drain(t, s); !slices.Equal(got, upTo(n)) {
		t.Errorf("%d of %d came back", len(got), n)
	}
	st := balanced(t, s)
	for f := range st.Errors {
		if f.Errno != syscall.EFBIG.Error() {
			t.Errorf("%+v", st.Errors)
		}
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
}
