package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func init() {
	children["append"] = childThatAppends
	children["replay"] = childThatReplays
	children["slow"] = childOnASlowDisk
}

// traced runs a child whose system calls fail as inject says, in the words of strace(1), and returns what the child and strace said.
// strace counts calls by thread, so the child stays on one.
func traced(t *testing.T, what, dir, inject string) (said, calls string) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace")
	}
	log := filepath.Join(t.TempDir(), "strace")
	c := command(context.Background(), dir, 0, what, "")
	c.Args = []string{
		strace, "-f", "--seccomp-bpf", "-qq", "-y", "-o", log,
		"-e", "trace=pwrite64,pread64,fdatasync,fsync", "-e", "inject=" + inject, os.Args[0],
	}
	c.Path = strace
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil && bytes.Contains(bytes.ToLower(stderr.Bytes()), []byte("ptrace")) {
		t.Skipf("strace may not trace here: %s", stderr.Bytes())
	}
	if err != nil || !bytes.HasSuffix(out, []byte("ends\n")) {
		t.Fatalf("inject %s: %v\n%s%s", inject, err, out, stderr.Bytes())
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), string(b)
}

// said returns the number that a child said after a word; the sum, if it said it more than once.
func said(out, word string) (sum int) {
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, word+" "); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(rest))
			sum += n
		}
	}
	return sum
}

// appended is how many batches childThatAppends has, which are more than fifty writes.
const appended = 40

// childThatAppends appends them, a few to a segment, and syncs now and then.
func childThatAppends() {
	runtime.LockOSThread()
	s, err := open(Options{Dir: os.Getenv(dirEnv), SegmentBytes: 1000, MinFree: -1})
	if err != nil {
		panic(err)
	}
	for i := range appended {
		s.trouble.next = time.Time{} // time goes by
		f, err := s.Append(batch(i))
		if err != nil {
			fmt.Println("refused", batch(i).Spans)
			continue
		}
		s.Release(f)
		if i%5 == 4 {
			s.trouble.next = time.Time{}
			_ = s.Sync() // counted
		}
	}
	s.trouble.next = time.Time{}
	fmt.Println("unsynced", s.Sync() != nil)
	if err := s.finish(); err != nil {
		fmt.Println("not written:", err)
	}
	st := s.Stats()
	fmt.Println("dropped", st.Dropped.Total())
	fmt.Println("errors", len(st.Errors))
	fmt.Println("ends")
}

// spansOf is how many spans the first so many batches have, a multiple of five.
func spansOf(batches int) int { return batches / 5 * (1 + 2 + 3 + 4 + 5) }

// collect adopts what a child left, and returns how many spans came and how many did not.
func collect(t *testing.T, dir string) (came, corrupt int) {
	t.Helper()
	s := openSystem(t, dir)
	for _, n := range slices.Compact(slices.Sorted(slices.Values(drain(t, s)))) {
		came += batch(n).Spans
	}
	st := balanced(t, s)
	if st.Dropped.Total() != st.Dropped[Corrupt] {
		t.Errorf("%+v", st)
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	return came, int(st.Dropped[Corrupt])
}

// TestF09ALyingWrite has the kernel say that a write wrote its first four bytes, when it wrote nothing.
func TestF09ALyingWrite(t *testing.T) {
	found := 0
	for _, n := range []int{3, 4, 9} { // a head and two frames
		dir := filepath.Join(t.TempDir(), "spool")
		out, _ := traced(t, "append", dir, fmt.Sprintf("pwrite64:retval=4:when=%d", n))
		came, corrupt := collect(t, dir)
		if came+corrupt != spansOf(appended) || said(out, "refused")+said(out, "dropped") != 0 || corrupt > 5 {
			t.Errorf("write %d: %d spans came, %d are corrupt, the writer said %q", n, came, corrupt, out)
		}
		if corrupt > 0 {
			found++
		}
	}
	if found < 2 {
		t.Errorf("%d of the writes were found out", found)
	}
	t.Logf("3 lies, %d of them in a frame, which was found and counted", found)
}

// TestF52NoSpaceAtAnyWrite is TestF52AnyWriteMayFail with the real system calls.
func TestF52NoSpaceAtAnyWrite(t *testing.T) {
	writes := 50
	if testing.Short() || raceEnabled {
		writes = 12 // the others take the same ways
	}
	failed, refused, dropped := 0, 0, 0
	for n := 1; n <= writes; n++ {
		dir := filepath.Join(t.TempDir(), strconv.Itoa(n), "spool")
		if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
			t.Fatal(err)
		}
		out, calls := traced(t, "append", dir, fmt.Sprintf("pwrite64:error=ENOSPC:when=%d", n))
		if strings.Count(calls, "INJECTED") != 1 {
			t.Errorf("write %d did not fail:\n%s", n, calls)
		}
		came, corrupt := collect(t, dir)
		if came+said(out, "refused")+said(out, "dropped") != spansOf(appended) || corrupt != 0 {
			t.Errorf("write %d: %d spans came, %d are corrupt, the writer said %q", n, came, corrupt, out)
		}
		failed, refused, dropped = failed+said(out, "errors"), refused+said(out, "refused"), dropped+said(out, "dropped")
	}
	t.Logf("%d writes, %d errors counted: %d spans refused, %d dropped to make room, 0 torn", writes, failed, refused, dropped)
}

