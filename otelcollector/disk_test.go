package otelcollector_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

// spoolDir returns a directory that is made when it is needed, closed to others.
func spoolDir(t testing.TB) string { return filepath.Join(t.TempDir(), "spool") }

// spooling is quiet with a spool in dir. Reports are expected.
func spooling(t testing.TB, s *sink, dir string) otelcollector.Config {
	cfg := quiet(t, s)
	cfg.SpoolDir = dir
	cfg.ErrorHandler = func(error) {}
	return cfg
}

// outage is a receiver that is away until it is back.
type outage struct{ back atomic.Bool }

func (o *outage) answer(context.Context, int) error {
	if o.back.Load() {
		return nil
	}
	return unavailable
}

// shutDownInto shuts a collector down that leaves spans in its spool.
func shutDownInto(t *testing.T, c *otelcollector.Collector) {
	t.Helper()
	if err := c.Shutdown(t.Context()); err != nil && !errors.Is(err, otelcollector.ErrSpooled) {
		t.Errorf("shut down: %v", err)
	}
	checkBalance(t, c.Stats())
}

// files returns the segments below dir, and their size.
func segments(t *testing.T, dir string) (n int, size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".ws" {
			return err
		}
		info, err := d.Info()
		n++
		size += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n, size
}

func TestOutageGoesToTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away outage
		s := &sink{answer: away.answer}
		dir := spoolDir(t)
		c := newCollector(t, spooling(t, s, dir))
		for range 60 {
			requests(t, c, 50)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		st := c.Stats()
		checkBalance(t, st)
		if st.Spooled < 2900 || st.Queued > 100 || st.Made != 3000 {
			t.Errorf("after a minute without a receiver: %+v", st)
		}
		if r := c.Receiver(); r.State != otelcollector.ReceiverDown || r.Err == nil || time.Since(r.Since) < 50*time.Second {
			t.Errorf("the receiver is %+v", r)
		}
		away.back.Store(true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if st := c.Stats(); st.Exported != 3000 || st.Spooled != 0 || len(s.spans()) != 3000 {
			t.Errorf("ten seconds after it came back %d spans had arrived: %+v", len(s.spans()), st)
		}
		if r := c.Receiver(); r.State != otelcollector.ReceiverUp || r.Err != nil {
			t.Errorf("the receiver is %+v", r)
		}
	})
}

// What is spooled in a long outage is compressed when a quarter of the room is used, and arrives as it was.
func TestLongOutageIsCompressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away outage
		s := &sink{answer: away.answer}
		dir := spoolDir(t)
		cfg := spooling(t, s, dir)
		cfg.SpoolMaxBytes = 16 << 20
		c := newCollector(t, cfg)
		grown := func() int64 {
			_, before := segments(t, dir)
			for range 5 {
				requests(t, c, 400)
				time.Sleep(time.Second)
			}
			synctest.Wait()
			_, after := segments(t, dir)
			return after - before
		}
		first := grown()
		time.Sleep(time.Minute)
		second := grown()
		if 10*second < 9*first {
			t.Errorf("2000 spans take %d bytes at first and %d after a minute, although there is room", first, second)
		}
		grown() // over the quarter
		if last := grown(); first < 5*last {
			t.Errorf("2000 spans take %d bytes at first and %d in the end, want far less", first, last)
		}
		away.back.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(s.spans()); n != 8000 {
			t.Errorf("%d spans arrived: %+v", n, c.Stats())
		}
	})
}

func TestRestartSendsWhatWasLeft(t *testing.T) {
	for _, mode := range []otelcollector.SpoolMode{otelcollector.SpoolOverflow, otelcollector.SpoolJournal, otelcollector.SpoolMapped} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := spoolDir(t)
				away := &sink{answer: func(context.Context, int) error { return unavailable }}
				cfg := spooling(t, away, dir)
				cfg.SpoolMode = mode
				first, err := otelcollector.New(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				requests(t, first, 100)
				time.Sleep(10 * time.Second)
				requests(t, first, 10)
				err = first.Shutdown(t.Context())
				if !errors.Is(err, otelcollector.ErrSpooled) || !strings.Contains(err.Error(), "110") {
					t.Errorf("shut down: %v", err)
				}
				if st := first.Stats(); st.Spooled != 110 || st.Queued != 0 || st.TotalDropped() != 0 {
					t.Errorf("accounts of the first: %+v", st)
				}

				back := &sink{}
				second := newCollector(t, spooling(t, back, dir))
				requests(t, second, 1)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if st := second.Stats(); st.Recovered != 110 || st.Made != 1 || st.Exported != 111 || len(back.spans()) != 111 {
					t.Errorf("%d spans arrived; accounts of the second: %+v", len(back.spans()), st)
				}
				if n, _ := segments(t, dir); n != 0 {
					t.Errorf("%d segments are left", n)
				}
			})
		})
	}
}

