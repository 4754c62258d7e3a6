package otelcollector

import (
	"fmt"
	"sync"
	"time"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// exportHooks tell what goes on in the queue. A nil *exportHooks tells nothing.
type exportHooks struct {
	hooks *instrument.Hooks
	mu    sync.Mutex // from finding to telling: nobody hears of the taking of a batch before its putting
}

func newExportHooks(h *instrument.Hooks) *exportHooks {
	if h == nil || h.QueuePut == nil && h.QueueGet == nil {
		return nil
	}
	return &exportHooks{hooks: h}
}

// queued is a batch as the hooks see it.
type queued struct{ spans int }

// String returns what it is in words.
func (q queued) String() string { return fmt.Sprintf("%d spans", q.spans) }

// put tells of the batches that have come. The goroutines that put them are those of requests, and hooks are not to hold
// them up: whoever is about to take one tells.
func (e *exportHooks) put(q *queue) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, spans := range q.untold() {
		e.putLocked(spans)
	}
}

func (e *exportHooks) putLocked(spans int) {
	if e.hooks.QueuePut != nil {
		e.hooks.QueuePut(instrument.QueueEvent{Queue: instrument.QueueExport, Item: queued{spans}, Immediate: true})
	}
}

// got tells of a batch that was taken, for the first time, by somebody who had or had not to wait for it; and that it has come,
// if that was after the last put.
func (e *exportHooks) got(b *batch, waited bool) {
	if e == nil || b.isReplay() || b.tries > 0 || b.frame != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !b.told {
		b.told = true
		e.putLocked(b.spans)
	}
	if e.hooks.QueueGet == nil {
		return
	}
	e.hooks.QueueGet(instrument.QueueEvent{
		Queue: instrument.QueueExport, Item: queued{b.spans}, Immediate: !waited, Wait: time.Since(b.groups[0].last),
	})
}
