package otelcollector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/wirespan/wirespan/otelcollector/internal/spool"
)

// maxWorkers bounds how many shards there are: workers beyond it share.
const maxWorkers = 1024

// pipeline takes finished spans to the client: shards, one for each worker, are cut into the queue when they are full
// and at every tick; from there they are uploaded, or go to the spool and are uploaded later.
//
// Locks nest in this order: grow, a shard, the queue. Nobody holds two shards but accounts, which holds all of them and
// therefore has grow for itself.
type pipeline struct {
	client   otlptrace.Client
	messages sync.Pool // of *message
	queue    *queue
	receiver *destination
	disk     *disk // nil without a spool
	buffers  buffers
	reporter *reporter
	metrics  *metrics
	hooks    *exportHooks

	workers atomic.Pointer[[]*shard] // by worker; only ever replaced by a longer one, under grow
	scope   *scope                   // of the workers' spans

	grow   sync.RWMutex        // guards what follows, and workers against growing
	scopes map[scopeKey]*shard // of spans that come from an SDK
	closed bool                // by shutdown: new shards are born closed

	replayed  chan *batch     // from the spool to who uploads
	begun     chan struct{}   // closed when no upload begins any more
	uploads   context.Context // ends when shutdown runs out of time
	abort     context.CancelFunc
	uploading sync.WaitGroup
	closing   chan struct{} // closed when nothing more is to be begun
	running   sync.WaitGroup

	stopOnce sync.Once
	stopped  chan struct{} // closed when shutdown is done
	stopErr  error         // set before
}

func newPipeline(client otlptrace.Client, r *resourcepb.Resource, schemaURL string, cfg *Config) (*pipeline, error) {
	m, meter, err := newMetrics(cfg.MeterProvider, client)
	if err != nil {
		return nil, err
	}
	disk, err := openDisk(cfg, newMessage(r, schemaURL).head, m.disk)
	if err != nil {
		return nil, err
	}
	ledger := disk.ledger(0)
	if ledger == nil {
		ledger = new(spool.Counts)
	}
	p := &pipeline{
		client:   client,
		queue:    newQueue(cfg.MaxQueueBytes, ledger),
		receiver: newDestination(time.Now()),
		disk:     disk,
		reporter: &reporter{handle: cfg.ErrorHandler},
		metrics:  m,
		hooks:    newExportHooks(cfg.Hooks),
		scope:    ownScope(),
		scopes:   map[scopeKey]*shard{},
		replayed: make(chan *batch),
		begun:    make(chan struct{}),
		closing:  make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	p.messages.New = func() any { return newMessage(r, schemaURL) }
	p.workers.Store(&[]*shard{})
	p.uploads, p.abort = context.WithCancel(context.Background())
	if err := m.observe(meter, p); err != nil {
		return nil, errors.Join(err, disk.shut())
	}
	p.running.Go(p.dispatch)
	p.running.Go(func() { p.tick(cfg.FlushInterval) })
	if disk != nil {
		p.queue.withoutSpool(disk.journal, "")
		p.running.Go(p.writeSpool)
		p.running.Go(p.replay)
	}
	return p, nil
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
		longer[i] = &shard{pipeline: p, scope: p.scope, ledger: p.disk.ledger(i), closed: p.closed}
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

// tick cuts the shards at every interval until the pipeline is closed.
func (p *pipeline) tick(interval time.Duration) {
	t := time.NewTicker(interval)
	defer t.Stop()
	var reported uint64
	for {
		select {
		case now := <-t.C:
			p.cut()
			p.buffers.trim()
			reported = p.reportFull(reported)
			if p.disk != nil {
				p.disk.rate.came(now, p.queue.cameSoFar())
			}
		case <-p.closing:
			return
		}
	}
}

func (p *pipeline) cut() {
	p.each((*shard).cut)
	p.queue.wake()
}

// reportFull reports spans that were dropped for want of room, beyond those that it reported before.
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
	if p.disk == nil {
		p.receiver.lastCall()
	}
	p.queue.wake()

	sending, cancel := p.disk.timeToSend(ctx)
	defer cancel()
	cause := p.queue.drained(sending)
	close(p.closing)
	if cause == nil {
		p.settled(sending)
	}
	p.abort()
	if !p.quiet() {
		return errors.New("otelcollector: shut down: the client does not return from UploadTraces although its context has ended")
	}
	left, diskErr := p.leave()
	stopErr := p.client.Stop(ctx)
	switch lost := p.queue.lost(DroppedShutdown); {
	case lost > 0 && cause != nil:
		return fmt.Errorf("otelcollector: shut down: %d spans were not sent: %w", lost, cause)
	case lost > 0:
		return fmt.Errorf("otelcollector: shut down: %d spans were not sent", lost)
	case diskErr != nil:
		return fmt.Errorf("otelcollector: shut down: %w", diskErr)
	case left > 0:
		return fmt.Errorf("otelcollector: shut down: %w: %d", ErrSpooled, left)
	case stopErr != nil:
		return fmt.Errorf("otelcollector: stop client: %w", stopErr)
	}
	return nil
}

// settled waits for the uploads under way.
func (p *pipeline) settled(ctx context.Context) {
	done := make(chan struct{})
	p.running.Go(func() {
		<-p.begun
		p.uploading.Wait()
		close(done)
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// leave puts what is still in memory into the spool and closes that, for the next process to send it. Without a spool it is
// dropped.
func (p *pipeline) leave() (spooled uint64, err error) {
	if p.disk == nil {
		p.abandon(DroppedShutdown)
		return 0, nil
	}
	late := time.Now().Add(closeWithin)
	for _, b := range p.queue.takeAll() {
		p.keep(b, late)
	}
	err = p.disk.shut()
	st := p.disk.spool.Stats()
	return st.Spans + st.Unread, err
}

// keep has the spool take a batch, and drops it when it does not.
func (p *pipeline) keep(b *batch, late time.Time) {
	if b.frame == nil {
		f, err := p.disk.appendUntil(late, b)
		if err != nil {
			p.reporter.report(fmt.Errorf("otelcollector: %w", err))
			p.settle(b, 0, DropReason(spool.ReasonOf(err).String()))
			return
		}
		p.queue.spooled(b, f)
	}
	p.putBack(b)
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

// accounts reads all counters at one moment, after those of the spool: see Stats.account.
func (p *pipeline) accounts() (s Stats, stored *spool.Stats) {
	if p.disk != nil {
		st := p.disk.spool.Stats()
		stored = &st
	}
	p.grow.Lock()
	defer p.grow.Unlock()
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
	s.Exported, s.Rejected, s.Retried = q.exported, q.rejected, q.retried
	s.Queued += uint64(q.spans)
	s.QueuedBytes += uint64(q.bytes)
	s.Dropped, s.unsent = maps.Clone(q.dropped), q.unsent
	if stored != nil {
		s.account(stored, q.handed)
	}
	return s, stored
}
