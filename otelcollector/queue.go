package otelcollector

import (
	"context"
	"sync"
	"sync/atomic"
)

// group is a run of finished spans of one scope.
type group struct {
	scope *scope
	spans int
	data  []byte // not changed until the group is settled
}

// batch is what one request carries.
type batch struct {
	groups []group
	spans  int
	bytes  int
	seq    uint64
	lent   atomic.Int32 // groups whose data grpc may still read; see handOver
}

// queue holds the batches that wait for an upload, and keeps the accounts. Its lock nests inside that of a shard.
type queue struct {
	maxBytes int

	mu      sync.Mutex
	ready   sync.Cond // a batch is waiting, or closed
	waiting []*batch
	seq     uint64 // of the newest batch
	closed  bool   // takers leave when nothing is waiting

	// The accounts. Spans are in one of them at any time.
	spans    int // waiting, and in the hands of takers
	bytes    int // the same
	batches  int // the same
	exported uint64
	rejected uint64
	dropped  map[DropReason]uint64

	waiters []*waiter
}

// waiter waits for the batches up to seq to be settled.
type waiter struct {
	seq  uint64
	left int
	done chan struct{}
}

func newQueue(maxBytes int) *queue {
	q := &queue{maxBytes: maxBytes, dropped: map[DropReason]uint64{}}
	q.ready.L = &q.mu
	return q
}

// put adds a group, to the newest waiting batch while that is small. It returns false when the queue is full: then the
// spans are counted as dropped and the caller keeps the data. Takers are told by wake, so that the groups of several
// shards can go into one batch first.
func (q *queue) put(g group) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+len(g.data) > q.maxBytes {
		q.dropped[DroppedQueueFull] += uint64(g.spans)
		return false
	}
	q.spans += g.spans
	q.bytes += len(g.data)
	var last *batch
	if n := len(q.waiting); n > 0 {
		last = q.waiting[n-1]
	}
	if last == nil || last.bytes+len(g.data) > maxBatchBytes {
		q.seq++
		q.batches++
		last = &batch{seq: q.seq}
		q.waiting = append(q.waiting, last)
	}
	last.groups = append(last.groups, g)
	last.spans += g.spans
	last.bytes += len(g.data)
	return true
}

// wake tells as many takers as there are batches waiting: to wake all for one batch costs more than to take it.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range q.waiting {
		q.ready.Signal()
	}
}

// take returns the oldest batch. It waits for one; false says that there will be none.
func (q *queue) take() (*batch, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 {
		if q.closed {
			return nil, false
		}
		q.ready.Wait()
	}
	b := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	return b, true
}

// settle closes the account of a batch that was taken: what is neither exported nor rejected is dropped for reason.
func (q *queue) settle(b *batch, exported, rejected int, reason DropReason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.exported += uint64(exported)
	q.rejected += uint64(rejected)
	if n := b.spans - exported - rejected; n > 0 {
		q.dropped[reason] += uint64(n)
	}
	q.leaveLocked(b)
}

// leaveLocked takes a batch out of what is under way.
func (q *queue) leaveLocked(b *batch) {
	q.spans -= b.spans
	q.bytes -= b.bytes
	q.batches--
	kept := q.waiters[:0]
	for _, w := range q.waiters {
		if b.seq <= w.seq {
			w.left--
		}
		if w.left == 0 {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	clear(q.waiters[len(kept):])
	q.waiters = kept
}

// drop counts spans that never came into the queue.
func (q *queue) drop(spans int, reason DropReason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped[reason] += uint64(spans)
}

// drained waits until all batches that are in the queue now are settled.
func (q *queue) drained(ctx context.Context) error {
	q.mu.Lock()
	if q.batches == 0 {
		q.mu.Unlock()
		return nil
	}
	w := &waiter{seq: q.seq, left: q.batches, done: make(chan struct{})}
	// A batch that still waits may grow: what comes now is none of this waiter's business, but in the same batch.
	q.waiters = append(q.waiters, w)
	q.ready.Broadcast()
	q.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, x := range q.waiters {
		if x == w {
			q.waiters = append(q.waiters[:i], q.waiters[i+1:]...)
			break
		}
	}
	return context.Cause(ctx)
}

// close lets the takers leave once nothing is waiting.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.ready.Broadcast()
}

// abandon drops what is waiting.
func (q *queue) abandon(reason DropReason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.waiting {
		q.dropped[reason] += uint64(b.spans)
		q.leaveLocked(b)
	}
	q.waiting = nil
}

// lost returns how many spans were dropped for reason.
func (q *queue) lost(reason DropReason) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped[reason]
}
