package statistics

import (
	"sync"
	"sync/atomic"

	"github.com/wirespan/wirespan/lifecycle"
)

// maxWorkers bounds how many shards there are: workers beyond it share.
const maxWorkers = 1024

// shard counts what happens on the connections of one worker.
type shard struct {
	statistics *Statistics
	mu         sync.Mutex
	tally      *tally

	_ [128 - 24]byte // no other shard in the same cache lines
}

// Record implements [lifecycle.Collector]: it counts how requests end.
func (h *shard) Record(e lifecycle.Event) {
	switch e := e.(type) {
	case *lifecycle.ResponseCompleted:
		h.end(e, &e.Outcome)
	case *lifecycle.ClientDisconnected:
		h.end(e, &e.Outcome)
	case *lifecycle.RequestFailed:
		if retries, counted := h.end(e, &e.Outcome); counted {
			h.statistics.trackFailure(e, retries > 0)
		}
	}
}

// end counts a request while the statistics are active, and returns how often it had been tried before.
func (h *shard) end(e lifecycle.Event, o *lifecycle.Outcome) (retries int, counted bool) {
	s := h.statistics
	if s.tries != nil {
		retries = s.tries.again(o.Header(s.options.RetryHeader))
	}
	end := ending{
		micros:    micros(o.Duration),
		failed:    s.options.Failed(e),
		streaming: o.Streaming,
		retries:   retries,
		retried:   retries == 1, // the request has a retry now, and had none before
		status:    o.Status,
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !s.active.Load() { // asked under the lock, so that nothing is counted after Stop has added up
		return 0, false
	}
	h.tally.end(end)
	return retries, true
}

// swap takes what was counted and leaves empty in its place.
func (h *shard) swap(empty *tally) *tally {
	h.mu.Lock()
	defer h.mu.Unlock()
	counted := h.tally
	h.tally = empty
	return counted
}

// shards are the shards by worker.
type shards struct {
	all atomic.Pointer[[]*shard] // nil for workers that have done nothing; only ever replaced by one with more
	mu  sync.Mutex               // held to do so
}

// worker returns the shard of the worker with this id.
func (s *Statistics) worker(id int) *shard {
	id = max(id, 0) % maxWorkers
	if all := s.shards.list(); id < len(all) && all[id] != nil {
		return all[id]
	}
	s.shards.mu.Lock()
	defer s.shards.mu.Unlock()
	all := s.shards.list()
	if id < len(all) && all[id] != nil {
		return all[id]
	}
	more := make([]*shard, max(id+1, len(all)))
	copy(more, all)
	more[id] = &shard{statistics: s, tally: newTally(s.options.MaxRetries)}
	s.shards.all.Store(&more)
	return more[id]
}

func (s *shards) list() []*shard {
	if all := s.all.Load(); all != nil {
		return *all
	}
	return nil
}

// drain adds what was counted since the last time to the total, which is the caller's. empty is a tally that it may use;
// it returns one to use the next time.
func (s *shards) drain(total, empty *tally) *tally {
	for _, h := range s.list() {
		if h == nil {
			continue
		}
		counted := h.swap(empty)
		if counted.ended() > 0 {
			total.add(counted)
			counted.reset()
		}
		empty = counted
	}
	return empty
}
