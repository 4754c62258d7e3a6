package statistics

import (
	"hash/maphash"
	"sync/atomic"
)

// maxTries is how many keys of requests are remembered.
const maxTries = 1 << 13

// tries counts how often requests are sent, by their keys. All workers share it without a lock. A key is remembered by
// its hash alone, in the one slot that the hash has; a key that comes to have the same slot is put in its place.
type tries struct {
	seed  maphash.Seed
	slots [maxTries]atomic.Uint64 // the upper 48 bits of a hash, and below them how often it came
}

const timesMask = 1<<16 - 1

func newTries() *tries { return &tries{seed: maphash.MakeSeed()} }

// again counts a request and returns how often its key came before. An empty key is no key.
func (t *tries) again(key string) int {
	if key == "" {
		return 0
	}
	hash := maphash.String(t.seed, key)
	slot := &t.slots[hash%maxTries]
	for {
		seen := slot.Load()
		before := seen & timesMask
		if seen&^timesMask != hash&^timesMask {
			before = 0
		}
		if slot.CompareAndSwap(seen, hash&^timesMask|min(before+1, timesMask)) {
			return int(before)
		}
	}
}
