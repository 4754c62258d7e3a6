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
// An engine owns sockets and goroutines. It asks the state machine, [conn], what is next: bytes, a request to serve, or the
// end. conn makes no system call; where a handler must wait for the client it goes through the stream interface, which the
// engine implements.
//
// A request is an exchange (exchange.go) from the first byte of its head to the one place where it ends: conn.flush
// hands the response to the kernel, and conn.finish records the outcome, whatever it was. Answers that the server makes
// by itself (answer.go) go the same way. Pipelined responses wait for each other in conn.out, with their exchanges in
// conn.pending, and leave in one write; a handler that is not quick does not hold them back (held.go).
//
// # The way of a connection
//
// An intake (intake.go) accepts at one socket and gives each connection to a worker (acceptmode.go). What happens when
// there is no descriptor left is in shortage.go and reserve.go, and how a server ends in drain.go.
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
// # What a response tells
//
// When the Server is told so, a final response says which request it answers: by X-Request-ID, traceresponse and Server-Timing
// (tracefields.go, requestid.go), which Handler and SyncHandler have no part in. They are appended when the head is completed, so
// what they tell is what is known by then. When none is asked for, that is one comparison.
//
// # The goroutine engine
//
// Each connection has a goroutine that reads, parses and runs the handlers (engine_goroutine.go); its stream is a net.Conn
// (socket.go). It is for TLS, for listeners that are not sockets themselves, and for systems without epoll.
//
// # The epoll engine
//
// Each worker has an epoll set and one baton (baton_linux.go). The life of a connection (polled_linux.go), and who runs it:
//
//   - The goroutine of the listener accepts it, makes its conn, records ConnectionOpened, and puts it into the epoll set of
//     its worker. Now it is parked: it has neither a goroutine nor a buffer.
//   - The goroutine that holds the baton is told that there are bytes. It changes the connection's state from parked to
//     running, which makes it the connection's goroutine, reads, parses, calls the handler, writes, and parks it again: one
//     turn. The usual request costs one recvfrom, one sendto, and its share of an epoll_wait.
//   - A turn that lasts loses the baton. The watchdog (watchdog_linux.go) looks every millisecond whether a worker is in the
//     same turn as the last time; and a handler that has to wait for its client gives the baton away by itself
//     (polled.wait). Either takes it by a compare-and-swap of the worker's word, and gives it, with the events that are not
//     looked at yet, to a spare goroutine (runners_linux.go). The one that has lost it finds that out when the turn ends: it
//     parks its connection and becomes a spare one.
//   - A connection whose handlers are slow, or for a while after a slow one every connection that is not known to be quick,
//     is handed to a spare goroutine as soon as there are bytes, so that nobody waits for the watchdog.
//   - An event of a connection that runs, which only a later holder of the baton can see, is noted in it (eventWhileRunning):
//     it wakes who waits, and tells the request's context when the client is gone.
//   - A connection that has been parked for too long is run by the sweep, which finds it parked and makes it running.
//   - Whoever runs it closes it. Close and the sweep only shut the socket down, or wake who waits.
//   - A handler that hijacks takes it out of the epoll set, as a net.Conn.
//
// What makes that safe: a worker's word says whose turn it is and is only changed by compare-and-swap, so there is one
// holder at any time; what belongs to the baton (the events, the connections with more to do) is touched by nobody
// else. A connection's state is atomic, and only who has made it running touches its conn. An event finds its connection by
// slot and generation (slots_linux.go), so one that comes late finds nobody. The buffers and the exchange belong to the
// connection's goroutine, never to the worker.
//
// # Deadlines
//
// There is no timer per connection: conn.deadline and conn.writeDeadline hold when the present wait has lasted too
// long, and one ticking goroutine of the server (sweep.go) compares them ten times a second and interrupts the socket.
// The interrupted operation then looks whether it was meant. The same tick renews the Date header and the anchor of
// the wall clock.
//
// # Hooks
//
// What goes on below the requests is told to the [instrument.Hooks] that are in force (hooks.go, taskhooks.go): a connection
// has none, and a nil pointer to look at, or a hooked, with those of the server and its own, and those of its request while
// there is one. The goroutine engine's reads and writes are in sockethooks.go and waited_linux.go, the epoll engine's in
// polledhooks_linux.go. They are called in the turn of the connection: one that lasts loses the baton, as a handler would.
// Through TLS they are told of the plain text; what is read and thrown away when a connection lingers, and what a refused
// one is told, is not told.
//
// # Locks
//
// The order is response.mu, body.mu, expectation.mu, requestContext.mu, watcher.mu; and server.mu, worker.mu; deadlines.mu
// and body.wake come last but for lowConn.mu and polled.mu, which are innermost. reserve.mu is taken with none
// of them held. Nothing that reads the body takes response.mu: a Write that waits for the client holds it, and the client may
// be waiting for its body to be read.
//
// Of the atomics of the epoll engine, these pairs are stored and loaded in opposite order on the two sides, so that one of
// them sees the other: polled.poked and polled.state (a poke and a park), pollWorker.word and watchdog.asleep (the begin of a
// turn and the watchdog's sleep), conn.idle and server.draining (the wait for a request and Shutdown).
package httpcore
