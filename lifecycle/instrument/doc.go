// Package instrument has hooks for what goes on inside a server, below its requests: accepts, reads and writes of the
// sockets, outgoing connections, TLS handshakes, queues and the runs of handlers.
//
// It is for the server what net/http/httptrace is for the client, which net/http's server has nothing like: see
// golang/go#18997 and golang/go#38270, open since 2017 and 2020. httpcore calls the hooks; so may any other code that has
// sockets, queues or tasks.
//
//	server := &httpcore.Server{Handler: mux, Hooks: &instrument.Hooks{
//		RecvReady: func(i instrument.IOReady) { waited.Observe(i.Wait) },
//		SendReady: func(i instrument.IOReady) { log.Printf("%s took %v to read its response", i.Conn.Remote, i.Wait) },
//	}}
//
// # Scopes
//
// Hooks are asked for in three places, and each event goes to all that are in force: those of the request first, then those
// of the connection, then those of the server. It is httptrace's order, the inner before the outer.
//
//   - The server: httpcore.Server.Hooks.
//   - A connection: httpcore.Server.ConnHooks, or [With] in Server.ConnContext; in Server.BaseContext, all of a listener.
//   - A request: [With] in its handler, with the request's context. From then on the hooks are called for what the server does
//     for this request, until its response is sent.
//
// [FromContext] returns those of a context, for code that is called with it: the dialer of a proxy, say.
//
// # What a hook may do
//
// Hooks run where things happen, in the way of the request, from many goroutines at once; a worker waits until they return.
// What they are given is lent to them until then. A hook that panics is logged, the first time, and harms nobody
// else; it must not end its goroutine, nor read or write the connection that it is told about.
//
// Nobody pays for hooks that are not there: a server without any asks once for each event whether there are, and neither reads
// the clock nor builds anything.
//
// # Inside
//
//	hooks.go    the hooks                 info.go   what they are given
//	compose.go  two sets made one         guard.go  panics
//	context.go  scopes                    dial.go   outgoing connections
//	print.go    lines for people          log.go    the same through slog      text.go  their words
package instrument