// TestF55SyncsThatFailForReal: no file is synced again after it could not be.
func TestF55SyncsThatFailForReal(t *testing.T) {
	call := regexp.MustCompile(`f(?:data)?sync\(\d+<([^>]*\.ws)>\) += (-?\d+)`)
	for _, when := range []string{"2", "2+"} {
		dir := filepath.Join(t.TempDir(), "spool")
		out, calls := traced(t, "append", dir, "fdatasync:error=EIO:when="+when)
		came, corrupt := collect(t, dir)
		if lost := spansOf(appended) - came - said(out, "refused") - said(out, "dropped"); lost != 0 || corrupt != 0 {
			t.Errorf("when %s: %d spans are lost, %d corrupt: %q", when, lost, corrupt, out)
		}
		failed := map[string]bool{}
		for _, c := range call.FindAllStringSubmatch(calls, -1) {
			if failed[c[1]] {
				t.Errorf("when %s: %s is synced again", when, filepath.Base(c[1]))
			}
			failed[c[1]] = failed[c[1]] || c[2] != "0"
		}
		n := 0
		for _, f := range failed {
			if f {
				n++
			}
		}
		if n == 0 {
			t.Errorf("when %s: no sync failed:\n%s", when, calls)
		}
		t.Logf("when %s: %d files could not be synced, %d spans refused, %d dropped, the others came",
			when, n, said(out, "refused"), said(out, "dropped"))
	}
}

// childOnASlowDisk appends as long as three syncs take.
func childOnASlowDisk() {
	s, err := open(Options{Dir: os.Getenv(dirEnv), MinFree: -1})
	if err != nil {
		panic(err)
	}
	syncs := make(chan error, 1)
	go func() {
		defer close(syncs)
		for range 3 {
			add1(s)
			if err := s.Sync(); err != nil {
				syncs <- err
				return
			}
		}
	}()
	var during []time.Duration
	for done := false; !done && len(during) < 100_000; {
		select {
		case err := <-syncs:
			if err != nil {
				panic(err)
			}
			done = true
		default:
			began := time.Now()
			add1(s)
			during = append(during, time.Since(began))
		}
	}
	if err := <-syncs; err != nil {
		panic(err)
	}
	slices.Sort(during)
	fmt.Println("appends", len(during))
	fmt.Println("p50", during[len(during)/2])
	fmt.Println("p99", during[len(during)*99/100])
	if err := s.finish(); err != nil {
		panic(err)
	}
	fmt.Println("ends")
}

// add1 appends a small batch.
func add1(s *Spool) {
	f, err := s.Append(Batch{Payload: []byte("payload"), Spans: 1})
	if err != nil && !errors.Is(err, ErrDegraded) {
		panic(err)
	}
	if err == nil {
		s.Release(f)
	}
}

// TestF56SyncsThatTakeLong: what is appended meanwhile does not wait for them.
func TestF56SyncsThatTakeLong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	out, calls := traced(t, "slow", dir, "fdatasync:delay_enter=300000")
	if n := strings.Count(calls, "DELAYED"); said(out, "appends") < 100*n || n < 3 {
		t.Errorf("%d syncs, and meanwhile %q", n, out)
	}
	t.Logf("syncs of 300 ms: %s", strings.Join(strings.Fields(strings.TrimSuffix(out, "ends\n")), " "))
}

// childThatReplays sends what is there until nothing comes any more.
func childThatReplays() {
	runtime.LockOSThread()
	s, err := open(Options{Dir: os.Getenv(dirEnv), MinFree: -1})
	if err != nil {
		panic(err)
	}
	s.adopt()
	for nothing := 0; nothing < 2*maxFailures; {
		f := s.Next()
		if f == nil {
			nothing++
			continue
		}
		if _, err := s.Read(f, nil); err == nil {
			s.Ack(f, 0)
		}
	}
	st := s.Stats()
	fmt.Println("acked", st.Acked)
	fmt.Println("spool_io", st.Dropped[SpoolIO])
	fmt.Println("corrupt", st.Dropped[Corrupt])
	fmt.Println("left", st.Spans+st.Unread)
	if err := s.finish(); err != nil {
		panic(err)
	}
	fmt.Println("ends")
}

// TestF57ReadsThatFailForReal: once, again and again, or for ever.
func TestF57ReadsThatFailForReal(t *testing.T) {
	for _, inject := range []string{
		"error=EIO:when=5", "error=EIO:when=7+5", "error=EIO:when=30+5", "error=EIO:when=30+",
	} {
		dir := filepath.Join(t.TempDir(), "spool")
		s := openSystem(t, dir)
		const batches = 30
		addFrom(t, s, 0, batches)
		if err := s.finish(); err != nil {
			t.Fatal(err)
		}
		out, calls := traced(t, "replay", dir, "pread64:"+inject)
		acked, io, corrupt, left := said(out, "acked"), said(out, "spool_io"), said(out, "corrupt"), said(out, "left")
		if acked+io+corrupt != spansOf(batches) || left != 0 || !strings.Contains(calls, "INJECTED") {
			t.Errorf("%s: %q", inject, out)
		}
		t.Logf("%s: %d of %d spans came, %d dropped for spool_io, %d for corrupt", inject, acked, spansOf(batches), io, corrupt)
	}
}
