package otelcollector_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

// reports collects what the ErrorHandler is told.
type reports struct {
	mu  sync.Mutex
	all []string
}

func (r *reports) handle(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, err.Error())
}

func (r *reports) seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.all...)
}

// requests has n requests served on a connection that stays open.
func requests(t testing.TB, c *otelcollector.Collector, n int, fields ...[2]string) {
	w := dial(t, c)
	for range n {
		w.start("GET", "/", fields...).complete(200)
	}
}

var unavailable = status.Error(codes.Unavailable, "connection refused")

// throttled is what a receiver answers that wants to be left alone for a while.
func throttled(t testing.TB, d time.Duration) error {
	t.Helper()
	s, err := status.New(codes.ResourceExhausted, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

func TestFlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		c := newCollector(t, quiet(t, s))
		requests(t, c, 3)
		time.Sleep(time.Second - 1)
		synctest.Wait()
		if n := s.tried(); n != 0 {
			t.Errorf("%d uploads before the interval has passed", n)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n := len(s.spans()); n != 3 {
			t.Errorf("%d spans were sent after one interval, want 3", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := s.tried(); n != 1 {
			t.Errorf("%d uploads, want no empty one", n)
		}
	})
}

func TestIntervalGathersTheWorkers(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	for worker := range 40 {
		w := dial(t, c, func(e *lifecycle.ConnectionOpened) { e.WorkerID = worker })
		w.start("GET", "/").complete(200)
	}
	if n := len(received(t, c, s)); n != 40 || s.tried() != 1 {
		t.Errorf("%d spans in %d requests, want 40 in one", n, s.tried())
	}
}

func TestWorkerIDsOfAnySize(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	for _, worker := range []int{-1, 0, 1 << 40, 1023, 1024} {
		dial(t, c, func(e *lifecycle.ConnectionOpened) { e.WorkerID = worker }).start("GET", "/").complete(200)
	}
	if n := len(received(t, c, s)); n != 5 {
		t.Errorf("%d spans, want 5", n)
	}
}

func TestBatchesAndRequestsAreBounded(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	long := [2]string{"User-Agent", strings.Repeat("x", 1<<20)}
	requests(t, c, 12, long)
	requests(t, c, 3000)
	if n := len(received(t, c, s)); n != 3012 {
		t.Errorf("%d spans, want 3012", n)
	}
	for _, size := range s.sizes {
		if size > 4<<20 {
			t.Errorf("a request has %d bytes", size)
		}
	}
	if s.tried() < 4 {
		t.Errorf("%d requests, want more", s.tried())
	}
}

func TestSpanThatIsTooLarge(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	requests(t, c, 1, [2]string{"User-Agent", strings.Repeat("x", 4<<20)})
	requests(t, c, 1)
	if n := len(received(t, c, s)); n != 1 {
		t.Errorf("%d spans were sent, want 1", n)
	}
	if st := c.Stats(); st.Dropped[otelcollector.DroppedTooLarge] != 1 || st.Made != 2 {
		t.Errorf("accounts: %+v", st)
	}
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		release := make(chan struct{})
		s := &sink{answer: func(context.Context, int) error { <-release; return nil }}
		cfg := quiet(t, s)
		cfg.ErrorHandler = r.handle
		cfg.MaxQueueBytes = 3 << 20
		c := newCollector(t, cfg)
		requests(t, c, 20, [2]string{"User-Agent", strings.Repeat("x", 500<<10)})
		time.Sleep(10 * time.Second) // no request waits for the receiver
		synctest.Wait()
		st := c.Stats()
		checkBalance(t, st)
		if st.Dropped[otelcollector.DroppedQueueFull] == 0 || st.QueuedBytes > 4<<20 || st.Made != 20 {
			t.Errorf("accounts: %+v", st)
		}
		if n := s.tried(); n != otelcollector.Uploads {
			t.Errorf("%d uploads are under way, want %d", n, otelcollector.Uploads)
		}
		if all := r.seen(); len(all) != 1 || !strings.Contains(all[0], "queue is full") {
			t.Errorf("reports: %q", all)
		}
		close(release)
	})
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		s := &sink{answer: func(_ context.Context, attempt int) error {
			if attempt <= 5 {
				return unavailable
			}
			return nil
		}}
		cfg := quiet(t, s)
		cfg.ErrorHandler = r.handle
		c := newCollector(t, cfg)
		requests(t, c, 2)
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := c.Stats(); st.Exported != 2 || s.tried() != 6 {
			t.Errorf("%d attempts; accounts: %+v", s.tried(), st)
		}
		if all := r.seen(); len(all) != 1 || !strings.Contains(all[0], "connection refused") {
			t.Errorf("reports: %q, want one", all)
		}
	})
}

