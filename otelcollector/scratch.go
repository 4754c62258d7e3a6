package otelcollector

import "sync"

// scratch is where a span is encoded that is copied into its batch: the lock of the batch is not held meanwhile. Those of
// requests are encoded in the batch itself where that is possible.
type scratch struct{ buf []byte }

// maxScratch is the size beyond which a scratch is not kept.
const maxScratch = 64 << 10

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, 0, 2048)} }}

func takeScratch() *scratch { return scratches.Get().(*scratch) }

// give returns the scratch, which has one owner at a time.
func (s *scratch) give() {
	if cap(s.buf) <= maxScratch {
		scratches.Put(s)
	}
}
