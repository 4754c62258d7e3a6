// Package httpcore is an HTTP/1.1 server that emits a lifecycle event at each turn of a connection's life.
//
// It stands where net/http's server stood: [Server] has the fields of http.Server, takes an http.Handler, and
// gives it all that net/http gives (Flusher, Hijacker, ReaderFrom, http.ResponseController, 1xx, trailers, a context
// that ends with the client). What it adds is a [lifecycle.Collector], and limits that are on by default.
//
// # The way of the bytes
//
//	socket → engine → conn (next, begin, serve) → http1.Head → handler → response → conn.out → flush → socket
//	                    │
//	                    └ emit.go → lifecycle.Collector
//
// An engine owns sockets and goroutines (engine_goroutine.go, socket.go). It asks the state machine, [conn], what is
// next: bytes, a request to serve, or the end. conn makes no system call; where a handler must wait for the client it
// goes through the stream interface, which the engine implements.
//
// A request is an exchange (exchange.go) from the first byte of its head to the one place where it ends: conn.flush
// hands the response to the kernel, and conn.finish records the outcome, whatever it was. Answers that the server makes
// by itself (answer.go) go the same way. Pipelined responses wait for each other in conn.out, with their exchanges in
// conn.pending, and leave in one write; a handler that is not quick does not hold them back.
//
// # What a handler is given
//
// One allocation, handling (handle.go), holds the context and the ResponseWriter of one request; a body, where there is
// one, is another. They are never reused, so a handler may keep the request, and a goroutine that outlives its handler
// finds a ResponseWriter that says so instead of the next request's. The context costs nothing until it is asked: the
// first Done makes the connection watch for the client's end, the first Value asks the collector for the active span.
//
// A [SyncHandler] is given views of the connection's buffers instead, and allocates nothing.
//
// # Deadlines
//
// There is no timer per connection: conn.deadline and conn.writeDeadline hold when the present wait has lasted too
// long, and one ticking goroutine of the server (sweep.go) compares them ten times a second and interrupts the socket.
// The interrupted operation then looks whether it was meant. The same tick renews the Date header and the anchor of
// the wall clock.
//
// # Locks
//
// The order is response.mu, body.mu, expectation.mu, requestContext.mu, watcher.mu; and server.mu, worker.mu; deadlines.mu
// and body.wake come last but for lowConn.mu, which is innermost. Nothing that reads the body takes response.mu: a Write
// that waits for the client holds it, and the client may be waiting for its body to be read.
package httpcore
