package lifecycle

import "context"

// Collector consumes lifecycle events.
//
// Record runs on the hot path of the connection that emits the event, and is called from many goroutines at
// once; events of one connection come one after the other. It must not block. The event is valid until Record
// returns; see [Event] on how to keep one. The emitter does not recover a panic of Record.
type Collector interface {
	Record(Event)
}

// CollectorFunc lets a function serve as a [Collector].
type CollectorFunc func(Event)

// Record calls f(e).
func (f CollectorFunc) Record(e Event) { f(e) }

// ConnectionCollector is a [Collector] that keeps state for each connection without a map or a lock.
//
// OpenConnection takes the place of Record for [ConnectionOpened], and returns the Collector that receives
// every later event of that connection, [ConnectionCompleted] last. It must not return nil.
// Events that belong to no open connection still go to the ConnectionCollector itself.
type ConnectionCollector interface {
	Collector
	OpenConnection(*ConnectionOpened) Collector
}

// ContextProvider is implemented by a [Collector] (the one that OpenConnection returned, or else the
// server's) that adds to the context which the handler of a request sees, such as the active span.
//
// The server calls Context at most once for a request, and only when the handler first asks its context for a
// value that the server does not know, so a handler that never asks costs nothing. The call may come from any
// goroutine, also while the connection's own goroutine records the outcome, and even after that when the
// handler has left the context to a goroutine of its own: then e.Ended is true, and of the request only
// Stamp and Trace are filled in. Context returns parent or a child of it; e is valid until it returns.
type ContextProvider interface {
	Context(parent context.Context, e *RequestStarted) context.Context
}

// Noop is the [Collector] that discards every event. A server treats nil as Noop.
var Noop Collector = noop{}

type noop struct{}

func (noop) Record(Event) {}

// Open reports a new connection to c and returns the Collector for the rest of its events:
// c.OpenConnection(e) where c has it, else c itself after c.Record(e).
// Whoever emits events calls it once for a connection.
func Open(c Collector, e *ConnectionOpened) Collector {
	if cc, ok := c.(ConnectionCollector); ok {
		return cc.OpenConnection(e)
	}
	c.Record(e)
	return c
}
