package otelcollector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
)

// maxWorkers bounds how many shards there are: workers beyond it share.
const maxWorkers = 1024

// pipeline takes finished spans to the client: shards, one for each worker, are cut into the queue when they are full
// and at every tick; from there the uploaders take them.
//
// Locks nest in this order: grow, a shard, the queue. Nobody holds two shards but accounts, which holds all of them and
// therefore has grow for itself.
type pipeline struct {
	client    otlptrace.Client
	resource  *resourcepb.Resource
	schemaURL string
	queue     *queue
	buffers   buffers
	reporter  *reporter

	workers atomic.Pointer[[]*shard] // by worker; only ever replaced by a longer one, under grow
	scope   *scope                   // of the workers' spans

	grow   sync.RWMutex        // guards what follows, and workers against growing
	scopes map[scopeKey]*shard // of spans that come from an SDK
	closed bool                // by shutdown: new shards are born closed

	uploads  context.Context // ends when shutdown runs out of time
	abort    context.CancelFunc
	stopping chan struct{} // closed when shutdown begins
	running  sync.WaitGroup

	stopOnce sync.Once
	stopped  chan struct{} // closed when shutdown is done
	stopErr  error         // set before
}

func newPipeline(client otlptrace.Client, r *resourcepb.Resource, schemaURL string, maxBytes int, interval time.Duration, handle func(error)) *pipeline {
	p := &pipeline{
		client: client, resource: r, schemaURL: schemaURL,
		queue:    newQueue(maxBytes),
		reporter: &reporter{handle: handle},
		scope:    ownScope(),
		scopes:   map[scopeKey]*shard{},
		stopping: make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	p.workers.Store(&[]*shard{})
	p.uploads, p.abort = context.WithCancel(context.Background())
	for range Uploads {
		p.running.Go(p.upload)
	}
	p.running.Go(func() { p.tick(interval) })
	return p
}

// worker returns the shard of a worker.
func (p *pipeline) worker(id int) *shard {
	id = max(id, 0) % maxWorkers
	if all := *p.workers.Load(); id < len(all) {
		return all[id]
	}
	p.grow.Lock()
	defer p.grow.Unlock()
	all := *p.workers.Load()
	if id < len(all) {
		return all[id]
	}
	longer := make([]*shard, id+1)
	for i := copy(longer, all); i <= id; i++ {
		longer[i] = &shard{pipeline: p, scope: p.scope, closed: p.closed}
	}
	p.workers.Store(&longer)
	return longer[id]
}

// each calls f for every shard.
func (p *pipeline) each(f func(*shard)) {
	p.grow.RLock()
	defer p.grow.RUnlock()
	p.eachLocked(f)
}

func (p *pipeline) eachLocked(f func(*shard)) {
	for _, s := range *p.workers.Load() {
		f(s)
	}
	for _, s := range p.scopes {
		f(s)
	}
}

// tick cuts the shards at every interval until shutdown.
func (p *pipeline) tick(interval time.Duration) {
	t := time.NewTicker(interval)
	defer t.Stop()
	var reported uint64
	for {
		select {
		case <-t.C:
			p.cut()
			p.buffers.trim()
			reported = p.reportFull(reported)
		case <-p.stopping:
			return
		}
	}
}

func (p *pipeline) cut() {
	p.each((*shard).cut)
	p.queue.wake()
}

// reportFull reports spans that found the queue full, beyond those that it reported before.
func (p *pipeline) reportFull(reported uint64) uint64 {
	full := p.queue.lost(DroppedQueueFull)
	if full > reported {
		p.reporter.report(fmt.Errorf("otelcollector: queue is full: %d spans dropped so far", full))
	}
	return full
}

// flush has everything sent that was added before.
func (p *pipeline) flush(ctx context.Context) error {
	p.cut()
	if err := p.queue.drained(ctx); err != nil {
		return fmt.Errorf("otelcollector: flush: %w", err)
	}
	return nil
}

// shutdown sends what is left, until ctx ends. Only the first call does; others wait for it.
func (p *pipeline) shutdown(ctx context.Context) error {
	first := false
	p.stopOnce.Do(func() { first = true })
	if !first {
		select {
		case <-p.stopped:
			return p.stopErr
		case <-ctx.Done():
			return fmt.Errorf("otelcollector: shut down: %w", context.Cause(ctx))
		}
	}
	p.stopErr = p.stop(ctx)
	close(p.stopped)
	return p.stopErr
}

func (p *pipeline) stop(ctx context.Context) error {
	p.grow.Lock()
	p.closed = true
	p.eachLocked((*shard).close)
	p.grow.Unlock()
	p.queue.close()
	close(p.stopping)

	cause := p.queue.drained(ctx)
	if cause != nil {
		p.queue.abandon(DroppedShutdown)
	}
	p.abort()
	if !p.quiet() {
		return errors.New("otelcollector: shut down: the client does not return from UploadTraces although its context has ended")
	}
	stopErr := p.client.Stop(ctx)
	switch lost := p.queue.lost(DroppedShutdown); {
	case lost > 0 && cause != nil:
		return fmt.Errorf("otelcollector: shut down: %d spans were not sent: %w", lost, cause)
	case lost > 0:
		return fmt.Errorf("otelcollector: shut down: %d spans were not sent", lost)
	case stopErr != nil:
		return fmt.Errorf("otelcollector: stop client: %w", stopErr)
	}
	return nil
}

// abortWithin is how long a client may take to return when the context of its upload has ended.
const abortWithin = 2 * time.Second

// quiet waits for the goroutines to end.
func (p *pipeline) quiet() bool {
	done := make(chan struct{})
	go func() {
		p.running.Wait()
		close(done)
	}()
	t := time.NewTimer(abortWithin)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// accounts reads all counters at one moment.
func (p *pipeline) accounts() Stats {
	p.grow.Lock()
	defer p.grow.Unlock()
	var s Stats
	p.eachLocked(func(sh *shard) { sh.mu.Lock() })
	defer p.eachLocked(func(sh *shard) { sh.mu.Unlock() })
	p.queue.mu.Lock()
	defer p.queue.mu.Unlock()
	p.eachLocked(func(sh *shard) {
		s.Made += sh.made
		s.Queued += uint64(sh.spans)
		s.QueuedBytes += uint64(len(sh.buf))
	})
	q := p.queue
	s.Exported, s.Rejected = q.exported, q.rejected
	s.Queued += uint64(q.spans)
	s.QueuedBytes += uint64(q.bytes)
	s.Dropped = make(map[DropReason]uint64, len(q.dropped))
	for r, n := range q.dropped {
		s.Dropped[r] = n
	}
	return s
}
