package otelcollector

import (
	"errors"
	"fmt"
	"time"

	"github.com/wirespan/wirespan/otelcollector/internal/spool"
)

// writeSpool takes batches from the queue to the spool, until the pipeline is closed.
func (p *pipeline) writeSpool() {
	for waited := false; ; waited = true {
		p.hooks.put(p.queue)
		for b := p.queue.takeToSpool(!p.receiver.isUp()); b != nil; b = p.queue.takeToSpool(!p.receiver.isUp()) {
			p.hooks.got(b, waited)
			waited = false
			if pause := p.toSpool(b); pause > 0 && !p.sleep(pause) {
				return
			}
		}
		select {
		case <-p.queue.spill:
		case <-p.closing:
			return
		}
	}
}

// sleep returns false when the pipeline is closed.
func (p *pipeline) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.closing:
		return false
	}
}

// toSpool takes a batch to the spool. If that does not take it, the batch stays in memory, and what finds the memory full is
// dropped for that. It returns for how long the spool is to be left alone then.
func (p *pipeline) toSpool(b *batch) (pause time.Duration) {
	if b.frame != nil { // a journaled one: it is there
		p.putBack(b)
		return 0
	}
	f, err := p.disk.append(b, p.disk.isScarce(p.receiver.awayFor(time.Now())))
	switch now := time.Now(); {
	case !errors.Is(err, spool.ErrBusy):
		p.disk.behind = time.Time{}
	case p.disk.behind.IsZero():
		p.disk.behind = now
		fallthrough
	case now.Sub(p.disk.behind) < diskPause:
		p.queue.giveBack(b)
		return busyPause
	}
	switch {
	case errors.Is(err, spool.ErrTooLarge):
		b.noSpool = true
		p.queue.giveBack(b)
		token(p.queue.work)
		return 0
	case err != nil:
		p.queue.giveBack(b)
		p.queue.withoutSpool(p.disk.journal, DropReason(spool.ReasonOf(err).String()))
		p.reporter.report(fmt.Errorf("otelcollector: %w", err))
		token(p.queue.work)
		return diskPause
	}
	p.queue.withoutSpool(p.disk.journal, "")
	p.queue.spooled(b, f)
	switch {
	case b.tries > 0:
		p.disk.retry(b, false)
		p.letGo(b)
	case p.disk.journal && p.receiver.isUp():
		p.queue.giveBack(b)
		token(p.queue.work)
	default:
		p.disk.release(b)
		p.letGo(b)
	}
	return 0
}
