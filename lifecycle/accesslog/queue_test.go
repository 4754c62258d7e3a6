package accesslog_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
)

// numbered is the ending of the request with this index.
func numbered(i int) lifecycle.Event {
	e := answered()
	e.Index = i
	return e
}

func TestALineWaitsForOthersButNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newMemory()
		l := start(t, accesslog.Options{Output: out, Format: short(t), FlushEvery: time.Second, Workers: 4})
		l.Record(numbered(1))
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		l.Record(numbered(2))
		if got := out.String(); got != "" {
			t.Errorf("written at once: %q", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := out.String(); got != "1\n2\n" {
			t.Errorf("after FlushEvery: %q", got)
		}
		l.Record(numbered(3)) // and again
		time.Sleep(time.Second)
		synctest.Wait()
		if got := out.String(); got != "1\n2\n3\n" {
			t.Errorf("after another: %q", got)
		}
	})
}

// fat is a format with lines of some 5 KB, so that the smallest buffer takes a dozen.
func fat() (*accesslog.Format, func(*accesslog.Log, int)) {
	f := accesslog.MustCompile("%({request_index}x)s %(a)s", accesslog.FormatOptions{})
	e := answered()
	withField("User-Agent", strings.Repeat("a", 5000))(e)
	return f, func(l *accesslog.Log, i int) {
		e.Index = i
		l.Record(e)
	}
}

// TestABufferThatFillsUpIsWrittenAtOnce: long before FlushEvery.
func TestABufferThatFillsUpIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newMemory()
		format, record := fat()
		l := start(t, accesslog.Options{Output: out, Format: format, FlushEvery: time.Hour, BufferBytes: 1})
		for i := range 100 {
			record(l, i+1)
			synctest.Wait()
		}
		if s := l.Stats(); s.Dropped() != 0 || s.Written < 90 {
			t.Errorf("%+v, want nothing dropped and nearly all written", s)
		}
	})
}

// TestNobodyStaysOutOfTheLogByBeingTooLong: a line that does not fit has its values cut.
func TestNobodyStaysOutOfTheLogByBeingTooLong(t *testing.T) {
	for _, format := range []string{accesslog.JSON, strings.Repeat("%(a)s", 50)} {
		out := newMemory()
		l := start(t, accesslog.Options{Output: out, Format: accesslog.MustCompile(format, accesslog.FormatOptions{}), BufferBytes: 1})
		e := answered()
		long := strings.Repeat("\x00", 60<<10)
		e.Method, e.Target, e.Route = long, long+"?"+long, long
		withField("User-Agent", long)(e)
		l.Record(e)
		flush(t, l)
		got := out.String()
		if s := l.Stats(); s != (accesslog.Stats{Written: 1}) || len(got) < 10<<10 {
			t.Errorf("%+v, and a line of %d bytes", s, len(got))
		}
		if format == accesslog.JSON && !json.Valid([]byte(got)) {
			t.Errorf("not JSON: %s", got)
		}
	}
}

// TestAnOutputThatStandsStillHoldsUpNobody: Record returns, memory is bounded, and what was dropped is counted and said.
func TestAnOutputThatStandsStillHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := blocked()
		var told messages
		format, record := fat()
		l := start(t, accesslog.Options{Output: out, Format: format, BufferBytes: 1, Workers: 1, ErrorLog: told.logger()})
		record(l, 1)
		time.Sleep(time.Second)
		<-out.entered // the writer holds the first line and does not come back
		const more = 1000
		for i := range more {
			record(l, i+2)
		}
		full := l.Stats().DroppedFull
		if full == 0 || full >= more {
			t.Fatalf("%+v, want some to wait and the others to be dropped", l.Stats())
		}
		close(out.block)
		flush(t, l)
		if s := l.Stats(); s.Written != more+1-full || s.DroppedFull != full || len(out.lines()) != int(s.Written) {
			t.Errorf("%+v and %d lines", s, len(out.lines()))
		}
		if got := told.String(); !strings.Contains(got, "lines of the access log were dropped") {
			t.Errorf("the error log was told %q", got)
		}
	})
}

