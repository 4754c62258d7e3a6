package accesslog_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wirespan/wirespan/lifecycle/accesslog"
)

// TestH21Targets: "-" is standard output, anything else that is no address is a file, and what is neither is an error that
// says what is allowed.
func TestH21Targets(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	out, err := accesslog.Open("-", accesslog.SyslogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l := start(t, accesslog.Options{Output: out, Format: short(t)})
	l.Record(numbered(1))
	if err := errors.Join(l.Reopen(soon(t)), l.Close(soon(t)), w.Close()); err != nil {
		t.Fatal("standard output is not ours to close:", err)
	}
	if got, err := io.ReadAll(r); string(got) != "1\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}

	path := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = accesslog.Open(path, accesslog.SyslogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l = start(t, accesslog.Options{Output: out, Format: short(t)})
	l.Record(numbered(2))
	if err := l.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "before\n2\n" {
		t.Errorf("%q", got)
	}

	for _, target := range []string{"", "http://127.0.0.1/", "unix://", "udp://host:port"} {
		if _, err := accesslog.Open(target, accesslog.SyslogOptions{}); err == nil || !strings.Contains(err.Error(), "allowed are") {
			t.Errorf("%q: %v", target, err)
		}
	}
	if _, err := accesslog.Open(filepath.Join(path, "below"), accesslog.SyslogOptions{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file in a file: %v", err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestH26RotationLosesNoLine: files are moved away while workers write; together they have every line once, in order.
func TestH26RotationLosesNoLine(t *testing.T) {
	const workers, rotations = 3, 50
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	out, err := accesslog.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l := start(t, accesslog.Options{
		Output: out, Workers: workers, BufferBytes: 16 << 20,
		Format: accesslog.MustCompile("%({worker_id}x)s %({request_index}x)s", accesslog.FormatOptions{}),
	})
	var rotated atomic.Bool
	var wg, begun sync.WaitGroup
	begun.Add(workers)
	recorded := make([]int, workers)
	for w := range workers {
		wg.Go(func() {
			e := answered()
			for e.WorkerID = w; !rotated.Load() && recorded[w] < 1_000_000; recorded[w]++ {
				e.Index = recorded[w] + 1
				l.Record(e)
				if e.Index == 1 {
					begun.Done()
				}
			}
		})
	}
	begun.Wait()
	var files []string
	for i := range rotations {
		old := path + "." + strconv.Itoa(i)
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(soon(t)); err != nil {
			t.Fatal(err)
		}
		files = append(files, old)
	}
	rotated.Store(true)
	wg.Wait()
	if err := l.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	next := make([]int, workers)
	for _, file := range append(files, path) {
		for line := range strings.Lines(read(t, file)) {
			worker, index, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			w, err := strconv.Atoi(worker)
			if err != nil || w >= workers {
				t.Fatalf("%s has the line %q", file, line)
			}
			if next[w]++; strconv.Itoa(next[w]) != index {
				t.Fatalf("%s: line %q of worker %d, want %d", file, line, w, next[w])
			}
		}
	}
	for w := range workers {
		if next[w] != recorded[w] || recorded[w] == 0 {
			t.Errorf("worker %d: %d lines of %d", w, next[w], recorded[w])
		}
	}
	if s := l.Stats(); s.Dropped() != 0 {
		t.Errorf("%+v", s)
	}
}

// TestReopenThatFailsKeepsTheOldFile: the directory has gone, say.
func TestReopenThatFailsKeepsTheOldFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := accesslog.OpenFile(filepath.Join(dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	l := start(t, accesslog.Options{Output: out, Format: short(t)})
	l.Record(numbered(1))
	moved := dir + ".moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(soon(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want that the directory is not there", err)
	}
	l.Record(numbered(2))
	if err := l.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(moved, "access.log")); got != "1\n2\n" {
		t.Errorf("%q", got)
	}
	if err := out.Reopen(); err == nil {
		t.Error("a closed file was opened again")
	}
}

// TestADiskThatIsFull: the device that is always full takes nothing, and Close says how much is lost.
func TestADiskThatIsFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no device that is always full")
	}
	out, err := accesslog.OpenFile("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	var told messages
	l := accesslog.New(accesslog.Options{Output: out, Format: short(t), ErrorLog: told.logger()})
	l.Record(numbered(1))
	l.Record(numbered(2))
	ctx, cancel := context.WithCancel(context.Background())
	flushed := make(chan error)
	go func() { flushed <- l.Flush(ctx) }()
	waitFor(t, func() bool { return strings.Contains(told.String(), "no space left") })
	cancel()
	if err := <-flushed; !errors.Is(err, context.Canceled) {
		t.Errorf("flush: %v", err)
	}
	if err := l.Close(ctx); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("close: %v", err)
	}
	waitFor(t, func() bool { return l.Stats().DroppedLost > 0 })
	if err := l.Close(soon(t)); err == nil || !strings.Contains(err.Error(), "2 lines could not be written") {
		t.Errorf("%v", err)
	}
	if s := l.Stats(); s != (accesslog.Stats{DroppedLost: 2}) {
		t.Errorf("%+v", s)
	}
}
