package spool

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The environment of a process that a test starts: what to do, where, from which batch on, and at which call to end itself
// as kill -9 does.
const (
	childEnv = "SPOOL_CHILD"
	dirEnv   = "SPOOL_DIR"
	fromEnv  = "SPOOL_FROM"
	crashEnv = "SPOOL_CRASH" // such as write:3:torn
)

// children are what a process that a test started does, by name.
var children = map[string]func(){"run": child, "stay": child}

// child appends, settles and syncs. It says what it does before or after it does it, so that its parent knows what there has to be.
func child() {
	from, _ := strconv.Atoi(os.Getenv(fromEnv))
	files, err := systemFiles()
	if err != nil {
		panic(err)
	}
	o := Options{Dir: os.Getenv(dirEnv), SegmentBytes: 1000, MinFree: -1, files: crashingFiles{files, newCrash(os.Getenv(crashEnv))}}
	if !strings.Contains(os.Getenv(crashEnv), "sync") {
		o.Sync = SyncNever // the end of a process takes nothing that was written
	}
	s, err := open(o)
	if err != nil {
		panic(err)
	}
	s.adopt()
	for i := from; i < from+10; i++ {
		s.Ledger().Slot(1).Ended.Add(uint64(batch(i).Spans))
		f, err := s.Append(batch(i))
		if err != nil {
			panic(err)
		}
		fmt.Println("wrote", i)
		s.Release(f)
		if i%5 == 4 {
			if err := s.Sync(); err != nil {
				panic(err)
			}
			for range 2 {
				f := s.Next()
				p, err := s.Read(f, nil)
				if err != nil {
					panic(err)
				}
				fmt.Println("settles", string(p[:6]))
				s.Ack(f, 0)
			}
		}
	}
	if os.Getenv(childEnv) == "stay" {
		s.Ledger().Slot(2).Ended.Add(7) // spans that are in memory
		fmt.Println("stays")
		_, _ = io.ReadAll(os.Stdin)
	}
	if err := s.finish(); err != nil {
		panic(err)
	}
	fmt.Println("ends")
}

// told is what a child has said.
type told struct {
	wrote, settles map[int]bool
	ends           bool
}

func runChild(t *testing.T, dir string, from int, crash string) told {
	t.Helper()
	c := command(t.Context(), dir, from, "run", crash)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	got := parseTold(t, out)
	var status *exec.ExitError
	if killed := errors.As(err, &status) && status.ExitCode() == -1; !killed && (err != nil || !got.ends) {
		t.Fatalf("%s: %v\n%s", crash, err, stderr.Bytes())
	}
	return got
}

func command(ctx context.Context, dir string, from int, what, crash string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", childEnv+"="+what, dirEnv+"="+dir, fromEnv+"="+strconv.Itoa(from), crashEnv+"="+crash)
	return c
}

func parseTold(t *testing.T, out []byte) told {
	got := told{wrote: map[int]bool{}, settles: map[int]bool{}}
	for line := range strings.Lines(string(out)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.Atoi(rest)
		switch word {
		case "wrote":
			got.wrote[n] = true
		case "settles":
			got.settles[n] = true
		case "ends":
			got.ends = true
		default:
			t.Fatalf("a child says %q", line)
		}
	}
	return got
}

// openSystem opens a spool on the real file system.
func openSystem(t *testing.T, dir string) *Spool {
	t.Helper()
	return start(t, Options{Dir: dir, SegmentBytes: 1000, MinFree: -1})
}