// A process that is killed leaves its files as they are at that moment. With mapped ones all spans that have ended arrive, those
// of an upload under way and those that its workers were collecting; without, they are known to be lost.
func TestKilledProcess(t *testing.T) {
	for mode, arrive := range map[otelcollector.SpoolMode]int{otelcollector.SpoolOverflow: 0, otelcollector.SpoolMapped: 110} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answered := make(chan struct{})
				hangs := &sink{answer: func(context.Context, int) error { <-answered; return nil }}
				dir, left := spoolDir(t), spoolDir(t)
				cfg := spooling(t, hangs, dir)
				cfg.SpoolMode = mode
				killed := newCollector(t, cfg)
				requests(t, killed, 100)
				time.Sleep(1500 * time.Millisecond)
				requests(t, killed, 10)
				synctest.Wait()
				if st := killed.Stats(); hangs.tried() != 1 || st.Queued != 110 {
					t.Fatalf("%d uploads are under way; accounts: %+v", hangs.tried(), st)
				}
				if err := errors.Join(os.Mkdir(left, 0o700), os.CopyFS(left, os.DirFS(dir))); err != nil {
					t.Fatal(err)
				}

				close(answered)

				s := &sink{}
				next := newCollector(t, spooling(t, s, left))
				time.Sleep(10 * time.Second)
				synctest.Wait()
				st := next.Stats()
				checkBalance(t, st)
				if len(s.spans()) != arrive || st.Recovered != 110 || st.Dropped[otelcollector.DroppedCrash] != uint64(110-arrive) {
					t.Errorf("%d spans arrived; accounts: %+v", len(s.spans()), st)
				}
			})
		})
	}
}

// What comes to a good end leaves nothing behind for the next process.
func TestMappedSpansAreSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{answer: func(_ context.Context, attempt int) error {
			if attempt == 1 {
				return status.Error(codes.InvalidArgument, "no")
			}
			return nil
		}}
		dir, left := spoolDir(t), spoolDir(t)
		cfg := spooling(t, s, dir)
		cfg.SpoolMode = otelcollector.SpoolMapped
		c := newCollector(t, cfg)
		for range 20 {
			requests(t, c, 5)
			time.Sleep(1500 * time.Millisecond)
		}
		synctest.Wait()
		if st := c.Stats(); st.Exported+st.Dropped[otelcollector.DroppedInvalid] != 100 || st.Dropped[otelcollector.DroppedInvalid] == 0 {
			t.Errorf("accounts: %+v", st)
		}
		if err := errors.Join(os.Mkdir(left, 0o700), os.CopyFS(left, os.DirFS(dir))); err != nil {
			t.Fatal(err)
		}
		next := newCollector(t, spooling(t, &sink{}, left))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if st := next.Stats(); st.Recovered != 0 {
			t.Errorf("accounts of the next: %+v", st)
		}
	})
}

// With a journal a batch is on the disk when its first upload begins.
func TestJournalComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *otelcollector.Collector
		s := &sink{answer: func(context.Context, int) error {
			if st := c.Stats(); st.Spooled != 3 || st.Queued != 0 {
				t.Errorf("during the upload: %+v", st)
			}
			return nil
		}}
		dir := spoolDir(t)
		cfg := spooling(t, s, dir)
		cfg.SpoolMode = otelcollector.SpoolJournal
		c = newCollector(t, cfg)
		requests(t, c, 3)
		if n := len(received(t, c, s)); n != 3 || s.tried() != 1 {
			t.Errorf("%d spans arrived in %d requests", n, s.tried())
		}
		if st := c.Stats(); st.Spooled != 0 || st.Exported != 3 || st.QueuedBytes != 0 {
			t.Errorf("accounts: %+v", st)
		}
	})
}

