package accesslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// How long the writer waits before it tries an output again that has failed: at first, and at most.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// queue takes lines from many workers to one Output. Each worker has a shard, and one goroutine, the writer, empties them. An
// output that fails is tried again and again, and meanwhile the shards fill up.
type queue struct {
	name   string // of the log, in messages
	out    Output
	every  time.Duration
	errors *slog.Logger
	shards []*shard

	first chan struct{} // a token: lines have come, so empty the shards in a while
	half  chan struct{} // a token: a shard fills up, so empty them now

	orders  chan order
	closed  chan struct{} // closed by close: write the rest and end
	abandon chan struct{} // closed when the rest cannot be waited for
	done    chan struct{} // closed when the writer has ended
	closing, abandoning,
	closingOutput sync.Once

	written, lost atomic.Uint64
	trouble       trouble
	failed        atomic.Pointer[error] // why the output does not take lines just now

	// The writer's own.
	chunk    []byte // the buffer of a shard
	sent     int    // of chunk
	pause    time.Duration
	flushes  []chan<- error // whose callers wait until all is written
	reported uint64         // dropped lines
	end      error          // set before done is closed
}

// order is for the writer.
type order struct {
	reopen bool
	answer chan<- error // holds one
}

func newQueue(name string, out Output, workers, bound int, every time.Duration, errors *slog.Logger) *queue {
	q := &queue{
		name: name, out: out, every: every, errors: errors,
		first: make(chan struct{}, 1), half: make(chan struct{}, 1), orders: make(chan order),
		closed: make(chan struct{}), abandon: make(chan struct{}), done: make(chan struct{}),
		chunk: make([]byte, 0, bound),
	}
	for range workers {
		q.shards = append(q.shards, newShard(bound))
	}
	go q.run()
	return q
}

