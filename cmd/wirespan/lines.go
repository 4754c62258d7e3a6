package main

import (
	"context"
	"fmt"
	"io"
	"sync"
)

// linesBytes bounds what waits to be written: some four hundred lines.
const linesBytes = 64 << 10

// lines writes lines to an output that may stand still.
//
// They go into a bounded buffer, and one goroutine writes them: a terminal that is stopped, or a pipe that nobody reads,
// costs lines and never holds anybody up. Those that found no room are counted, and the count is written as soon as there is
// room again.
type lines struct {
	out  io.Writer
	of   string        // what a line tells of, in the plural
	wake chan struct{} // holds a token while there is something to write
	done chan struct{} // closed when the writer has ended

	mu      sync.Mutex
	waiting []byte
	dropped int
	closed  bool
}

// newLines starts the goroutine that writes to out. Close ends it.
func newLines(out io.Writer, of string) *lines {
	l := &lines{out: out, of: of, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.write()
	return l
}

// add has line append one line of at most n bytes to what it is given.
func (l *lines) add(n int, line func([]byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return
	case len(l.waiting) > linesBytes-n:
		l.dropped++
		return
	}
	l.waiting = line(l.waiting)
	l.wakeLocked()
}

// Write implements [io.Writer] for whole lines, and does not fail.
func (l *lines) Write(p []byte) (int, error) {
	l.add(len(p), func(waiting []byte) []byte { return append(waiting, p...) })
	return len(p), nil
}

func (l *lines) wakeLocked() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// write runs until the lines are closed and all written, or out fails.
func (l *lines) write() {
	defer close(l.done)
	var text []byte
	for range l.wake {
		for {
			var last bool
			text, last = l.take(text[:0])
			if len(text) == 0 {
				if last {
					return
				}
				break
			}
			if _, err := l.out.Write(text); err != nil {
				l.stop() // nobody reads any more
				return
			}
		}
	}
}

// take exchanges what waits for the empty buffer.
func (l *lines) take(empty []byte) (text []byte, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, l.waiting = l.waiting, empty
	if l.dropped > 0 {
		text = fmt.Appendf(text, "… %d %s left out here: the output was not read fast enough\n", l.dropped, l.of)
		l.dropped = 0
	}
	return text, l.closed
}

func (l *lines) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wakeLocked()
}

// Close writes what waits and ends the lines, or gives up when ctx ends. Lines that come later are left out.
func (l *lines) Close(ctx context.Context) error {
	l.stop()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write the last lines to standard output: %w", ctx.Err())
	}
}