// TestF29KilledAtAnyPoint kills two processes, one after the other, at the same call, and looks whether the third finds all that
// they had written and not settled.
func TestF29KilledAtAnyPoint(t *testing.T) {
	points, nth := 0, []int{1, 2, 3, 5}
	if raceEnabled || testing.Short() {
		nth = []int{1, 3}
	}
	for _, what := range []string{
		"mkdir", "lock", "ledger", "create", "write", "state", "datasync", "sync", "syncdir", "remove", "rmdir", "open",
	} {
		for i := range 3 * len(nth) {
			moment := []string{"before", "after", "torn"}[i%3]
			if moment == "torn" && what != "write" {
				continue
			}
			point := fmt.Sprintf("%s:%d:%s", what, nth[i/3], moment)
			dir := t.TempDir() + "/spool"
			first := runChild(t, dir, 0, point)
			second := runChild(t, dir, 100, point)
			if !first.ends || !second.ends {
				points++
			}
			s := openSystem(t, dir)
			got := drain(t, s)
			for n := range first.wrote {
				if !first.settles[n] && !second.settles[n] && !slices.Contains(got, n) {
					t.Errorf("%s: batch %d of the first is lost", point, n)
				}
			}
			for n := range second.wrote {
				if !second.settles[n] && !slices.Contains(got, n) {
					t.Errorf("%s: batch %d of the second is lost", point, n)
				}
			}
			if err := s.finish(); err != nil {
				t.Fatal(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("%s: left are %v, %v", point, left, err)
			}
		}
	}
	if points < 25 {
		t.Errorf("only %d points were reached", points)
	}
	t.Logf("%d points, two processes killed at each", points)
}

// TestF33ALivingProcessKeepsItsSpool until it is killed.
func TestF33ALivingProcessKeepsItsSpool(t *testing.T) {
	dir := t.TempDir() + "/spool"
	c := command(t.Context(), dir, 0, "stay", "")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "stays" {
	}
	s, other := openSystem(t, dir), openSystem(t, dir)
	for _, sp := range []*Spool{s, other} {
		if f := sp.Next(); f != nil {
			t.Error("a frame of a process that lives")
		}
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	s.adopt()
	other.adopt()
	if got := drain(t, s); !slices.Equal(got, upTo(10)[4:]) {
		t.Errorf("got %v", got)
	}
	t.Logf("3 processes, 1 killed: its 6 frames came, once each, and its 7 spans in memory are counted")
	if got := drain(t, other); len(got) != 0 {
		t.Errorf("another one got %v, too", got)
	}
	if st := balanced(t, s); st.Foreign != 0 || len(st.Errors) != 0 || st.Dropped[Crash] != 7 {
		t.Errorf("%+v", st)
	}
	for _, sp := range []*Spool{s, other} {
		if err := sp.finish(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// crash ends the process at the nth call of a kind.
type crash struct {
	what   string
	n      int
	moment string
}

func newCrash(point string) *crash {
	parts := strings.Split(point, ":")
	if len(parts) != 3 {
		return &crash{}
	}
	n, _ := strconv.Atoi(parts[1])
	return &crash{parts[0], n, parts[2]}
}

// at does a call, unless the process ends before it.
func (c *crash) at(what string, do func() error) error {
	if what != c.what {
		return do()
	}
	c.n--
	if c.n == 0 && c.moment == "before" {
		c.end()
	}
	err := do()
	if c.n == 0 {
		c.end()
	}
	return err
}

func (c *crash) end() {
	p, _ := os.FindProcess(os.Getpid())
	_ = p.Kill()
	select {}
}

// crashingFiles is a file system whose calls may be the last.
type crashingFiles struct {
	fileSystem
	crash *crash
}

func (c crashingFiles) makeDir(path string) error {
	return c.crash.at("mkdir", func() error { return c.fileSystem.makeDir(path) })
}

func (c crashingFiles) create(path string) (f file, err error) {
	err = c.crash.at("create", func() error { f, err = c.fileSystem.create(path); return err })
	return crashingFile{f, c.crash}, err
}

func (c crashingFiles) open(path string) (f file, err error) {
	err = c.crash.at("open", func() error { f, err = c.fileSystem.open(path); return err })
	return crashingFile{f, c.crash}, err
}

func (c crashingFiles) remove(path string) error {
	return c.crash.at("remove", func() error { return c.fileSystem.remove(path) })
}

func (c crashingFiles) removeDir(path string) error {
	return c.crash.at("rmdir", func() error { return c.fileSystem.removeDir(path) })
}

func (c crashingFiles) syncDir(path string) error {
	return c.crash.at("syncdir", func() error { return c.fileSystem.syncDir(path) })
}

func (c crashingFiles) lock(path string, create bool) (l io.Closer, err error) {
	err = c.crash.at("lock", func() error { l, err = c.fileSystem.lock(path, create); return err })
	return l, err
}

func (c crashingFiles) shareMemory(path string, size int) (b []byte, err error) {
	err = c.crash.at("ledger", func() error { b, err = c.fileSystem.shareMemory(path, size); return err })
	return b, err
}

type crashingFile struct {
	file
	crash *crash
}

func (c crashingFile) WriteAt(p []byte, at int64) (n int, err error) {
	what := "write"
	if len(p) == 1 {
		what = "state"
	}
	err = c.crash.at(what, func() error {
		if c.crash.moment == "torn" && c.crash.n == 0 {
			p = p[:len(p)/2]
		}
		n, err = c.file.WriteAt(p, at)
		return err
	})
	return n, err
}

func (c crashingFile) dataSync() error { return c.crash.at("datasync", c.file.dataSync) }
func (c crashingFile) sync() error     { return c.crash.at("sync", c.file.sync) }
