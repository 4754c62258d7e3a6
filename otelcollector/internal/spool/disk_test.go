//go:build linux || darwin || freebsd || dragonfly

package spool

import (
	"bytes"
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

// TestF07ForeignFiles puts everything into the directory that does not belong there: it is left alone and counted.
func TestF07ForeignFiles(t *testing.T) {
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

	began := time.Now()
	s := openSystem(t, dir)
	t.Logf("open in %v beside %d foreign files, one of them of 4 GiB", time.Since(began), 6+len(alone))
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

// TestF07ASegmentIsReplacedByALink after it was seen: it is not followed.
func TestF07ASegmentIsReplacedByALink(t *testing.T) {
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

// TestF60DirectoriesThatAreRefused tells each reason in one sentence.
func TestF60DirectoriesThatAreRefused(t *testing.T) {
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
		t.Log(err)
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

// TestF59ManySegmentsOpenAtOnce opens 10 GiB in 640 segments, of which one is damaged: of the sealed ones only both ends are read,
// and no descriptor stays open for them.
func TestF59ManySegmentsOpenAtOnce(t *testing.T) {
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
	t.Logf("%d segments of %d bytes open in %v: %d bytes allocated, %d more on the heap",
		segments, size, took, after.TotalAlloc-before.TotalAlloc, int64(after.HeapAlloc)-int64(before.HeapAlloc))
	if p, err := s.Read(s.Next(), nil); err != nil || number(t, p) != 0 {
		t.Error(err)
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
}

// TestF53FileSizeLimit is the real thing, in a process of its own: short writes, then EFBIG. An arena of larger files is not made.
func TestF53FileSizeLimit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	out, err := command(t.Context(), dir, 0, "limited", "").CombinedOutput()
	if err != nil || !bytes.HasSuffix(out, []byte("ends\n")) {
		t.Errorf("%v, %s", err, out)
	}
	t.Logf("%s", bytes.TrimSuffix(out, []byte("ends\n")))
}

func init() { children["limited"] = childWithALimit }

func childWithALimit() {
	limit := unix.Rlimit{Cur: 64 << 10, Max: 64 << 10}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	o := arenaOn(os.Getenv(dirEnv))
	o.SegmentBytes = 1 << 20
	s, err := open(o)
	if err != nil {
		panic(err)
	}
	const n = 1500
	for i := range n {
		f, err := s.Append(batch(i))
		if err != nil {
			panic(err)
		}
		s.Release(f)
	}
	segments, came := s.Stats().Segments, 0
	for f := s.Next(); f != nil; f = s.Next() {
		if _, err := s.Read(f, nil); err != nil {
			panic(err)
		}
		s.Ack(f, 0)
		came++
	}
	st := s.Stats()
	for f := range st.Errors {
		if f.Errno != syscall.EFBIG.Error() {
			panic(fmt.Sprintf("%+v", st.Errors))
		}
	}
	if came != n || segments < 4 || st.ArenaBuffers != 0 || s.Arena().Get(testScope) != nil {
		panic(fmt.Sprintf("%d batches came, %+v", came, st))
	}
	if err := s.finish(); err != nil {
		panic(err)
	}
	fmt.Printf("%d of %d batches came, from %d segments of 64 KiB at most: %v\nends\n", came, n, segments, st.Errors)
}
