// Package http1 reads HTTP/1.1 requests and writes the heads of responses: bytes to views of bytes, and back. It has no
// socket, no goroutine and no clock.
//
// [Head.Parse] and [Chunked.Next] may be given what has arrived so far, in any pieces. A verdict falls at the first byte
// after which nothing acceptable can follow, so pieces make no difference, and no byte is looked at twice. They are as
// strict as RFC 9112 allows wherever bytes could be read two ways: that is how requests are smuggled. Nothing on the way
// of a request that is accepted allocates.
package http1
