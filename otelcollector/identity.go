package otelcollector

import (
	"encoding/binary"
	"math/rand/v2"
)

// Bits of the trace-flags of W3C Trace Context.
const (
	flagSampled = 0x01
	flagRandom  = 0x02
)

// newTraceID returns a random id. The generator is the runtime's ChaCha8, of which each thread has its own: it takes
// no lock.
func newTraceID() (id [16]byte) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], nonZero())
	return id
}

func newSpanID() (id [8]byte) {
	binary.NativeEndian.PutUint64(id[:], nonZero())
	return id
}

func nonZero() uint64 {
	for {
		if n := rand.Uint64(); n != 0 {
			return n
		}
	}
}
