// Package nethttp reports the life of a plain net/http server as lifecycle events, for an application that keeps its server:
//
//	server := &http.Server{Addr: ":8080", Handler: mux}
//	log.Fatal(nethttp.Attach(server, collector).ListenAndServe())
//
// The events are those of package httpcore, from the same traffic, with the differences below. Handlers find all that net/http
// gives them (Flusher, Hijacker, ReaderFrom with sendfile, [http.ResponseController], Pusher on HTTP/2, trailers, 1xx), and
// hooks that the server had are still called, with the connections as they were accepted.
//
// # How it knows
//
//   - Listener wraps each connection below TLS: the times and the number of bytes, and whether anything of a response was
//     sent at all (wire.go, head.go).
//   - ConnState says when a head was read, a response was handed out and a connection was closed (conn.go).
//   - Handler is given a copy of the request and a ResponseWriter of ours: what the handler does (exchange.go, writer.go).
//
// # What net/http does not tell
//
//   - Requests that it answers itself have no events: a head that it does not understand or that is too large, an Expect other than
//     100-continue, and "OPTIONS *". On a plain connection that ends so, the reason of ConnectionCompleted is ReasonError.
//   - There is no ConnectionRejected, and WorkerID is 0.
//   - Request.Fields come in no order, their names in canonical form, without Transfer-Encoding.
//   - Pipelined requests are answered one by one. FirstByte of one that was read with the request before it is that of the last
//     read.
//   - HandlerStart is HeadParsed: no request waits for its handler.
//   - A handler that panics has its client see the end of the connection, not a 500, and a Status of 0 in the event; one that writes
//     less than its Content-Length likewise leaves what it has written. Status is always what was sent: a client that left without an
//     answer may have been sent a 200 that it did not see.
//   - BytesReceived counts what the handler read, not what net/http read after it.
//   - A body that the client cut short, or sent too slowly, is an error for the handler to answer, and no RequestFailed.
//   - [http.MaxBytesReader] knows net/http's own ResponseWriter only, and so does not have the connection closed when it has met
//     its limit: net/http closes it when more than 256 KiB are left to read.
//   - An event may come late, with the time of what it tells: net/http waits half a second before it closes a connection on which the
//     client is still sending. ReasonTimeout, of a connection, is that of IdleTimeout or ReadHeaderTimeout.
//
// # What a response tells
//
// [Server] has fields that make responses tell their clients about the request. What is sent without our knowledge has nothing of
// that: what net/http answers itself, the final response of a handler that writes to net/http's own ResponseWriter, which Unwrap
// returns, or to the connection that it has taken over, and the end of one that panics. In Server-Timing there is no time in
// queue, and with HTTP/2 none of the head: they are 0.
//
// # TLS
//
// ConnectionOpened comes with the first request, or with the end of a connection without one. HandshakeStartNS is AcceptedNS, and
// HandshakeEndNS is when the client's answer to the server's first flight was read, which ends the handshake unless the server has asked
// for another hello. The head of a response cannot be seen: HeadBytes is 0, and ResponseFields are what the handler has set,
// without what net/http adds. Of an upgraded connection whose handler writes the head itself, it is seen.
//
// # HTTP/2
//
// The Protocol of the connection is "h2" and its requests are answered side by side, so their events are interleaved; the
// invariants hold for each request, but the outcomes come in any order. The frames on the socket are not looked into:
// FirstByte and HeadParsed are when the handler was called, IdleSince, FirstResponseByte and LastByte are 0, the outcome is
// recorded when the handler has returned, and BytesSent is what it has written, or 0 where its request failed before as much
// had been written as net/http gathers. HeadBytes and ResponseFields are as with TLS. A stream that the client has reset, and
// one whose connection has ended, is a ClientDisconnected. The handlers may outlive the connection: ConnectionCompleted comes after
// the last of them.
//
// # What it costs
//
// One allocation a request, of a kilobyte, and about a microsecond; the events cost no allocation. The benchmarks compare with
// the plain server.
package nethttp
