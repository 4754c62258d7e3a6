package nethttp

import (
	"io"
	"sync/atomic"
)

// countedBody is the body of a request, with what the handler reads of it counted.
type countedBody struct {
	io.ReadCloser
	received atomic.Int64
}

// Read implements [io.Reader].
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.received.Add(int64(n))
	return n, err
}