// TestAnOutputThatFailsIsTriedAgain: the rest of a line that was cut short is written as soon as there is room, and nothing
// twice.
func TestAnOutputThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newMemory()
		out.allow(5)
		var told messages
		l := start(t, accesslog.Options{Output: out, Format: short(t), ErrorLog: told.logger()})
		l.Record(numbered(1001))
		l.Record(numbered(1002))
		time.Sleep(time.Minute)
		l.Record(numbered(1003))
		if got := out.String(); got != "1001\n" || !errors.Is(l.Err(), errFull) {
			t.Fatalf("%q, %v", got, l.Err())
		}
		out.allow(2)
		time.Sleep(time.Minute)
		if got := out.String(); got != "1001\n10" {
			t.Fatalf("%q", got)
		}
		out.allow(-1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := out.String(); got != "1001\n1002\n1003\n" {
			t.Errorf("%q", got)
		}
		if s := l.Stats(); s != (accesslog.Stats{Written: 3}) || l.Err() != nil {
			t.Errorf("%+v, %v", s, l.Err())
		}
		got := told.String()
		if strings.Count(got, "cannot be written") != 1 || strings.Count(got, "is written again") != 1 || !strings.Contains(got, errFull.Error()) {
			t.Errorf("the error log was told %q, want the outage once", got)
		}
	})
}

// TestReopenBeginsACutLineAnew: the part in the old file stays there, the whole line comes out in the new one.
func TestReopenBeginsACutLineAnew(t *testing.T) {
	out := newMemory()
	out.allow(7)
	l := start(t, accesslog.Options{Output: out, Format: short(t)})
	l.Record(numbered(1001))
	l.Record(numbered(1002))
	if err := l.Reopen(soon(t)); err != nil {
		t.Fatal(err)
	}
	out.allow(-1)
	flush(t, l)
	if got, want := out.String(), "1001\n10--reopened--\n1002\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFlushGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := newMemory()
		failing.allow(0)
		for name, out := range map[string]*memory{"an output that fails": failing, "an output that blocks": blocked()} {
			l := start(t, accesslog.Options{Output: out, Format: short(t)})
			l.Record(numbered(1))
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			err := l.Flush(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "flush the access log: ") {
				t.Errorf("%s: %v", name, err)
			}
			if out == failing && !errors.Is(err, errFull) {
				t.Errorf("%v does not say why", err)
			}
			if err := l.Reopen(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("reopen %s: %v", name, err)
			}
			out.allow(-1)
			if out.block != nil {
				close(out.block)
			}
			flush(t, l)
			if got := out.String(); got != "1\n" {
				t.Errorf("%s took %q in the end", name, got)
			}
		}
	})
}

func TestClose(t *testing.T) {
	out := newMemory()
	l := start(t, accesslog.Options{Output: out, Format: short(t), FlushEvery: time.Hour})
	l.Record(numbered(1))
	for range 2 {
		if err := l.Close(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	l.Record(numbered(2))
	if got := out.String(); got != "1\n" || out.closes != 1 {
		t.Errorf("%q was written, and the output closed %d times", got, out.closes)
	}
	if s := l.Stats(); s != (accesslog.Stats{Written: 1, DroppedClosed: 1}) {
		t.Errorf("%+v", s)
	}
	for name, err := range map[string]error{"flush": l.Flush(soon(t)), "reopen": l.Reopen(soon(t))} {
		if err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("%s a closed log: %v", name, err)
		}
	}
}

// TestCloseGivesUpWithItsContext: it ends the write, counts what is lost and leaves no goroutine.
func TestCloseGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := newMemory()
		failing.allow(4)
		for name, out := range map[string]*memory{"an output that fails": failing, "an output that blocks": blocked()} {
			var told messages
			l := accesslog.New(accesslog.Options{Output: out, Format: short(t), ErrorLog: told.logger(), Workers: 2})
			for i := range 5 {
				e := answered()
				e.Index, e.WorkerID = i, i
				l.Record(e)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			synctest.Wait()
			if s := l.Stats(); s.DroppedLost == 0 || s.Written+s.DroppedLost != 5 {
				t.Errorf("%s: %+v", name, s)
			}
			if !strings.Contains(told.String(), "were dropped") {
				t.Errorf("%s: the error log was told %q", name, &told)
			}
			if err := l.Close(context.Background()); err == nil || !strings.Contains(err.Error(), "lines could not be written") {
				t.Errorf("%s, closed again: %v", name, err)
			}
		}
	})
}
