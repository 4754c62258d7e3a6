package otelmetrics

import (
	"sync"
	"sync/atomic"
)

// maxWorkers bounds how many shards there are: workers beyond it share.
const maxWorkers = 1024

// shard counts what happens on the connections of one worker.
type shard struct {
	collector *Collector

	mu          sync.Mutex
	tables      [kinds]table
	underWay    []flow // of requests, by method and scheme: see underWayIndex
	connections [states]int64

	_ [128]byte // no other shard in the same cache lines
}

// flow is how many have come and gone.
type flow struct{ started, ended uint64 }

// state is what a connection is doing.
type state byte

const (
	idle state = iota
	active
	upgraded
	states
)

// shards are the shards by worker.
type shards struct {
	all atomic.Pointer[[]*shard] // nil for workers that have done nothing; only ever replaced by one with more
	mu  sync.Mutex               // held to do so
}

// worker returns the shard of the worker with this id.
func (c *Collector) worker(id int) *shard {
	id = max(id, 0) % maxWorkers
	if all := c.shards.list(); id < len(all) && all[id] != nil {
		return all[id]
	}
	c.shards.mu.Lock()
	defer c.shards.mu.Unlock()
	all := c.shards.list()
	if id < len(all) && all[id] != nil {
		return all[id]
	}
	more := make([]*shard, max(id+1, len(all)))
	copy(more, all)
	more[id] = &shard{collector: c, underWay: make([]flow, underWayIndex(uint16(len(c.methods)), 0))}
	c.shards.all.Store(&more)
	return more[id]
}

func (s *shards) list() []*shard {
	if all := s.all.Load(); all != nil {
		return *all
	}
	return nil
}
