package lifecycle

import (
	"slices"
	"sync"
	"time"
)

// maxWaiting bounds the events in full batches that wait while OnFlush is busy.
const maxWaiting = 1 << 16

// BufferedOptions configures a [Buffered]. The zero value keeps every event until Flush.
type BufferedOptions struct {
	// MaxSize is how many events make a full buffer; 0 or less sets no limit. A full buffer is flushed to OnFlush;
	// without OnFlush it keeps its newest MaxSize events and counts the others in Dropped.
	MaxSize int

	// OnFlush receives each batch, never an empty one, in the order of its events and one batch at a time. The
	// batch is not used again by the Buffered, but [Buffered.Flush] returns it too. nil leaves the events to Flush.
	//
	// It is called with no lock held and may call Record, Flush, Len and Dropped, but not Close. It runs on the
	// goroutine that filled the buffer or flushed it, so it should be quick. Batches that are made meanwhile wait
	// their turn and are delivered by the goroutine that delivers already; should more than 65,536 events come to
	// wait so, the oldest waiting batch is given up and counted in Dropped.
	OnFlush func([]Event)

	// FlushEvery also flushes at this interval, from a goroutine that Close stops. 0 or less does not, nor does
	// a Buffered without OnFlush, whose events nobody would receive.
	FlushEvery time.Duration
}

// Buffered is a [Collector] that gathers events in batches. Its methods may be called from any goroutine.
type Buffered struct {
	maxSize int
	onFlush func([]Event)

	stop     chan struct{} // closed by Close; nil without a ticker
	ticking  sync.WaitGroup
	closing  sync.Once
	mu       sync.Mutex // guards what follows; not held while onFlush runs
	idle     sync.Cond  // signals that delivering became false
	events   []Event
	oldest   int       // where events begins once it has gone round; only without onFlush
	waiting  [][]Event // batches in the order of their turns
	queued   int       // events in waiting
	delivers bool      // a goroutine has claimed to deliver them
	dropped  uint64
	closed   bool
}

var _ Collector = (*Buffered)(nil)

// NewBuffered returns an empty Buffered.
func NewBuffered(o BufferedOptions) *Buffered {
	b := &Buffered{maxSize: max(o.MaxSize, 0), onFlush: o.OnFlush}
	b.idle.L = &b.mu
	if o.FlushEvery > 0 && o.OnFlush != nil {
		b.stop = make(chan struct{})
		b.ticking.Go(func() { b.tick(o.FlushEvery) })
	}
	return b
}

func (b *Buffered) tick(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			b.Flush()
		case <-b.stop:
			return
		}
	}
}

// Record implements [Collector]: it keeps a clone of e. After Close it only counts e in Dropped.
func (b *Buffered) Record(e Event) {
	e = e.Clone()
	if b.add(e) {
		b.deliver()
	}
}

// add reports whether the caller has to deliver.
func (b *Buffered) add(e Event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		b.dropped++
		return false
	case b.onFlush == nil && b.maxSize > 0 && len(b.events) == b.maxSize:
		b.events[b.oldest] = e
		b.oldest = (b.oldest + 1) % b.maxSize
		b.dropped++
		return false
	}
	b.events = append(b.events, e)
	if b.onFlush == nil || len(b.events) != b.maxSize {
		return false
	}
	b.cutLocked()
	return b.claimLocked()
}

// Flush empties the buffer and returns what it held, the oldest event first; nil when it was empty. With OnFlush
// the batch has been delivered when Flush returns, unless OnFlush was running already: then the batch has its
// turn afterwards, and Flush, which may have been called by OnFlush itself, does not wait for that.
func (b *Buffered) Flush() []Event {
	b.mu.Lock()
	batch := b.cutLocked()
	deliver := b.claimLocked()
	b.mu.Unlock()
	if deliver {
		b.deliver()
	}
	return batch
}

// cutLocked makes a batch of the buffer and, where there is an onFlush, queues it.
func (b *Buffered) cutLocked() []Event {
	if len(b.events) == 0 {
		return nil
	}
	batch := b.events
	b.events = nil
	if b.onFlush == nil {
		if b.oldest > 0 {
			batch = slices.Concat(batch[b.oldest:], batch[:b.oldest])
			b.oldest = 0
		}
		return batch
	}
	if b.maxSize > 0 {
		b.events = make([]Event, 0, len(batch))
	}
	b.waiting = append(b.waiting, batch)
	b.queued += len(batch)
	for b.queued > maxWaiting && len(b.waiting) > 1 {
		b.dropped += uint64(len(b.takeLocked()))
	}
	return batch
}

// claimLocked makes the caller the one goroutine that delivers, when there is something to deliver and nobody does.
func (b *Buffered) claimLocked() bool {
	if b.delivers || len(b.waiting) == 0 {
		return false
	}
	b.delivers = true
	return true
}

// takeLocked removes the batch whose turn it is.
func (b *Buffered) takeLocked() []Event {
	batch := b.waiting[0]
	b.waiting = slices.Delete(b.waiting, 0, 1)
	b.queued -= len(batch)
	return batch
}

// deliver hands out the waiting batches until none is left. The caller has claimed it.
func (b *Buffered) deliver() {
	b.mu.Lock()
	defer func() { // also when OnFlush panics, so that the next flush finds things in order
		b.delivers = false
		b.idle.Broadcast()
		b.mu.Unlock()
	}()
	for len(b.waiting) > 0 {
		b.call(b.takeLocked())
	}
}

// call runs onFlush outside the lock, which it gives up and takes again.
func (b *Buffered) call(batch []Event) {
	b.mu.Unlock()
	defer b.mu.Lock()
	b.onFlush(batch)
}

// Len returns how many events a Flush would return now.
func (b *Buffered) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events)
}

// Dropped returns how many events were given up because a bound was reached or the Buffered was closed.
func (b *Buffered) Dropped() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// Close stops the goroutine of FlushEvery and flushes; when it returns, OnFlush has received every batch and
// will not be called again. Without OnFlush the events stay for Flush to fetch. Close may be called twice.
func (b *Buffered) Close() {
	b.closing.Do(func() {
		if b.stop != nil {
			close(b.stop)
		}
	})
	b.ticking.Wait()

	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	if b.onFlush == nil {
		return
	}
	b.Flush()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.delivers {
		b.idle.Wait()
	}
}
