package otelcollector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// retryFor is how long a batch is tried, the first attempt aside.
	retryFor = 5 * time.Minute
	// The pauses between attempts grow from firstPause to maxPause, unless the receiver asks for a longer one.
	firstPause  = 250 * time.Millisecond
	maxPause    = 5 * time.Second
	pauseFactor = 1.6
	// lastAttempts is how often a batch is still tried once Shutdown has begun.
	lastAttempts = 3
)

// upload sends batches, one at a time, until the queue is closed and empty.
func (p *pipeline) upload() {
	m := newMessage(p.resource, p.schemaURL)
	for {
		b, ok := p.queue.take()
		if !ok {
			return
		}
		exported, rejected, reason := p.send(b, m)
		p.queue.settle(b, exported, rejected, reason)
		p.recycle(b)
	}
}

// recycle keeps the buffers of a batch for the next ones. Those that grpc still has, which is rare, are left to the
// garbage collector.
func (p *pipeline) recycle(b *batch) {
	if b.isLent() {
		return
	}
	for _, g := range b.groups {
		p.buffers.put(g.data)
	}
}

// send uploads a batch, again and again while that may help.
func (p *pipeline) send(b *batch, m *message) (exported, rejected int, reason DropReason) {
	m.fill(b)
	defer m.empty()
	begin := time.Now()
	pause := firstPause
	last := 0 // attempts since Shutdown began
	for {
		if p.isStopping() {
			last++
		}
		r := p.attempt(b, m)
		if r.err == nil || r.accepted {
			rejected = int(min(max(r.rejected, 0), int64(b.spans)))
			if r.err != nil {
				p.reporter.report(fmt.Errorf("otelcollector: upload %d spans: %w", b.spans, r.err))
			}
			return b.spans - rejected, rejected, ""
		}
		if p.uploads.Err() != nil {
			return 0, 0, DroppedShutdown
		}
		p.reporter.report(fmt.Errorf("otelcollector: upload %d spans: %w", b.spans, r.err))
		wait := time.Duration(float64(pause) * (0.5 + rand.Float64()/2))
		if last == 0 {
			wait = max(wait, r.after)
		}
		switch {
		case !r.retry:
			return 0, 0, DroppedExportFailed
		case last >= lastAttempts:
			return 0, 0, DroppedShutdown
		case time.Since(begin)+wait > retryFor:
			return 0, 0, DroppedRetriesExhausted
		}
		pause = min(time.Duration(float64(pause)*pauseFactor), maxPause)
		if p.wait(wait, last > 0) && last == 0 {
			pause = firstPause // Shutdown has begun: the last attempts are made without long pauses
		}
	}
}

func (p *pipeline) isStopping() bool {
	select {
	case <-p.stopping:
		return true
	default:
		return false
	}
}

// wait pauses. The beginning of Shutdown ends the pause, unless it lies in the past; running out of time ends it in
// any case. It reports whether the pause was cut short.
func (p *pipeline) wait(d time.Duration, stopping bool) bool {
	begins := p.stopping
	if stopping {
		begins = nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return false
	case <-begins:
	case <-p.uploads.Done():
	}
	return true
}

// attempt makes one upload.
func (p *pipeline) attempt(b *batch, m *message) result {
	a := attempt{handOver: handOver{m, b}}
	err := p.client.UploadTraces(context.WithValue(p.uploads, attemptKey{}, &a), m.list[:])
	a.judge(err)
	return a.result
}
