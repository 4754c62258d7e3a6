package otelcollector

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/otelcollector/internal/spool"
)

// group is a run of finished spans of one scope.
type group struct {
	scope       *scope
	spans       int
	data        []byte        // not changed until the group is settled
	copies      *spool.Buffer // of its spans, until they are settled or in the spool; nil: there are none
	first, last time.Time     // when its collection began and ended
}

// batch is what one request carries: spans of this process, or what was read from the spool.
type batch struct {
	groups []group
	spans  int
	bytes  int
	seq    uint64
	told   bool         // to the hooks; guarded by their lock
	lent   atomic.Int32 // buffers that grpc may still read; see handOver

	tries     int // that failed, and another one may help
	suspicion suspicion
	after     time.Time // not to be tried before
	noSpool   bool      // the spool does not take it

	frame *spool.Frame // where it is in the spool; nil: it is not
	raw   []byte       // a ResourceSpans as it was spooled; nil: it did not come from there
}

// recycleCopies lets go of the copies of its spans: they are in the spool, or about to be counted as what became of them.
func (b *batch) recycleCopies() {
	for i := range b.groups {
		b.groups[i].copies.Recycle()
		b.groups[i].copies = nil
	}
}

// isReplay reports whether it was read from the spool.
func (b *batch) isReplay() bool { return b.raw != nil }

// queue holds the batches of this process that wait for an upload or for the spool, and keeps the accounts. Its lock nests
// inside that of a shard.
type queue struct {
	maxBytes int
	work     chan struct{} // has a token when there may be something for an upload
	spill    chan struct{} // the same for the spool
	ledger   *spool.Counts // outlives the process

	mu      sync.Mutex
	waiting []*batch // by seq
	seq     uint64   // of the newest batch
	journal bool     // a batch goes to the spool before it is taken

	// The accounts. Spans are in one of them at any time.
	spans    int    // waiting, and in the hands of takers, and not in the spool
	bytes    int    // in memory, in the spool or not
	came     uint64 // bytes, ever
	entered  uint64 // spans, ever
	batches  int    // the same
	handed   uint64
	exported uint64
	rejected uint64
	dropped  map[DropReason]uint64
	unsent   uint64 // of those, the ones that were too large to be put
	retried  uint64
	whenFull DropReason

	waiters []*waiter
}

// waiter waits for the batches up to seq to be settled.
type waiter struct {
	seq  uint64
	left int
	done chan struct{}
}

func newQueue(maxBytes int, ledger *spool.Counts) *queue {
	return &queue{
		maxBytes: maxBytes, ledger: ledger, dropped: map[DropReason]uint64{}, whenFull: DroppedQueueFull,
		work: make(chan struct{}, 1), spill: make(chan struct{}, 1),
	}
}

// put adds a group, to the newest waiting batch while that is small. It returns false when the queue is full: then the
// spans are counted as dropped and the caller keeps the data. Takers are told by wake, so that the groups of several
// shards can go into one batch first.
func (q *queue) put(g group) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+len(g.data) > q.maxBytes {
		g.copies.Reset() // before the ledger knows what became of the spans
		q.dropLocked(g.spans, q.whenFull)
		return false
	}
	q.spans += g.spans
	q.bytes += len(g.data)
	q.came += uint64(len(g.data))
	q.entered += uint64(g.spans)
	var last *batch
	if n := len(q.waiting); n > 0 {
		last = q.waiting[n-1]
	}
	if last == nil || last.bytes+len(g.data) > maxBatchBytes || last.frame != nil || last.tries > 0 {
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

// wake tells takers that there may be something for them.
func (q *queue) wake() {
	token(q.work)
	token(q.spill)
}

// token puts one into a channel of one.
func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take returns the oldest batch that may be uploaded now. When there is none but will be with time, it says how long that
// takes, else 0.
func (q *queue) take(now time.Time) (b *batch, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, b := range q.waiting {
		switch d := b.after.Sub(now); {
		case q.journal && b.frame == nil && !b.noSpool:
		case d > 0:
			if wait == 0 || d < wait {
				wait = d
			}
		default:
			q.waiting = slices.Delete(q.waiting, i, i+1)
			return b, 0
		}
	}
	return nil, wait
}

// untold returns the numbers of spans of the batches that wait and whose coming the hooks were not told of, as they are now.
func (q *queue) untold() (spans []int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.waiting {
		if !b.told {
			b.told = true
			spans = append(spans, b.spans)
		}
	}
	return spans
}

// takeToSpool returns the oldest batch that has to go to the spool: any, or one that was tried in vain, or that takes the
// memory over a half of what it may be.
func (q *queue) takeToSpool(all bool) *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, b := range q.waiting {
		if !b.noSpool && (all || b.tries > 0 || q.bytes > q.maxBytes/2 || q.journal && b.frame == nil) {
			q.waiting = slices.Delete(q.waiting, i, i+1)
			return b
		}
	}
	return nil
}

