package main

import "github.com/wirespan/wirespan/lifecycle"

// connections is a [lifecycle.Collector] that counts the open connections, upgraded ones included. Behind other
// collectors in a Tee it knows that they have seen all there was to see of a connection.
type connections struct{ tally }

var _ lifecycle.ConnectionCollector = (*connections)(nil)

// OpenConnection implements [lifecycle.ConnectionCollector].
func (c *connections) OpenConnection(*lifecycle.ConnectionOpened) lifecycle.Collector {
	c.add()
	return c
}

// Record implements [lifecycle.Collector].
func (c *connections) Record(e lifecycle.Event) {
	if _, ok := e.(*lifecycle.ConnectionCompleted); ok {
		c.done()
	}
}