// add takes a line with its newline. It does not block. An urgent line is written at once.
func (q *queue) add(worker int, line []byte, urgent bool) {
	first, half := q.shards[uint(worker)%uint(len(q.shards))].add(line)
	switch {
	case half || urgent:
		signal(q.half)
	case first:
		signal(q.first)
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run is the writer.
func (q *queue) run() {
	defer close(q.done)
	timer := time.NewTimer(q.every)
	timer.Stop()
	closed := q.closed
	for armed := false; ; {
		first, half := q.first, q.half
		if armed {
			first = nil
		}
		if q.pause > 0 {
			first, half = nil, nil
		}
		select {
		case <-first:
			timer.Reset(q.every)
			armed = true
			continue
		case <-half:
		case <-timer.C:
		case o := <-q.orders:
			q.obey(o)
		case <-closed:
			closed = nil
		case <-q.abandon:
			q.finish()
			return
		}
		armed = false
		timer.Stop()
		if err := q.drain(); err != nil {
			timer.Reset(q.pause)
		} else if closed == nil {
			q.finish()
			return
		}
	}
}

// drain writes what the shards hold, and tells those who wait for it.
func (q *queue) drain() error {
	err := q.empty()
	q.report(err)
	if err != nil {
		q.pause = min(max(2*q.pause, minPause), maxPause)
		return err
	}
	q.pause = 0
	for _, answer := range q.flushes {
		answer <- nil
	}
	q.flushes = nil
	return nil
}

// empty writes what is left of the last chunk and then the shards in turn, until the output fails.
func (q *queue) empty() error {
	if err := q.send(); err != nil {
		return err
	}
	for _, s := range q.shards {
		q.chunk, q.sent = s.take(q.chunk[:0]), 0
		if err := q.send(); err != nil {
			return err
		}
	}
	return nil
}

// send writes the rest of the chunk.
func (q *queue) send() error {
	rest := q.chunk[q.sent:]
	if len(rest) == 0 {
		return nil
	}
	n, err := q.out.Write(rest)
	n = min(max(n, 0), len(rest))
	if n < len(rest) && err == nil {
		err = errors.New("the output took a part and did not say why")
	}
	q.sent += n
	q.written.Add(uint64(bytes.Count(rest[:n], newline)))
	if n == len(rest) {
		return nil // all is there, whatever it says
	}
	return err
}

var newline = []byte{'\n'}

// obey does what a caller waits for; a flush is answered by the drain that follows.
func (q *queue) obey(o order) {
	if !o.reopen {
		q.flushes = append(q.flushes, o.answer)
		return
	}
	_ = q.drain() // what came before goes where it would have gone; what cannot comes out at the new place
	// A line that was cut short begins anew there.
	q.sent = bytes.LastIndexByte(q.chunk[:q.sent], '\n') + 1
	o.answer <- q.out.Reopen()
}

// report says what has changed since the last time: that the output fails or works again, and what was lost.
func (q *queue) report(err error) {
	failed := q.failed.Load() != nil
	switch {
	case err != nil && !failed:
		q.errors.Warn("the "+q.name+" cannot be written; lines wait", "error", err.Error())
	case err == nil && failed:
		q.errors.Info("the " + q.name + " is written again")
	}
	if err == nil {
		q.failed.Store(nil)
	} else {
		q.failed.Store(&err)
	}
	if s := q.stats(); s.Dropped() > q.reported {
		q.errors.Warn("lines of the "+q.name+" were dropped", "lines", s.Dropped()-q.reported,
			"full", s.DroppedFull, "closed", s.DroppedClosed, "lost", s.DroppedLost)
		q.reported = s.Dropped()
	}
	if n, err := q.trouble.take(); n > 0 {
		q.errors.Error("lines of the "+q.name+" were made with trouble", "lines", n, "error", err, "stack", stackOf(err))
	}
}

// stackOf returns the stack of a panic.
func stackOf(err error) string {
	var panicked *lifecycle.PanicError
	if errors.As(err, &panicked) {
		return string(panicked.Stack)
	}
	return ""
}

// finish counts what was not written, and closes the output.
func (q *queue) finish() {
	rest := bytes.Count(q.chunk[q.sent:], newline)
	for _, s := range q.shards {
		rest += bytes.Count(s.take(nil), newline)
	}
	q.lost.Add(uint64(rest))
	if rest > 0 {
		q.end = fmt.Errorf("close the %s: %d lines could not be written", q.name, rest)
	}
	q.report(q.failure())
	q.end = errors.Join(q.end, q.closeOutput())
}

func (q *queue) closeOutput() (err error) {
	q.closingOutput.Do(func() { err = q.out.Close() })
	return err
}

func (q *queue) failure() error {
	if err := q.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// flush returns when all lines that were there before have been taken.
func (q *queue) flush(ctx context.Context) error { return q.order(ctx, "flush", false) }

// reopen reopens the output.
func (q *queue) reopen(ctx context.Context) error { return q.order(ctx, "reopen", true) }

// order gives the writer something to do and waits for it.
func (q *queue) order(ctx context.Context, what string, reopen bool) error {
	if ctx.Err() != nil {
		return q.gaveUp(ctx, what)
	}
	answer := make(chan error, 1)
	select {
	case q.orders <- order{reopen, answer}:
	case <-q.done:
		return fmt.Errorf("%s the %s: it is closed", what, q.name)
	case <-ctx.Done():
		return q.gaveUp(ctx, what)
	}
	select {
	case err := <-answer:
		return wrap(err, "%s the %s", what, q.name)
	case <-q.done:
	case <-ctx.Done():
		return q.gaveUp(ctx, what)
	}
	select {
	case err := <-answer:
		return wrap(err, "%s the %s", what, q.name)
	default:
		return fmt.Errorf("%s the %s: it was closed meanwhile", what, q.name)
	}
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

func (q *queue) gaveUp(ctx context.Context, what string) error {
	return fmt.Errorf("%s the %s: %w", what, q.name, errors.Join(context.Cause(ctx), q.failure()))
}

// close writes the rest, until ctx ends.
func (q *queue) close(ctx context.Context) error {
	q.closing.Do(func() {
		for _, s := range q.shards {
			s.close()
		}
		close(q.closed)
	})
	select {
	case <-q.done:
		return q.end
	case <-ctx.Done():
	}
	err := q.gaveUp(ctx, "close")
	q.abandoning.Do(func() { close(q.abandon) })
	return errors.Join(err, q.closeOutput()) // which ends a Write that blocks
}

func (q *queue) stats() Stats {
	s := Stats{Written: q.written.Load(), DroppedLost: q.lost.Load(), Problems: q.trouble.all.Load()}
	for _, shard := range q.shards {
		full, late := shard.dropped()
		s.DroppedFull += full
		s.DroppedClosed += late
	}
	return s
}
