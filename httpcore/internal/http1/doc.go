// Package http1 reads HTTP/1.1 requests and writes the heads of responses: bytes to views of bytes, and back. It has no
// socket, no goroutine and no clock.
//
//   - [Head.Parse] reads the head of a request: where its parts are, and what the server itself must know of them.
//   - [Chunked.Next] takes the framing off a chunked body.
//   - [AppendStatusLine], [AppendField] and [AppendChunkHeader] write; nothing that they are given can end a line.
//   - [CanonicalName] gives the usual field names without an allocation.
//   - [Error] is a refusal: the status, a code, a reason for the client, and the byte that decided it.
//
// # Strict
//
// Wherever bytes could be read in two ways they are refused, as RFC 9112 allows: that is how requests are smuggled.
// Lines end with CRLF and nothing else; a field that frames the body comes once and in one form; no line is folded.
// The tests have every rule as a row, and every class of attack by name.
//
// # In pieces
//
// Both readers may be given what has arrived so far, in any pieces. A verdict falls at the first byte after which
// nothing acceptable can follow, so pieces make no difference; and what was scanned is not scanned again, so that a head
// that comes a byte at a time costs no more than its length. What is not complete is bounded too: a target, a head or a
// trailer section that grows beyond its limit is refused before it ends.
//
// # Memory
//
// Results are offsets and views, valid as long as the caller's bytes are. Nothing on the way of a request that is
// accepted allocates, except trailers. An [Error] is allocated, because collectors may keep it; a client that sends
// nonsense costs its connection more than that.
package http1
