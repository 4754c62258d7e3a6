// Package limit refuses the requests that are too many: those of a client that asks more often than it may, with 429, and those
// that come while as many as may be are in progress, with 503. Both say in Retry-After when to come again, and leave the
// connection open.
//
// A [Handler] stands before another http.Handler, of httpcore's server or of net/http's:
//
//	h, err := limit.New(mux, limit.Options{Rate: 100, Burst: 200, MaxRequests: 1000})
//	...
//	httpcore.ListenAndServe(":8080", h)
//
// A request that is refused is one that was answered: it starts and completes like any other, so its status is on its span,
// in its access line and in every metric. The X-Wirespan-Error of the response tells it from one that the application has
// refused. [Handler.Stats] counts them.
//
// An httpcore.SyncHandler is asked before the Handler, so what it answers is not limited. How many connections there may be is
// the server's to say: httpcore.Server.MaxConnections.
package limit
