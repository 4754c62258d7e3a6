package accesslog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// TestContract runs the contract of collectors, and counts lines while it is at it: H50 to H54, exactly one for each request,
// however it ended.
func TestContract(t *testing.T) {
	for name, format := range map[string]*accesslog.Format{
		"Combined":  accesslog.MustCompile(accesslog.Combined, accesslog.FormatOptions{}),
		"JSON":      accesslog.MustCompile(accesslog.JSON, accesslog.FormatOptions{}),
		"Hypercorn": accesslog.MustCompile(accesslog.Hypercorn.DefaultFormat(), accesslog.FormatOptions{Dialect: accesslog.Hypercorn}),
		"variables": accesslog.MustCompile("%({user}e)s", accesslog.FormatOptions{}),
	} {
		t.Run(name, func(t *testing.T) {
			lifecycletest.TestCollector(t, func(t *testing.T) lifecycle.Collector {
				out := newMemory()
				var log lifecycletest.Recorder
				l := start(t, accesslog.Options{Format: format, Output: out, BufferBytes: 4 << 20})
				t.Cleanup(func() {
					flush(t, l)
					ended := 0
					for _, e := range log.Events() {
						if lifecycle.OutcomeOf(e) != nil {
							ended++
						}
					}
					text := out.String()
					if got := strings.Count(text, "\n"); got != ended || l.Stats() != (accesslog.Stats{Written: uint64(ended)}) {
						t.Errorf("%d lines for %d requests, and %+v", got, ended, l.Stats())
					}
					if strings.Contains(text, "#") {
						t.Error("a string was kept for longer than it was lent:", text)
					}
				})
				return lifecycle.Tee(&log, l)
			})
		})
	}
}

