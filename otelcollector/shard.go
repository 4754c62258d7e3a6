package otelcollector

import "sync"

const (
	// maxBatchBytes is the size at which a batch is closed.
	maxBatchBytes = 512 << 10
	// maxSpanBytes is the size of the largest span. With a batch before it and a resource around it, a request
	// stays under the 4 MiB that receivers accept unless they are told otherwise.
	maxSpanBytes = 3 << 20
)

// shard collects the finished spans of one scope from one worker. The lock is held while a span is copied, so workers
// only meet where a batch goes into the queue, once in some thousand spans.
type shard struct {
	pipeline *pipeline
	scope    *scope

	mu     sync.Mutex
	made   uint64
	spans  int    // in buf
	buf    []byte // spans as fields of a ScopeSpans
	closed bool   // by Shutdown
}

// add takes a finished span, encoded as a field of ScopeSpans. It copies it.
func (s *shard) add(span []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	switch {
	case s.closed:
		s.pipeline.queue.drop(1, DroppedAlreadyShutdown)
		return
	case len(span) > maxSpanBytes:
		s.pipeline.queue.drop(1, DroppedTooLarge)
		return
	case len(s.buf) > 0 && len(s.buf)+len(span) > maxBatchBytes:
		s.cutLocked()
		s.pipeline.queue.wake()
	}
	if s.buf == nil {
		s.buf = s.pipeline.buffers.get()
	}
	s.buf = append(s.buf, span...)
	s.spans++
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
	if !s.pipeline.queue.put(group{scope: s.scope, spans: s.spans, data: s.buf}) {
		s.pipeline.buffers.put(s.buf)
	}
	s.buf, s.spans = nil, 0
}