// A receiver that is slow fills half of the memory, and then the disk; nothing is dropped.
func TestMemoryOverflowsToTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &sink{answer: func(context.Context, int) error { <-release; return nil }}
		cfg := spooling(t, s, spoolDir(t))
		cfg.MaxQueueBytes = 8 << 20
		c := newCollector(t, cfg)
		for range 100 {
			requests(t, c, 1, [2]string{"User-Agent", strings.Repeat("x", 500<<10)})
			synctest.Wait() // the disk has its time
		}
		st := c.Stats()
		if st.TotalDropped() != 0 || st.Spooled < 80 || st.QueuedBytes > 6<<20 || st.Exported != 0 {
			t.Errorf("accounts: %+v", st)
		}
		close(release)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if st := c.Stats(); st.Exported != 100 {
			t.Errorf("accounts: %+v", st)
		}
	})
}

// A process that has to end has a moment left to write what a receiver does not take that does not answer.
func TestShutdownLeavesTheRestInTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{answer: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		dir := spoolDir(t)
		c, err := otelcollector.New(t.Context(), spooling(t, s, dir))
		if err != nil {
			t.Fatal(err)
		}
		requests(t, c, 20, [2]string{"User-Agent", strings.Repeat("x", 500<<10)})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begin := time.Now()
		err = c.Shutdown(ctx)
		if d := time.Since(begin); !errors.Is(err, otelcollector.ErrSpooled) || d > 2*time.Second {
			t.Errorf("after %v: %v", d, err)
		}
		if st := c.Stats(); st.Spooled != 20 || st.Queued != 0 || st.QueuedBytes != 0 || st.TotalDropped() != 0 {
			t.Errorf("accounts: %+v", st)
		}
		back := &sink{}
		second := newCollector(t, spooling(t, back, dir))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(back.spans()) != 20 {
			t.Errorf("%d spans arrived: %+v", len(back.spans()), second.Stats())
		}
	})
}

// What comes about now is sent before what has waited in the spool, and that no faster than it should be.
func TestLiveSpansComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away outage
		dir := spoolDir(t)
		s := &sink{answer: away.answer}
		c := newCollector(t, spooling(t, s, dir))
		for range 60 { // 60 MiB
			requests(t, c, 4, [2]string{"User-Agent", strings.Repeat("x", 250<<10)})
			time.Sleep(time.Second)
		}
		away.back.Store(true)
		time.Sleep(5 * time.Second)
		for i := range 10 {
			before := c.Stats().Spooled
			w := dial(t, c)
			w.start("GET", "/live").complete(200, route("/live"))
			time.Sleep(time.Second + time.Millisecond)
			synctest.Wait()
			if n := count(s, "GET /live"); n != i+1 {
				t.Errorf("after a second %d of %d spans have arrived", n, i+1)
			}
			if after := c.Stats().Spooled; before-after > 24 {
				t.Errorf("%d spans of 250 KiB were replayed within a second", before-after)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := c.Stats(); st.Exported != 250 {
			t.Errorf("accounts: %+v", st)
		}
	})
}

func count(s *sink, name string) (n int) {
	for _, span := range s.spans() {
		if span.Name == name {
			n++
		}
	}
	return n
}

// A batch that fails again and again while others are accepted is taken for the cause, and holds up nobody.
func TestPoison(t *testing.T) {
	for _, spool := range []bool{false, true} {
		t.Run(map[bool]string{false: "in memory", true: "in the spool"}[spool], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sink{}
				s.refuse = func(names []string) error {
					for _, n := range names {
						if n == "GET /poison" {
							return unavailable
						}
					}
					return nil
				}
				cfg := quiet(t, s)
				cfg.ErrorHandler = func(error) {}
				if spool {
					cfg.SpoolDir = spoolDir(t)
				}
				c := newCollector(t, cfg)
				w := dial(t, c)
				w.start("GET", "/poison").complete(200, route("/poison"))
				for i := range 60 {
					time.Sleep(time.Second + time.Millisecond)
					synctest.Wait()
					requests(t, c, 1)
					if n := len(s.spans()); n < i-2 {
						t.Errorf("%d of %d spans have arrived: %+v %+v", n, i, c.Stats(), c.Receiver())
					}
				}
				synctest.Wait()
				if st := c.Stats(); st.Dropped[otelcollector.DroppedPoison] != 1 || st.TotalDropped() != 1 {
					t.Errorf("accounts: %+v", st)
				}
			})
		})
	}
}