// An outage costs nothing as long as the memory holds what comes about, however long it is.
func TestRetriesDoNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		var back atomic.Bool
		s := &sink{answer: func(context.Context, int) error {
			if back.Load() {
				return nil
			}
			return unavailable
		}}
		cfg := quiet(t, s)
		cfg.ErrorHandler = r.handle
		c := newCollector(t, cfg)
		requests(t, c, 2)
		time.Sleep(time.Hour)
		synctest.Wait()
		if st := c.Stats(); st.Queued != 2 || st.Retried == 0 {
			t.Errorf("accounts: %+v", st)
		}
		if n := len(r.seen()); n < 50 || n > 61 {
			t.Errorf("%d reports in an hour, want one a minute", n)
		}
		if n := s.tried(); n > 2*3600 {
			t.Errorf("%d attempts in an hour", n)
		}
		back.Store(true)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if st := c.Stats(); st.Exported != 2 {
			t.Errorf("accounts: %+v", st)
		}
	})
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		retry bool
		after time.Duration
		why   otelcollector.DropReason
	}{
		{"unavailable", unavailable, true, 0, ""},
		{"deadline", context.DeadlineExceeded, true, 0, ""},
		{"wrapped", fmt.Errorf("upload: %w", status.Error(codes.Aborted, "")), true, 0, ""},
		{"no connection", fmt.Errorf("upload: %w", &net.OpError{Op: "dial", Err: errors.New("no route")}), true, 0, ""},
		{"throttled", throttled(t, 90*time.Second), true, 90 * time.Second, ""},
		{"too large", status.Error(codes.ResourceExhausted, "4 MiB"), false, 0, otelcollector.DroppedTooLarge},
		{"invalid", status.Error(codes.InvalidArgument, ""), false, 0, otelcollector.DroppedInvalid},
		{"unauthenticated", status.Error(codes.Unauthenticated, ""), false, 0, otelcollector.DroppedAuth},
		{"unimplemented", status.Error(codes.Unimplemented, ""), false, 0, otelcollector.DroppedConfig},
		{"internal", status.Error(codes.Internal, ""), false, 0, otelcollector.DroppedInternal},
		{"unknown", errors.New("no idea"), false, 0, otelcollector.DroppedInternal},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r reports
				s := &sink{answer: func(_ context.Context, attempt int) error {
					if attempt == 1 {
						return c.err
					}
					return nil
				}}
				cfg := quiet(t, s)
				cfg.ErrorHandler = r.handle
				col := newCollector(t, cfg)
				requests(t, col, 1)
				begin := time.Now()
				if err := col.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
				if d := time.Since(begin); d < c.after {
					t.Errorf("tried again after %v, want %v", d, c.after)
				}
				st := col.Stats()
				if retried := st.Exported == 1; retried != c.retry {
					t.Errorf("retried: %t, want %t: %+v", retried, c.retry, st)
				}
				if !c.retry && st.Dropped[c.why] != 1 {
					t.Errorf("accounts: %+v, want %s", st, c.why)
				}
			})
		})
	}
}

func TestForceFlushHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &sink{answer: func(context.Context, int) error { <-release; return nil }}
		c := newCollector(t, quiet(t, s))
		requests(t, c, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.ForceFlush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ForceFlush returned %v, want the end of its context", err)
		}
		close(release)
		if err := c.ForceFlush(t.Context()); err != nil || len(s.spans()) != 1 {
			t.Errorf("ForceFlush returned %v with %d spans sent", err, len(s.spans()))
		}
	})
}

func TestShutdown(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c)
	w.start("GET", "/").complete(200)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := c.Shutdown(t.Context()); err != nil {
				t.Errorf("shut down: %v", err)
			}
		})
	}
	wg.Wait()
	if len(s.spans()) != 1 || s.stops != 1 {
		t.Errorf("%d spans were sent and the client was stopped %d times, want both once", len(s.spans()), s.stops)
	}
	w.start("GET", "/").complete(200)
	dial(t, c, func(e *lifecycle.ConnectionOpened) { e.WorkerID = 7 }).start("GET", "/").complete(200)
	if st := c.Stats(); st.Made != 3 || st.Dropped[otelcollector.DroppedAlreadyShutdown] != 2 || st.Queued != 0 {
		t.Errorf("accounts: %+v", st)
	}
	if err := c.ForceFlush(t.Context()); err != nil {
		t.Errorf("flush after shutdown: %v", err)
	}
}

