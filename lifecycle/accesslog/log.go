package accesslog

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// Options configures a [Log]. The zero value writes the Combined format to standard output.
type Options struct {
	// Format is Combined by default.
	Format *Format
	// Output is standard output by default. The Log closes it.
	Output Output
	// Filter reports whether a request gets a line; nil is all of them. It runs on the hot path and from many goroutines at
	// once. Should it panic, the line is written and the Log says so.
	Filter func(*Record) bool
	// Workers is how many workers have a buffer of their own; those beyond share. 0 is GOMAXPROCS.
	Workers int
	// BufferBytes bounds the lines of one worker that wait to be written; 0 is 256 KiB, and the least is 64 KiB. The Log uses
	// this much for each worker and once more for what is being written. A line that would not fit has its values cut.
	BufferBytes int
	// FlushEvery is how long a line may wait for others before it is written; 0 is 100 ms.
	FlushEvery time.Duration
	// ErrorLog is told when lines cannot be written, were dropped, or were made with trouble; nil is [slog.Default] as it is
	// now.
	ErrorLog *slog.Logger
}

// The defaults of Options.
const (
	bufferBytes = 256 << 10
	flushEvery  = 100 * time.Millisecond
)

const minBufferBytes = 64 << 10

func (o Options) withDefaults() Options {
	if o.Format == nil {
		o.Format = MustCompile(Combined, FormatOptions{})
	}
	if o.Output == nil {
		o.Output = Writer(os.Stdout)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.BufferBytes <= 0 {
		o.BufferBytes = bufferBytes
	}
	o.BufferBytes = max(o.BufferBytes, minBufferBytes)
	if o.FlushEvery <= 0 {
		o.FlushEvery = flushEvery
	}
	if o.ErrorLog == nil {
		o.ErrorLog = slog.Default()
	}
	return o
}

// Log is a [lifecycle.Collector] that writes one line for each request that ends, whatever its end. A connection that was
// refused before it had a request has no line.
//
// Lines wait in a buffer of their worker until a goroutine writes them, so an output that stands still holds up nobody: lines
// beyond the bound are dropped and counted. The lines of one connection come in the order in which its requests ended.
type Log struct {
	format *Format
	filter func(*Record) bool
	bound  int // of a line
	queue  *queue
	pool   sync.Pool // of *scratch
}

var _ lifecycle.ConnectionCollector = (*Log)(nil)

// New starts a Log. Close ends it.
func New(o Options) *Log {
	o = o.withDefaults()
	return &Log{
		format: o.Format, filter: o.Filter, bound: o.BufferBytes,
		queue: newQueue("access log", o.Output, o.Workers, o.BufferBytes, o.FlushEvery, o.ErrorLog),
	}
}

// OpenConnection implements [lifecycle.ConnectionCollector]. What it returns is a [lifecycle.ContextProvider] when the format
// has an atom for what handlers set.
func (l *Log) OpenConnection(e *lifecycle.ConnectionOpened) lifecycle.Collector {
	if l.format.vars {
		return &varConnection{connection: newConnection(l, e)}
	}
	c := newConnection(l, e)
	return &c
}

// Record implements [lifecycle.Collector], for events that come without their connection: their lines have no peer.
func (l *Log) Record(e lifecycle.Event) { l.record(e, &lifecycle.Peers{}, nil) }

// Access writes the line of r, if the filter wants it.
func (l *Log) Access(r *Record) {
	s := l.scratch()
	s.record = *r
	l.write(s)
}

func (l *Log) record(e lifecycle.Event, p *lifecycle.Peers, v *vars) {
	if lifecycle.OutcomeOf(e) == nil {
		return
	}
	s := l.scratch()
	s.record.fill(e, p)
	s.record.vars = v
	l.write(s)
}

// scratch is what a line is made in. It is on loan for one line.
type scratch struct {
	record Record
	line   []byte
}

func (l *Log) scratch() *scratch {
	if s, ok := l.pool.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}

// maxScratch bounds the buffer that is kept for the next line.
const maxScratch = 64 << 10

// write makes the line and hands it over. It gives s back.
func (l *Log) write(s *scratch) {
	r := &s.record
	if l.filter == nil || l.wanted(r) {
		l.makeLine(s)
		l.queue.add(r.WorkerID, s.line, false)
	}
	if r.problem != nil {
		l.queue.trouble.add(r.problem)
	}
	s.record = Record{} // what is borrowed is not kept
	if cap(s.line) <= maxScratch {
		l.pool.Put(s)
	}
}

// makeLine makes a line that fits into an empty buffer, whatever the request is: nobody stays out of the log by being too long.
func (l *Log) makeLine(s *scratch) {
	s.line = append(l.format.Append(s.line[:0], &s.record), '\n')
	if len(s.line) > l.bound {
		s.record.limit = l.format.limitFor(l.bound)
		s.line = append(l.format.Append(s.line[:0], &s.record), '\n')
	}
}

// wanted asks the filter.
func (l *Log) wanted(r *Record) (yes bool) {
	defer func() {
		if p := recover(); p != nil {
			r.problem = fmt.Errorf("filter: %w", &lifecycle.PanicError{Value: p, Stack: debug.Stack()})
			yes = true
		}
	}()
	return l.filter(r)
}

// Stats says what has become of the lines so far. Any goroutine may call it.
func (l *Log) Stats() Stats { return l.queue.stats() }

// Err returns why the output does not take lines just now, and nil when it does. Any goroutine may call it.
func (l *Log) Err() error { return l.queue.failure() }

// Flush returns when the output has taken every line of the requests that had ended when it was called, or ctx ends.
func (l *Log) Flush(ctx context.Context) error { return l.queue.flush(ctx) }

// Reopen makes the output begin anew, for a file that was moved away: the lines so far go to the old file, those that follow to
// the new one, and none is lost. Should it fail, the log goes on with the old file. It gives up when ctx ends.
func (l *Log) Reopen(ctx context.Context) error { return l.queue.reopen(ctx) }

// Close writes the lines that wait, closes the output and ends the log's goroutine. When ctx ends first it gives up, and
// counts what is lost. Requests that end later have no line. It may be called twice.
func (l *Log) Close(ctx context.Context) error { return l.queue.close(ctx) }
