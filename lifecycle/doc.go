// Package lifecycle says what happened on the wire.
//
// A server that emits lifecycle events calls a [Collector] at each turn of a
// connection's life, in this order:
//
//	ConnectionOpened
//	  RequestStarted                   the head of a request was parsed
//	    StreamOpened … StreamClosed    when the response is streamed or upgraded
//	  ResponseCompleted | RequestFailed | ClientDisconnected
//	ConnectionCompleted
//
// and outside a connection [ConnectionRejected] and [TLSHandshakeFailed].
//
// The invariants, which package lifecycletest checks:
//
//   - There is one ConnectionCompleted for each ConnectionOpened, and it is the last event of its connection.
//   - Each RequestStarted ends in exactly one of ResponseCompleted, RequestFailed or ClientDisconnected.
//     The three share [Outcome]. A head that cannot be parsed is a RequestFailed alone, with Started false.
//   - The sums agree: ConnectionCompleted.RequestsServed counts the RequestStarted events, and
//     TotalBytesSent adds up the BytesSent of the outcomes.
//   - Timestamps never go back on a connection, and its worker does not change.
//   - Request.Index counts the RequestStarted events of a connection, from 1.
//   - StreamOpened comes at most once for a request, and StreamClosed follows it before the outcome, whose
//     Streaming says whether there was one.
//   - The ways to read [Fields] agree: Get gives the first of the values that All gives, and Next gives each.
//   - On a connection with pipelined requests the next RequestStarted may come before the outcome of
//     the one before it, because their responses leave in one write; outcomes keep the order of the requests.
//   - On a connection whose Protocol is "h2" requests are answered side by side: outcomes come in any order, and events of
//     other requests come between those of one. What is said of one request holds there too.
//
// # Events are borrowed
//
// An event is a pointer to a struct that its emitter owns and reuses: it, and every string that is
// reached through it, is valid until Record returns. Clone makes a copy to keep.
//
// # Time
//
// Durations and order come from the monotonic clock, [MonotonicNS]. [UnixNano] turns such a reading into
// wall time with an anchor that the server renews once a second, so that a step of the wall clock never
// stretches a duration.
package lifecycle