func TestLinesAreInOrderAndOfTheirConnection(t *testing.T) {
	out := newMemory()
	l := start(t, accesslog.Options{Output: out, Format: accesslog.MustCompile("%(h)s %({request_index}x)s %(s)s", accesslog.FormatOptions{})})
	c := lifecycle.Open(l, &lifecycle.ConnectionOpened{Peers: peers})
	first, second, third := answered(), aborted(), unparsable()
	first.Index, second.Index = 1, 2
	c.Record(first)
	c.Record(&lifecycle.RequestStarted{Request: first.Request})
	c.Record(second)
	c.Record(third)
	c.Record(&lifecycle.ConnectionCompleted{})
	l.Record(first)
	l.Record(&lifecycle.ConnectionRejected{Peers: peers, Status: 503})
	flush(t, l)
	const want = "203.0.113.5 1 200\n203.0.113.5 2 -\n203.0.113.5 - 400\n- 1 200\n"
	if got := out.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFilter leaves out what the filter does not want, and writes a line although the filter panics (H28).
func TestFilter(t *testing.T) {
	out := newMemory()
	var told messages
	l := start(t, accesslog.Options{Output: out, Format: short(t), ErrorLog: told.logger(), Filter: func(r *accesslog.Record) bool {
		if r.Status == 500 {
			panic("no such filter")
		}
		return r.Target != "/livez"
	}})
	for i, target := range []string{"/", "/livez", "/x"} {
		e := answered()
		e.Target, e.Index = target, i+1
		l.Record(e)
	}
	broken := answered()
	broken.Status, broken.Index = 500, 4
	l.Record(broken)
	flush(t, l)
	if got := out.String(); got != "1\n3\n4\n" {
		t.Errorf("%q", got)
	}
	if s := l.Stats(); s.Written != 3 || s.Problems != 1 {
		t.Errorf("%+v", s)
	}
	if got := told.String(); !strings.Contains(got, "no such filter") {
		t.Errorf("the error log was told %q", got)
	}
}

// TestH28AtomThatPanics: the line is written, and the error log is told.
func TestH28AtomThatPanics(t *testing.T) {
	out := newMemory()
	var told messages
	f := accesslog.MustCompile("%(boom)s %(s)s", accesslog.FormatOptions{Atoms: map[string]accesslog.Atom{
		"boom": func([]byte, *accesslog.Record) []byte { panic("boom") },
	}})
	l := start(t, accesslog.Options{Output: out, Format: f, ErrorLog: told.logger()})
	l.Record(answered())
	flush(t, l)
	if got := out.String(); got != "- 200\n" {
		t.Errorf("%q", got)
	}
	if got := told.String(); !strings.Contains(got, "atom boom: panic: boom") || l.Stats().Problems != 1 {
		t.Errorf("the error log was told %q, and the sums are %+v", got, l.Stats())
	}
}

// TestH9RequestScopedValues: {name}e is what the handler set, else what the options allow, and never the environment.
func TestH9RequestScopedValues(t *testing.T) {
	t.Setenv("SECRET", "of the process")
	out := newMemory()
	f := accesslog.MustCompile("%({User}e)s %({secret}e)s %({zone}e)s", accesslog.FormatOptions{Env: map[string]string{"ZONE": "eu"}})
	l := start(t, accesslog.Options{Output: out, Format: f})
	c := lifecycle.Open(l, &lifecycle.ConnectionOpened{Peers: peers})
	provider := c.(lifecycle.ContextProvider)
	handle := func(index int, set func(context.Context)) *lifecycle.ResponseCompleted {
		e := answered()
		e.Index = index
		set(provider.Context(context.Background(), &lifecycle.RequestStarted{Request: e.Request}))
		return e
	}
	first := handle(1, func(ctx context.Context) {
		accesslog.Set(ctx, "user", "ann")
		accesslog.Set(ctx, "USER", "bob")
		accesslog.Set(ctx, "zone", "us")
	})
	second := handle(2, func(ctx context.Context) { accesslog.Set(ctx, "user", "eve\n") }) // pipelined
	third := handle(3, func(context.Context) {})
	for _, e := range []lifecycle.Event{first, second, third} {
		c.Record(e)
	}
	late := provider.Context(context.Background(), &lifecycle.RequestStarted{Request: &lifecycle.Request{}, Ended: true})
	accesslog.Set(late, "user", "late")
	accesslog.Set(context.Background(), "user", "nobody")
	flush(t, l)
	const want = "bob - us\neve\\x0a - eu\n- - eu\n"
	if got := out.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// A context that was asked for while the outcome was recorded is forgotten with the next request.
	provider.Context(context.Background(), &lifecycle.RequestStarted{Request: third.Request})
	fourth := answered()
	fourth.Index = 4
	c.Record(fourth)
	if n := accesslog.OpenVariables(c); n != 0 {
		t.Errorf("variables of %d requests are kept after their end", n)
	}
	plain := start(t, accesslog.Options{Output: newMemory(), Format: short(t)})
	if _, ok := lifecycle.Open(plain, &lifecycle.ConnectionOpened{}).(lifecycle.ContextProvider); ok {
		t.Error("a format without such an atom makes each request ask for a context")
	}
}

// TestManyWorkers: no line is lost, torn or mixed up when all write at once.
func TestManyWorkers(t *testing.T) {
	const workers, requests = 8, 2000
	out := newMemory()
	l := start(t, accesslog.Options{
		Output: out, Workers: 3, BufferBytes: 4 << 20,
		Format: accesslog.MustCompile(`{"w":%({worker_id}x)s,"i":%({request_index}x)s,"a":%(a)s}`, accesslog.FormatOptions{}),
	})
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			e := answered()
			e.WorkerID = w
			c := lifecycle.Open(l, &lifecycle.ConnectionOpened{Peers: peers})
			for i := range requests {
				e.Index = i + 1
				c.Record(e)
			}
		})
	}
	wg.Wait()
	flush(t, l)
	next := map[int]int{}
	for _, line := range out.lines() {
		var v struct {
			W, I int
			A    string
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.A != "agent/1.0" {
			t.Fatalf("%q: %v", line, err)
		}
		if next[v.W]++; next[v.W] != v.I {
			t.Fatalf("worker %d: line %d came as its %d.", v.W, v.I, next[v.W])
		}
	}
	if s := l.Stats(); s != (accesslog.Stats{Written: workers * requests}) || len(next) != workers {
		t.Errorf("%+v from %d workers", s, len(next))
	}
}

// hot records a request over and over, as a server does.
type hot struct {
	to lifecycle.Collector
	e  *lifecycle.ResponseCompleted
}

func newHot(l *accesslog.Log, worker int) *hot {
	e := answered()
	e.WorkerID = worker
	e.Fields = boxed{e.Fields.(lifecycletest.Fields)}
	e.ResponseFields = boxed{e.ResponseFields.(lifecycletest.Fields)}
	return &hot{lifecycle.Open(l, &lifecycle.ConnectionOpened{Peers: peers}), e}
}

// boxed are fields whose method calls do not box a slice.
type boxed struct{ lifecycletest.Fields }

