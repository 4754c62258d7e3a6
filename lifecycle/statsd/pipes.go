package statsd

import (
	"context"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
)

// maxPipes bounds how many pipes there are: workers beyond it share.
const maxPipes = 1024

// pipes are the pipes of the workers, made when a worker first asks for its own.
type pipes struct {
	settings *settings
	spread   uint32 // how many of them an application's lines are spread over

	all  atomic.Pointer[[]*pipe] // by worker; only ever replaced by a longer one, under grow
	grow sync.Mutex              // guards what follows, and all against growing

	closed  bool // pipes are born closed
	running sync.WaitGroup
}

// settings are what all pipes share. Nothing in it changes.
type settings struct {
	Options
	dial    func() (net.Conn, error)
	aborted context.Context // ends when Close runs out of time
	abort   context.CancelFunc
	closing chan struct{} // closed when Close begins
	warner  *warner
}

func newPipes(o Options, network, address string) *pipes {
	s := &settings{Options: o, closing: make(chan struct{})}
	s.aborted, s.abort = context.WithCancel(context.Background())
	s.dial = func() (net.Conn, error) { return o.Dial(s.aborted, network, address) }
	p := &pipes{settings: s, spread: uint32(min(runtime.GOMAXPROCS(0), maxPipes))}
	p.all.Store(&[]*pipe{})
	s.warner = &warner{log: o.ErrorLog, dropped: p.dropped}
	return p
}

// accounts adds up those of all pipes.
func (p *pipes) accounts() (sum Stats) {
	for _, each := range *p.all.Load() {
		part := each.accounts()
		sum.add(&part)
	}
	return sum
}

func (p *pipes) dropped() uint64 {
	sum := p.accounts()
	return sum.Dropped()
}

// any returns a pipe for a line that may overtake others. Callers on different processors rarely meet there.
func (p *pipes) any() *pipe { return p.worker(int(rand.Uint32N(p.spread))) }

// ordered returns the one pipe for lines that have to keep their order.
func (p *pipes) ordered() *pipe { return p.worker(0) }

// worker returns the pipe of a worker.
func (p *pipes) worker(id int) *pipe {
	id = max(id, 0) % maxPipes
	if all := *p.all.Load(); id < len(all) {
		return all[id]
	}
	p.grow.Lock()
	defer p.grow.Unlock()
	all := *p.all.Load()
	if id < len(all) {
		return all[id]
	}
	longer := make([]*pipe, id+1)
	for i := copy(longer, all); i <= id; i++ {
		longer[i] = newPipe(p.settings)
		if p.closed {
			longer[i].closed = true
		} else {
			p.running.Go(longer[i].run)
		}
	}
	p.all.Store(&longer)
	return longer[id]
}

// flush has every pipe send what it has.
func (p *pipes) flush(ctx context.Context) error {
	all := *p.all.Load()
	sent := make(chan struct{}, len(all))
	for _, each := range all {
		select {
		case each.flushes <- sent:
		case <-p.settings.closing: // which flushes too
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for range all {
		select {
		case <-sent:
		case <-p.settings.closing:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// close ends every pipe, and waits for that.
func (p *pipes) close(ctx context.Context) error {
	p.grow.Lock()
	if !p.closed {
		p.closed = true
		close(p.settings.closing)
	}
	p.grow.Unlock()

	ended := make(chan struct{})
	go func() { p.running.Wait(); close(ended) }()
	select {
	case <-ended:
		p.settings.abort() // releases the context
		return nil
	case <-ctx.Done():
		p.settings.abort() // nothing blocks any longer
		<-ended
		return context.Cause(ctx)
	}
}