// A batch is no poison that fails while the receiver is away, however many others were accepted before or after the outage.
func TestOutageIsNoPoison(t *testing.T) {
	for _, spool := range []bool{false, true} {
		for _, first := range []string{"others", "outage"} {
			t.Run(map[bool]string{false: "in memory", true: "in the spool"}[spool]+", first the "+first, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var unlucky atomic.Int32 // uploads of the batch that are to fail although the receiver is there
					var away outage
					away.back.Store(true)
					s := &sink{answer: away.answer, refuse: func(names []string) error {
						if slices.Contains(names, "GET /unlucky") && unlucky.Add(-1) >= 0 {
							return unavailable
						}
						return nil
					}}
					cfg := quiet(t, s)
					cfg.ErrorHandler = func(error) {}
					cfg.FlushInterval = 10 * time.Millisecond
					if spool {
						cfg.SpoolDir = spoolDir(t)
					}
					c := newCollector(t, cfg)
					w := dial(t, c)
					outage := func() {
						away.back.Store(false)
						time.Sleep(time.Minute)
						away.back.Store(true)
					}
					others := func() {
						unlucky.Store(3)
						for range 100 {
							time.Sleep(2 * cfg.FlushInterval)
							requests(t, c, 1)
						}
					}
					if first == "others" {
						unlucky.Store(1)
						w.start("GET", "/unlucky").complete(200, route("/unlucky"))
						time.Sleep(2 * cfg.FlushInterval)
						for range 10 { // before the next try
							requests(t, c, 1)
							time.Sleep(cfg.FlushInterval)
						}
						outage()
					} else {
						away.back.Store(false)
						w.start("GET", "/unlucky").complete(200, route("/unlucky"))
						outage()
						others()
					}
					time.Sleep(time.Minute)
					synctest.Wait()
					if st := c.Stats(); count(s, "GET /unlucky") != 1 || st.TotalDropped() != 0 {
						t.Errorf("accounts: %+v", st)
					}
				})
			})
		}
	}
}

// Shutdown gives up a batch that the receiver does not take, also when too few others were accepted for it to be poison.
func TestShutdownGivesUpOneThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{refuse: func(names []string) error {
			if slices.Contains(names, "GET /fails") {
				return unavailable
			}
			return nil
		}}
		cfg := quiet(t, s)
		cfg.ErrorHandler = func(error) {}
		c, err := otelcollector.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		dial(t, c).start("GET", "/fails").complete(200, route("/fails"))
		time.Sleep(time.Second + time.Millisecond)
		requests(t, c, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begin := time.Now()
		err = c.Shutdown(ctx)
		if took := time.Since(begin); err == nil || took > time.Minute {
			t.Errorf("shut down after %v: %v", took, err)
		}
		if st := c.Stats(); st.Exported != 1 || st.Dropped[otelcollector.DroppedShutdown] != 1 {
			t.Errorf("accounts: %+v", st)
		}
		checkBalance(t, c.Stats())
	})
}

// Wrong credentials cost some batches until somebody mends them, and no more.
func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		code codes.Code
		why  otelcollector.DropReason
	}{
		{codes.Unauthenticated, otelcollector.DroppedAuth},
		{codes.PermissionDenied, otelcollector.DroppedAuth},
		{codes.Unimplemented, otelcollector.DroppedConfig},
		{codes.NotFound, otelcollector.DroppedConfig},
	} {
		for _, dir := range []string{"", spoolDir(t)} {
			t.Run(c.code.String()+" "+map[bool]string{true: "in memory", false: "with a spool"}[dir == ""], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var mended atomic.Bool
					s := &sink{answer: func(context.Context, int) error {
						if mended.Load() {
							return nil
						}
						return status.Error(c.code, "no")
					}}
					cfg := quiet(t, s)
					cfg.ErrorHandler = func(error) {}
					cfg.SpoolDir = dir
					col := newCollector(t, cfg)
					for range 64 {
						requests(t, col, 1)
						time.Sleep(time.Second)
					}
					synctest.Wait()
					if r := col.Receiver(); r.State != otelcollector.ReceiverRefusing || r.NotBefore.IsZero() {
						t.Errorf("the receiver is %+v", r)
					}
					if n := s.tried(); n > 5 {
						t.Errorf("%d uploads in a minute, want three and a probe every thirty seconds", n)
					}
					lost := col.Stats().Dropped[c.why]
					mended.Store(true)
					time.Sleep(time.Minute)
					synctest.Wait()
					st := col.Stats()
					if st.Exported+lost != 64 || st.TotalDropped() != lost || st.Dropped[c.why] != lost {
						t.Errorf("%d spans were dropped before it was mended; accounts: %+v", lost, st)
					}
				})
			})
		}
	}
}