var hotFormats = []struct {
	name    string
	dialect accesslog.Dialect
	format  string
}{
	{"Common", accesslog.Seed, accesslog.Common},
	{"Combined", accesslog.Seed, accesslog.Combined},
	{"JSON", accesslog.Seed, accesslog.JSON},
	{"Hypercorn", accesslog.Hypercorn, accesslog.Hypercorn.DefaultFormat() + ` %({accept}i)s %({content-type}o)s %({none}o)s`},
	{"Gunicorn", accesslog.Gunicorn, accesslog.Gunicorn.DefaultFormat() + ` %({accept}i)s %({content-type}o)s %({none}o)s`},
	{"all", accesslog.Seed, `%(h)s %(u)s %(t)s %(r)s %(R)s %(s)s %(st)s %(S)s %(m)s %(U)s %(Uq)s %(q)s %(H)s %(b)s %(B)s %(f)s %(a)s %(T)s %(M)s ` +
		`%(D)s %(L)s %(p)s %(P)s %({host}i)s %({content-type}o)s %({x}e)s %({trace_id}x)s %({span_id}x)s %({trace_flags}x)s ` +
		`%({status_class}x)s %({route}x)s %({idle_ms}x)s %({head_ms}x)s %({queue_ms}x)s %({handler_ms}x)s %({write_ms}x)9s %({time}x)s`},
}

func TestALineAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector, sync.Pool forgets what it is given")
	}
	for _, c := range hotFormats {
		t.Run(c.name, func(t *testing.T) {
			out := newMemory()
			l := start(t, accesslog.Options{
				Format: accesslog.MustCompile(c.format, accesslog.FormatOptions{Dialect: c.dialect}), Output: discard{out}, BufferBytes: 4 << 20,
			})
			h := newHot(l, 0)
			if n := testing.AllocsPerRun(500, func() { h.to.Record(h.e) }); n != 0 {
				t.Errorf("%v allocations a line, want 0", n)
			}
			flush(t, l)
			if s := l.Stats(); s.Written != 501 || s.Dropped() != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// discard takes everything and keeps nothing.
type discard struct{ *memory }

func (discard) Write(lines []byte) (int, error) { return len(lines), nil }

// BenchmarkLine is what a request costs its worker: the line is made and handed over. Nothing is written.
func BenchmarkLine(b *testing.B) {
	for _, c := range hotFormats {
		b.Run(c.name, func(b *testing.B) {
			format := accesslog.MustCompile(c.format, accesslog.FormatOptions{Dialect: c.dialect})
			l := start(b, accesslog.Options{Format: format, Output: discard{newMemory()}})
			h := newHot(l, 0)
			b.ReportAllocs()
			for b.Loop() {
				h.to.Record(h.e)
			}
			reportDropped(b, l)
		})
	}
}

// BenchmarkLineParallel is the same from all workers at once.
func BenchmarkLineParallel(b *testing.B) {
	l := start(b, accesslog.Options{Format: accesslog.MustCompile(accesslog.Combined, accesslog.FormatOptions{}), Output: discard{newMemory()}})
	var mu sync.Mutex
	worker := 0
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		mu.Lock()
		h := newHot(l, worker)
		worker++
		mu.Unlock()
		for pb.Next() {
			h.to.Record(h.e)
		}
	})
	reportDropped(b, l)
}

// reportDropped says how much of the work was thrown away because the benchmark is faster than any load.
func reportDropped(b *testing.B, l *accesslog.Log) {
	s := l.Stats()
	b.ReportMetric(float64(s.Dropped())/float64(b.N), "dropped/op")
}

func ExampleSet() {
	format := accesslog.MustCompile(`"%(r)s" %(s)s %({user}e)s`, accesslog.FormatOptions{})
	log := accesslog.New(accesslog.Options{Format: format})
	connection := log.OpenConnection(&lifecycle.ConnectionOpened{Peers: peers})

	// What the server does, with what the handler does in the middle.
	request := &lifecycle.Request{Index: 1, Method: "GET", Target: "/", HTTPVersion: "1.1"}
	ctx := connection.(lifecycle.ContextProvider).Context(context.Background(), &lifecycle.RequestStarted{Request: request})
	accesslog.Set(ctx, "user", "ann")
	connection.Record(&lifecycle.ResponseCompleted{Outcome: lifecycle.Outcome{Request: request, Status: 200}})

	if err := log.Close(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: "GET / HTTP/1.1" 200 ann
}