// giveBack puts a batch that was taken to its place.
func (q *queue) giveBack(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i, _ := slices.BinarySearchFunc(q.waiting, b.seq, func(w *batch, seq uint64) int {
		if w.seq < seq {
			return -1
		}
		return 1
	})
	q.waiting = slices.Insert(q.waiting, i, b)
}

// demand reports whether batches wait.
func (q *queue) demand() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) > 0
}

// settle closes the account of a batch that was taken and is not in the spool: what is neither exported nor rejected is
// dropped for reason.
func (q *queue) settle(b *batch, exported, rejected int, reason DropReason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.exported += uint64(exported)
	q.rejected += uint64(rejected)
	q.ledger.Acked.Add(uint64(exported + rejected))
	if n := b.spans - exported - rejected; n > 0 {
		q.dropLocked(n, reason)
	}
	q.spans -= b.spans
	q.leaveLocked(b)
}

// spooled notes that the spool has a batch now and answers for its spans.
func (q *queue) spooled(b *batch, f *spool.Frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b.frame = f
	q.spans -= b.spans
	q.handed += uint64(b.spans)
}

// leave lets a batch go that the spool has.
func (q *queue) leave(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leaveLocked(b)
}

// leaveLocked takes a batch out of what is in memory.
func (q *queue) leaveLocked(b *batch) {
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

// again counts spans that are to be tried again.
func (q *queue) again(spans int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.retried += uint64(spans)
}

// drop counts spans that never came into the queue.
func (q *queue) drop(spans int, reason DropReason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropLocked(spans, reason)
	if reason == DroppedTooLarge {
		q.unsent += uint64(spans)
	}
}

func (q *queue) dropLocked(spans int, reason DropReason) {
	q.dropped[reason] += uint64(spans)
	q.ledger.Dropped.Add(uint64(spans))
}

// withoutSpool has batches taken that are not in the spool, as long as that does not work, for this reason; "" ends it.
func (q *queue) withoutSpool(journal bool, why DropReason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.journal, q.whenFull = journal && why == "", DroppedQueueFull
	if why != "" {
		q.whenFull = why
	}
}

// drained waits until all batches that are in the queue now are settled, or in the spool.
func (q *queue) drained(ctx context.Context) error {
	q.mu.Lock()
	if q.batches == 0 {
		q.mu.Unlock()
		return nil
	}
	w := &waiter{seq: q.seq, left: q.batches, done: make(chan struct{})}
	// A batch that still waits may grow: what comes now is none of this waiter's business, but in the same batch.
	q.waiters = append(q.waiters, w)
	q.mu.Unlock()
	q.wake()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiters = slices.DeleteFunc(q.waiters, func(x *waiter) bool { return x == w })
	return context.Cause(ctx)
}

// takeAll returns everything that waits.
func (q *queue) takeAll() []*batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting
	q.waiting = nil
	return all
}

// usualSpan is the size of a span as long as none has come.
const usualSpan = 450

// capacity is how many spans fit, at the average size of those that came.
func (q *queue) capacity() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := uint64(usualSpan)
	if q.entered > 0 {
		size = max(q.came/q.entered, 1)
	}
	return uint64(q.maxBytes) / size
}

// cameSoFar counts the bytes that were put.
func (q *queue) cameSoFar() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.came
}

// lost returns how many spans were dropped for reason.
func (q *queue) lost(reason DropReason) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped[reason]
}