// What is refused for good is kept for people to look at, if there is a place for it, and is dropped all the same.
func TestDeadLetters(t *testing.T) {
	for _, mode := range []otelcollector.SpoolMode{otelcollector.SpoolOverflow, otelcollector.SpoolJournal, otelcollector.SpoolMapped} {
		for _, keep := range []int64{0, 1 << 20} {
			dir := spoolDir(t)
			s := &sink{answer: func(context.Context, int) error { return status.Error(codes.InvalidArgument, "no") }}
			cfg := spooling(t, s, dir)
			cfg.SpoolMode, cfg.SpoolDeadBytes = mode, keep
			c := newCollector(t, cfg)
			requests(t, c, 3, [2]string{"User-Agent", "the culprit"})
			if err := c.ForceFlush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if st := c.Stats(); st.Dropped[otelcollector.DroppedInvalid] != 3 || st.TotalDropped() != 3 || st.Spooled != 0 || st.Queued != 0 {
				t.Errorf("%s, %d bytes: accounts: %+v", mode, keep, st)
			}
			dead, err := filepath.Glob(filepath.Join(dir, "*", "dead", "*.ws"))
			if err != nil || len(dead) != int(min(keep, 1)) {
				t.Fatalf("%s, %d bytes: there is %q, %v", mode, keep, dead, err)
			}
			for _, file := range dead {
				if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "the culprit") {
					t.Errorf("%s, %d bytes: %v, %q", mode, keep, err, text)
				}
			}
		}
	}
}

// A receiver that asks to be left alone is left alone.
func TestThrottle(t *testing.T) {
	for _, c := range []struct {
		asked, least, most time.Duration
	}{
		{1500 * time.Millisecond, 1500 * time.Millisecond, 5 * time.Second},
		{0, 0, 5 * time.Second},
		{-time.Hour, 0, 5 * time.Second},
		{10 * time.Hour, 5 * time.Minute, 6 * time.Minute},
	} {
		t.Run(c.asked.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked, next time.Time
				var mu sync.Mutex
				s := &sink{answer: func(_ context.Context, attempt int) error {
					mu.Lock()
					defer mu.Unlock()
					if asked.IsZero() {
						asked = time.Now()
						return throttled(t, c.asked)
					}
					if next.IsZero() {
						next = time.Now()
					}
					return nil
				}}
				col := newCollector(t, spooling(t, s, spoolDir(t)))
				for range 400 {
					requests(t, col, 1)
					time.Sleep(time.Second)
				}
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				if d := next.Sub(asked); d < c.least || d > c.most {
					t.Errorf("the next upload came after %v, want %v to %v", d, c.least, c.most)
				}
				if st := col.Stats(); st.Exported < 395 || st.TotalDropped() > 0 {
					t.Errorf("accounts: %+v", st)
				}
			})
		})
	}
}

// As many uploads are under way as the distance of the receiver makes useful.
func TestUploadsAdapt(t *testing.T) {
	load := func(t *testing.T, answer func(context.Context, int) error) int {
		s := &sink{answer: answer}
		cfg := quiet(t, s)
		cfg.MaxQueueBytes = 1 << 30
		c := newCollector(t, cfg)
		for range 350 {
			requests(t, c, 1, [2]string{"User-Agent", strings.Repeat("x", 260<<10)})
			time.Sleep(2 * time.Millisecond)
		}
		synctest.Wait()
		limit := c.Receiver().Limit
		if err := c.ForceFlush(t.Context()); err != nil || len(s.spans()) != 350 {
			t.Errorf("flush: %v; %d spans arrived", err, len(s.spans()))
		}
		return limit
	}
	t.Run("far", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			far := func(context.Context, int) error { time.Sleep(50 * time.Millisecond); return nil }
			if n := load(t, far); n != otelcollector.MaxUploads {
				t.Errorf("%d uploads at most, want %d", n, otelcollector.MaxUploads)
			}
		})
	})
	t.Run("overrun", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			one := make(chan struct{}, 1)
			slow := func(context.Context, int) error {
				one <- struct{}{} // it does one at a time
				time.Sleep(5 * time.Millisecond)
				<-one
				return nil
			}
			if n := load(t, slow); n > otelcollector.Uploads {
				t.Errorf("%d uploads at most, want no more than at first", n)
			}
		})
	})
}

