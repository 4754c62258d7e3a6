//go:build checks

package httpcore

import (
	"bytes"
	"sync/atomic"
)

// With the build tag checks the server watches itself: who is where only one goroutine may be, and who uses a buffer after it
// has been given back, is told so by a panic. The race detector sees neither when it is not a race.

// exclusive is a place for one goroutine at a time.
type exclusive struct{ taken atomic.Bool }

// enter panics if somebody is there.
func (e *exclusive) enter(what string) {
	if !e.taken.CompareAndSwap(false, true) {
		panic("httpcore: two goroutines " + what)
	}
}

func (e *exclusive) leave() { e.taken.Store(false) }

const poison = 0xDB

// poisonBuffer makes what somebody still reads of b, which goes back to the pool, useless.
func poisonBuffer(b []byte) {
	b = b[:cap(b)]
	for i := range b {
		b[i] = poison
	}
}

// checkPoison panics if somebody has written to b, which comes from the pool.
func checkPoison(b []byte) {
	if bytes.Count(b, []byte{poison}) != len(b) {
		panic("httpcore: somebody has written to a buffer that was given back")
	}
}
