package main

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/wirespan/wirespan/lifecycle"
)

// consoleBytes bounds what waits to be written: some four hundred lines.
const consoleBytes = 64 << 10

// console is a [lifecycle.Collector] that writes one line for each request that ends.
//
// Record formats the line into a bounded buffer, and one goroutine writes it: a terminal that stands still, or a
// pipe that nobody reads, costs lines and never holds up a request. Lines that found no room are counted, and the
// count is written as soon as there is room again.
type console struct {
	out     io.Writer
	colours bool
	wake    chan struct{} // holds a token while there is something to write
	done    chan struct{} // closed when the writer has ended

	mu      sync.Mutex
	waiting []byte
	dropped int
	closed  bool
}

var _ lifecycle.Collector = (*console)(nil)

// newConsole starts the goroutine that writes to out. Close ends it.
func newConsole(out io.Writer, colours bool) *console {
	c := &console{out: out, colours: colours, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go c.write()
	return c
}

// Record implements [lifecycle.Collector].
func (c *console) Record(e lifecycle.Event) {
	if lifecycle.OutcomeOf(e) == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return
	case len(c.waiting) > consoleBytes-maxLine:
		c.dropped++
		return
	}
	c.waiting = appendLine(c.waiting, e, c.colours)
	c.wakeLocked()
}

func (c *console) wakeLocked() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write runs until the console is closed and empty, or out fails.
func (c *console) write() {
	defer close(c.done)
	var text []byte
	for range c.wake {
		for {
			var last bool
			text, last = c.take(text[:0])
			if len(text) == 0 {
				if last {
					return
				}
				break
			}
			if _, err := c.out.Write(text); err != nil {
				c.stop() // nobody reads any more
				return
			}
		}
	}
}

// take exchanges what waits for the empty buffer.
func (c *console) take(empty []byte) (text []byte, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, c.waiting = c.waiting, empty
	if c.dropped > 0 {
		text = fmt.Appendf(text, "… %d requests left out here: the output was not read fast enough\n", c.dropped)
		c.dropped = 0
	}
	return text, c.closed
}

func (c *console) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.wakeLocked()
}

// Close writes what waits and ends the console, or gives up when ctx ends. Events that come later are left out.
func (c *console) Close(ctx context.Context) error {
	c.stop()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write the last lines to standard output: %w", ctx.Err())
	}
}
