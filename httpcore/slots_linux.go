package httpcore

import (
	"sync"
	"sync/atomic"

	"github.com/wirespan/wirespan/httpcore/internal/poll"
)

// slots finds the connection that an event is about. The kernel knows a connection by its key: the number of a slot, and
// which one of its connections it is, so that a late event of one that is closed meets nobody.
//
// Any goroutine may call take and give; get takes no lock.
type slots struct {
	blocks atomic.Pointer[[]*block]

	mu   sync.Mutex
	free []uint32
	last []uint32 // generation of each slot
}

const blockSize = 1 << 10

type block [blockSize]atomic.Pointer[polled]

// take finds a place for p, and sets its key.
func (s *slots) take(p *polled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		s.growLocked()
	}
	slot := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	s.last[slot]++
	p.key = poll.Key{Slot: slot, Generation: s.last[slot]}
	s.at(slot).Store(p)
}

// give frees the place of p.
func (s *slots) give(p *polled) {
	s.at(p.key.Slot).Store(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, p.key.Slot)
}

// get returns the connection with this key; nil when it has gone.
func (s *slots) get(key poll.Key) *polled {
	if p := s.at(key.Slot).Load(); p != nil && p.key == key {
		return p
	}
	return nil
}

func (s *slots) at(slot uint32) *atomic.Pointer[polled] {
	return &(*s.blocks.Load())[slot/blockSize][slot%blockSize]
}

func (s *slots) growLocked() {
	var blocks []*block
	if b := s.blocks.Load(); b != nil {
		blocks = append(blocks, *b...)
	}
	first := uint32(len(blocks) * blockSize)
	blocks = append(blocks, new(block))
	s.blocks.Store(&blocks)
	for i := uint32(blockSize); i > 0; i-- {
		s.free = append(s.free, first+i-1)
	}
	s.last = append(s.last, make([]uint32, blockSize)...)
}
