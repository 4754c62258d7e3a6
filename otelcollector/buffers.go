package otelcollector

import (
	"slices"
	"sync"
)

// buffers keeps the buffers of batches that were sent, for the next ones. It gives the one that came back last, which
// the processor's caches may still hold. A sync.Pool would not do: each garbage collection empties it, and a server whose
// handlers allocate collects garbage several times while a batch is on its way.
type buffers struct {
	mu     sync.Mutex
	free   [][]byte
	unused int // how many of them, from the first, nobody has needed since trim
}

// get returns an empty buffer; nil when there is none with some capacity.
func (b *buffers) get() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.free) - 1
	if last < 0 {
		return nil
	}
	buf := b.free[last]
	b.free[last] = nil
	b.free = b.free[:last]
	b.unused = min(b.unused, last)
	return buf
}

// put takes a buffer that nobody uses any more.
func (b *buffers) put(buf []byte) {
	if cap(buf) == 0 || cap(buf) > 2*maxBatchBytes {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, buf[:0])
}

// trim lets go of the buffers that were not needed since it was called last.
func (b *buffers) trim() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = slices.Delete(b.free, 0, b.unused)
	b.unused = len(b.free)
}
