package otelcollector

import (
	"sync"
	"time"

	"github.com/wirespan/wirespan/otelcollector/internal/spool"
)

const (
	// maxBatchBytes is the size of the largest batch of more than one span.
	maxBatchBytes = 512 << 10
	// maxSpanBytes is the size of the largest span. With a batch before it and a resource around it, a request
	// stays under the 4 MiB that receivers accept unless they are told otherwise.
	maxSpanBytes = 3 << 20
)

// shard collects the finished spans of one scope from one worker. Its lock is held while a span is encoded, and workers
// only meet where a batch goes into the queue, once in some hundred spans.
type shard struct {
	pipeline *pipeline
	scope    *scope
	ledger   *spool.Counts // outlives the process; nil without a spool

	mu     sync.Mutex
	made   uint64
	spans  int           // in buf
	buf    []byte        // spans as fields of a ScopeSpans
	copies *spool.Buffer // of what is in buf; nil: there are none
	began  time.Time     // when the first of them came
	closed bool          // by Shutdown
}

// encode takes a finished span. It is encoded where it is to lie: the batch has long left the processor's caches, and
// while they fetch it the span is put together, rather than copied when there is nothing else to do. When somebody else
// holds the lock it is encoded aside meanwhile, so that the lock is not held for longer than it has to be.
func (s *shard) encode(span *requestSpan) {
	if s.mu.TryLock() {
		defer s.mu.Unlock()
		s.settleLocked(span.append(s.batchLocked()))
		return
	}
	aside := takeScratch()
	defer aside.give()
	aside.buf = span.append(aside.buf[:0])
	s.add(aside.buf)
}

// add takes a finished span, encoded as a field of ScopeSpans. It copies it.
func (s *shard) add(span []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleLocked(append(s.batchLocked(), span...))
}

// batchLocked returns the batch, to append a span to.
func (s *shard) batchLocked() []byte {
	if s.buf == nil {
		s.buf = s.pipeline.buffers.get()
	}
	return s.buf
}

// settleLocked takes the batch with one more span at its end.
func (s *shard) settleLocked(buf []byte) {
	s.made++
	before := len(s.buf)
	size := len(buf) - before
	s.buf = buf[:before]
	switch {
	case s.closed:
		s.dropLocked(DroppedAlreadyShutdown)
		return
	case size > maxSpanBytes:
		s.dropLocked(DroppedTooLarge)
		return
	case before > 0 && len(buf) > maxBatchBytes:
		next := append(s.pipeline.buffers.get(), buf[before:]...)
		s.cutLocked()
		s.pipeline.queue.wake()
		buf = next
	}
	s.buf = buf
	if s.spans++; s.spans == 1 {
		s.began = time.Now()
		s.copies = s.pipeline.disk.copies(s.scope)
	}
	s.copies.Add(buf[len(buf)-size:])
	s.countLocked() // a process that is killed before has not ended the span
}

func (s *shard) dropLocked(why DropReason) {
	s.countLocked()
	s.pipeline.queue.drop(1, why)
}

// countLocked counts a span as ended where that outlives the process: before anything else is counted of it, and after it was copied,
// so that what is counted is not lost.
func (s *shard) countLocked() {
	if s.ledger != nil {
		s.ledger.Ended.Add(1)
	}
}

// cut moves what was collected to the queue.
func (s *shard) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutLocked()
}

// close makes add drop what comes from now on, and cuts.
func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.cutLocked()
}

func (s *shard) cutLocked() {
	if s.spans == 0 {
		return
	}
	g := group{scope: s.scope, spans: s.spans, data: s.buf, copies: s.copies, first: s.began, last: time.Now()}
	if !s.pipeline.queue.put(g) {
		g.copies.Recycle()
		s.pipeline.buffers.put(g.data)
	}
	s.buf, s.copies, s.spans = nil, nil, 0
}
