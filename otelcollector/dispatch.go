package otelcollector

import (
	"context"
	"fmt"
	"time"
)

// dispatch begins uploads as the receiver admits them, until the pipeline is closed: those of this process first, those
// from the spool when none of them waits.
func (p *pipeline) dispatch() {
	defer close(p.begun)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	waited := false
	for !p.isClosing() {
		replayed, wait, began := p.begin(time.Now(), waited)
		if waited = !began && !p.queue.demand(); began {
			continue
		}
		if wait > 0 {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-p.queue.work:
		case <-timer.C:
		case b := <-replayed:
			p.start(b)
		case <-p.closing:
			return
		}
	}
}

func (p *pipeline) isClosing() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

// begin begins an upload if one may. If not, it says for how long nothing will change by itself, 0 being for ever, and from
// where a batch of the spool may come meanwhile.
func (p *pipeline) begin(now time.Time, waited bool) (replayed <-chan *batch, wait time.Duration, began bool) {
	ok, wait := p.receiver.admits(now)
	if !ok {
		return nil, wait, false
	}
	p.hooks.put(p.queue)
	b, wait := p.queue.take(now)
	if b != nil {
		p.hooks.got(b, waited)
		p.start(b)
		return nil, 0, true
	}
	if ok, later := p.receiver.admitsReplay(now); ok {
		replayed = p.replayed
	} else if wait == 0 || later > 0 && later < wait {
		wait = later
	}
	return replayed, wait, false
}

// start uploads a batch beside the rest.
func (p *pipeline) start(b *batch) {
	p.receiver.begins(b)
	p.uploading.Add(1)
	p.running.Go(func() {
		defer p.uploading.Done()
		p.upload(b)
	})
}

func (p *pipeline) upload(b *batch) {
	m := p.messages.Get().(*message)
	m.fill(b)
	began := time.Now()
	r := p.attempt(b, m)
	took := time.Since(began)
	m.empty()
	p.messages.Put(m)
	v := verdict{batch: b, result: r, took: took, givenUp: !r.accepted && p.uploads.Err() != nil, demand: p.queue.demand()}
	if r.retry && !r.accepted && !v.givenUp {
		v.suspected, v.poison = p.blame(b)
	}
	p.receiver.ends(&v)
	p.metrics.uploaded(p.uploads, took, &r)
	p.tell(&v)
	p.finish(&v)
	p.queue.wake()
}

// attempt makes one upload.
func (p *pipeline) attempt(b *batch, m *message) result {
	a := attempt{handOver: handOver{m, b}}
	err := p.client.UploadTraces(context.WithValue(p.uploads, attemptKey{}, &a), m.list[:])
	a.judge(err)
	return a.result
}

// verdict is how an upload ended.
type verdict struct {
	result
	batch     *batch
	took      time.Duration
	givenUp   bool // by this side, which says nothing about the receiver
	demand    bool // other batches wait
	suspected bool // others were accepted since the batch failed last
	poison    bool // and that often enough
}

// tell reports an upload that was not accepted, or was with a complaint.
func (p *pipeline) tell(v *verdict) {
	if v.err != nil && !v.givenUp {
		p.reporter.report(fmt.Errorf("otelcollector: upload %d spans: %w", v.batch.spans, v.err))
	}
}

// finish does with a batch what the answer asks for.
func (p *pipeline) finish(v *verdict) {
	b := v.batch
	switch {
	case v.accepted:
		p.settle(b, int(min(max(v.rejected, 0), int64(b.spans))), "")
	case v.givenUp:
		p.putBack(b)
	case !v.retry:
		p.giveUp(b, v.reason())
	case v.poison:
		p.giveUp(b, DroppedPoison)
	default:
		p.tryAgain(b)
	}
	if p.receiver.isHopeless() {
		p.abandon(DroppedShutdown)
	}
}

// giveUp drops a batch that the receiver does not take, and keeps a copy for people to look at where there is a place for it.
func (p *pipeline) giveUp(b *batch, why DropReason) {
	if b.frame == nil && p.disk.keepsDead() {
		if f, err := p.disk.append(b, false); err == nil {
			p.queue.spooled(b, f)
		}
	}
	p.settle(b, 0, why)
}

// settle closes the account of a batch: it was accepted but for some rejected spans, or dropped when there is a reason.
func (p *pipeline) settle(b *batch, rejected int, dropped DropReason) {
	b.recycleCopies()
	switch {
	case b.frame != nil:
		p.disk.settle(b, rejected, dropped)
		if !b.isReplay() {
			p.queue.leave(b)
		}
	case dropped != "":
		p.queue.settle(b, 0, 0, dropped)
	default:
		p.queue.settle(b, b.spans-rejected, rejected, "")
	}
	p.recycle(b)
}

// putBack has a batch as it was before an upload that says nothing about it.
func (p *pipeline) putBack(b *batch) {
	if b.frame == nil {
		p.queue.giveBack(b)
		return
	}
	p.disk.release(b)
	p.letGo(b)
}

// tryAgain keeps a batch for another try: in memory when there is no spool.
func (p *pipeline) tryAgain(b *batch) {
	p.queue.again(b.spans)
	if b.frame != nil {
		p.disk.retry(b, p.receiver.isUp())
		p.letGo(b)
		return
	}
	b.after = time.Now().Add(pauseOf(b.tries))
	b.tries++
	p.queue.giveBack(b)
}

// letGo forgets a batch that the spool has.
func (p *pipeline) letGo(b *batch) {
	if !b.isReplay() {
		p.queue.leave(b)
	}
	p.recycle(b)
}

// blame notes that an upload of b has failed: see suspicion.
func (p *pipeline) blame(b *batch) (suspected, poison bool) {
	accepted := p.receiver.acceptedSoFar()
	if b.frame != nil {
		return p.disk.failed(b, accepted)
	}
	return b.suspicion.failed(accepted)
}

// abandon drops what waits in memory.
func (p *pipeline) abandon(why DropReason) {
	for _, b := range p.queue.takeAll() {
		p.settle(b, 0, why)
	}
}

// recycle keeps the buffers of a batch for the next ones. Those that grpc still has, which is rare, are left to the
// garbage collector.
func (p *pipeline) recycle(b *batch) {
	if b.isLent() {
		return
	}
	p.buffers.put(b.raw)
	for _, g := range b.groups {
		p.buffers.put(g.data)
	}
}
