package httpcore

import (
	"sync"
	"unsafe"
)

const (
	// minBuffer is the size of a connection's first buffers.
	minBuffer = 4 << 10
	// bufferClasses counts the sizes that are pooled: 4, 8, 16, 32 and 64 KiB.
	bufferClasses = 5
)

// bufferPool lends byte slices whose capacity is one of the classes; larger ones are made, and left to the garbage
// collector. A buffer has one owner at a time. What the pools hold is the address of the first byte: a pointer
// goes into an interface without an allocation, a slice does not.
type bufferPool struct{ classes [bufferClasses]sync.Pool }

var buffers bufferPool

// get returns a slice of at least n bytes, with any content.
func (p *bufferPool) get(n int) []byte {
	size := minBuffer
	for i := range p.classes {
		if n <= size {
			if first, ok := p.classes[i].Get().(*byte); ok {
				b := unsafe.Slice(first, size)
				checkPoison(b)
				return b
			}
			return make([]byte, size)
		}
		size *= 2
	}
	return make([]byte, n)
}

// put takes back what get returned. A slice of any other capacity is left to the garbage collector.
func (p *bufferPool) put(b []byte) {
	size := minBuffer
	for i := range p.classes {
		if cap(b) == size {
			poisonBuffer(b)
			p.classes[i].Put(unsafe.SliceData(b))
			return
		}
		size *= 2
	}
}
