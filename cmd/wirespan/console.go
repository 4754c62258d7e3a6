package main

import (
	"io"

	"github.com/wirespan/wirespan/lifecycle"
)

// console is a [lifecycle.Collector] that writes one line for each request that ends. It never holds up a request, see
// [lines].
type console struct {
	*lines
	colours bool
}

var _ lifecycle.Collector = (*console)(nil)

// newConsole starts the goroutine that writes to out. Close ends it.
func newConsole(out io.Writer, colours bool) *console {
	return &console{lines: newLines(out, "requests"), colours: colours}
}

// Record implements [lifecycle.Collector].
func (c *console) Record(e lifecycle.Event) {
	if lifecycle.OutcomeOf(e) == nil {
		return
	}
	c.add(maxLine, func(waiting []byte) []byte { return appendLine(waiting, e, c.colours) })
}