// shutDown shuts a collector down whose receiver answers like this, and returns how long it took.
func shutDown(t *testing.T, within time.Duration, answer func(ctx context.Context, attempt int) error) (time.Duration, otelcollector.Stats, error) {
	var r reports
	cfg := quiet(t, &sink{answer: answer})
	cfg.ErrorHandler = r.handle
	c, err := otelcollector.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	requests(t, c, 4)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	begin := time.Now()
	err = c.Shutdown(ctx)
	took := time.Since(begin)
	return took, c.Stats(), err
}

func TestShutdownHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, st, err := shutDown(t, 3*time.Second, func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() })
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "4 spans") || d != 3*time.Second {
			t.Errorf("after %v: %v", d, err)
		}
		if st.Dropped[otelcollector.DroppedShutdown] != 4 || st.Queued != 0 {
			t.Errorf("accounts: %+v", st)
		}
	})
}

// What still waits for an upload is given up as well.
func TestShutdownAbandonsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		cfg := quiet(t, &sink{answer: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }})
		cfg.ErrorHandler = r.handle
		c, err := otelcollector.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		requests(t, c, 20, [2]string{"User-Agent", strings.Repeat("x", 500<<10)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "20 spans") {
			t.Errorf("shut down: %v", err)
		}
		if st := c.Stats(); st.Dropped[otelcollector.DroppedShutdown] != 20 || st.Queued != 0 || st.QueuedBytes != 0 {
			t.Errorf("accounts: %+v", st)
		}
	})
}

// With nobody listening there is no use in waiting for the deadline.
func TestShutdownWithoutReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32
		d, st, err := shutDown(t, time.Hour, func(context.Context, int) error { attempts.Add(1); return unavailable })
		if err == nil || d > 2*time.Second || attempts.Load() != 3 {
			t.Errorf("after %v and %d attempts: %v", d, attempts.Load(), err)
		}
		if st.Dropped[otelcollector.DroppedShutdown] != 4 || st.Queued != 0 {
			t.Errorf("accounts: %+v", st)
		}
	})
}

func TestShutdownCutsAPauseShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		s := &sink{answer: func(_ context.Context, attempt int) error {
			if attempt == 1 {
				return throttled(t, 4*time.Minute)
			}
			return nil
		}}
		cfg := quiet(t, s)
		cfg.ErrorHandler = r.handle
		c := newCollector(t, cfg)
		requests(t, c, 1)
		time.Sleep(2 * time.Second)
		begin := time.Now()
		if err := c.Shutdown(t.Context()); err != nil || time.Since(begin) > time.Second || len(s.spans()) != 1 {
			t.Errorf("after %v: %v, %d spans sent", time.Since(begin), err, len(s.spans()))
		}
	})
}

func TestShutdownDoesNotWaitForAStuckClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		_, st, err := shutDown(t, time.Second, func(context.Context, int) error { <-release; return nil })
		if err == nil || !strings.Contains(err.Error(), "does not return") {
			t.Errorf("shut down: %v", err)
		}
		checkBalance(t, st)
	})
}

// The accounts balance at any moment, whatever happens.
func TestAccountsBalanceInMotion(t *testing.T) {
	var r reports
	s := &sink{answer: func(_ context.Context, attempt int) error {
		switch attempt % 4 {
		case 0:
			return status.Error(codes.InvalidArgument, "no")
		case 1:
			return unavailable
		}
		return nil
	}}
	cfg := quiet(t, s)
	cfg.ErrorHandler = r.handle
	cfg.MaxQueueBytes = 256 << 10
	cfg.FlushInterval = time.Millisecond
	c := newCollector(t, cfg)
	var emit, watch sync.WaitGroup
	var stop atomic.Bool
	watch.Go(func() {
		for !stop.Load() {
			checkBalance(t, c.Stats())
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
	if err := c.Shutdown(t.Context()); err != nil {
		t.Log(err) // a batch may have had its last attempts
	}
	stop.Store(true)
	watch.Wait()
	st := c.Stats()
	if st.Made != 4*2001 || st.Queued != 0 || int(st.Exported) != len(s.spans()) {
		t.Errorf("%d spans arrived; accounts: %+v", len(s.spans()), st)
	}
}

func TestReportsAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reports
		s := &sink{answer: func(context.Context, int) error { return errors.New("no") }}
		cfg := quiet(t, s)
		cfg.ErrorHandler = r.handle
		c := newCollector(t, cfg)
		for range 90 {
			requests(t, c, 1)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		all := r.seen()
		if len(all) != 2 || !strings.Contains(all[1], "more errors since the last report") {
			t.Errorf("reports in 90 seconds: %q", all)
		}
	})
}