// A spool that fails is a warning: the memory holds what it can, and the rest is counted for that reason.
func TestSpoolThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away outage
		var r reports
		s := &sink{answer: away.answer}
		dir := spoolDir(t)
		cfg := spooling(t, s, dir)
		cfg.MaxQueueBytes = 2 << 20
		cfg.ErrorHandler = r.handle
		c := newCollector(t, cfg)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 30 {
			requests(t, c, 1, [2]string{"User-Agent", strings.Repeat("x", 250<<10)})
			time.Sleep(time.Second)
		}
		synctest.Wait()
		st := c.Stats()
		checkBalance(t, st)
		if st.SpoolErr == nil || st.Dropped[otelcollector.DroppedSpoolIO] == 0 || st.TotalDropped() != st.Dropped[otelcollector.DroppedSpoolIO] || st.Queued == 0 {
			t.Errorf("accounts: %+v", st)
		}
		if all := r.seen(); len(all) > 2 {
			t.Errorf("%d reports in half a minute: %q", len(all), all)
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := c.Stats(); st.SpoolErr != nil || st.Spooled == 0 || st.Queued != 0 {
			t.Errorf("after the disk was mended: %+v", st)
		}
		away.back.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := c.Stats(); st.Exported != 30-st.TotalDropped() {
			t.Errorf("accounts: %+v", st)
		}
	})
}

func TestSpoolThatMakesNoSense(t *testing.T) {
	file := spoolDir(t)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := spoolDir(t)
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*otelcollector.Config)
		want   string
	}{
		{"a file", func(c *otelcollector.Config) { c.SpoolDir = file }, "directory"},
		{"open to all", func(c *otelcollector.Config) { c.SpoolDir = open }, "0700"},
		{"mode", func(c *otelcollector.Config) { c.SpoolMode = "sometimes" }, "overflow, journal or mapped"},
		{"size", func(c *otelcollector.Config) { c.SpoolMaxBytes = -1 }, "SpoolMaxBytes"},
		{"dead", func(c *otelcollector.Config) { c.SpoolDeadBytes = -1 }, "SpoolDeadBytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{}
			cfg := spooling(t, s, spoolDir(t))
			c.change(&cfg)
			_, err := otelcollector.New(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New returned %v, want an error with %q", err, c.want)
			}
			if s.stops != 1 {
				t.Errorf("the client was stopped %d times", s.stops)
			}
		})
	}
}

// The accounts balance at any moment, also while spans go to the disk and come back.
func TestAccountsBalanceWithASpool(t *testing.T) {
	for _, mode := range []otelcollector.SpoolMode{otelcollector.SpoolOverflow, otelcollector.SpoolJournal, otelcollector.SpoolMapped} {
		t.Run(string(mode), func(t *testing.T) {
			s := &sink{answer: func(_ context.Context, attempt int) error {
				switch attempt % 5 {
				case 0:
					return status.Error(codes.InvalidArgument, "no")
				case 1, 2:
					return unavailable
				}
				return nil
			}}
			cfg := spooling(t, s, spoolDir(t))
			cfg.SpoolMode = mode
			cfg.MaxQueueBytes = 256 << 10
			cfg.FlushInterval = time.Millisecond
			c, err := otelcollector.New(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			var emit, watch sync.WaitGroup
			var stop atomic.Bool
			watch.Go(func() {
				for !stop.Load() {
					st := c.Stats()
					checkBalance(t, st)
					if st.Queued > st.Made || st.Spooled > st.Made {
						t.Errorf("a gauge is below zero: %+v", st)
					}
				}
			})
			for worker := range 4 {
				emit.Go(func() {
					w := dial(t, c, func(e *lifecycle.ConnectionOpened) { e.WorkerID = worker })
					for range 2000 {
						w.start("GET", "/").complete(200)
					}
					w.close(lifecycle.ReasonComplete)
				})
			}
			emit.Wait()
			shutDownInto(t, c)
			stop.Store(true)
			watch.Wait()
			st := c.Stats()
			if st.Made != 4*2001 || st.Queued != 0 || int(st.Exported) != len(s.spans()) {
				t.Errorf("%d spans arrived; accounts: %+v", len(s.spans()), st)
			}
		})
	}
}
