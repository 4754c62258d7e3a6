package httpcore

import (
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// task is what a runner does: see a connection through its turn, or hold a worker's baton.
type task struct {
	p    *polled
	w    *pollWorker
	word uint64
	put  time.Time // when p was dispatched, if anybody is told
}

func (t *task) isNone() bool { return t.p == nil && t.w == nil }

// do does the task; fresh: on a goroutine that was made for it.
func (t *task) do(fresh bool) {
	if t.p == nil {
		t.w.hold(t.word)
		return
	}
	e := t.p.w.engine
	t.p.c.tellGot(instrument.QueueDispatch, t.put, fresh)
	e.detached.Add(1)
	defer e.detached.Add(-1)
	t.p.runAlone()
}

// runners are goroutines that stay when they have done their task, for the next one: their stacks have the size that
// handlers need.
type runners struct {
	tasks chan task     // none has a runner end
	stop  chan struct{} // closed when the engine ends
	spare atomic.Int64  // how many wait
	least atomic.Int64  // the least of that since retire
}

// maxSpare bounds how many goroutines wait for tasks.
const maxSpare = 256

func newRunners() *runners { return &runners{tasks: make(chan task), stop: make(chan struct{})} }

// run has t done by another goroutine.
func (r *runners) run(t task) {
	if t.p != nil {
		t.put = t.p.c.tellPut(instrument.QueueDispatch)
	}
	select {
	case r.tasks <- t:
	default:
		go r.start(t)
	}
}

func (r *runners) start(t task) {
	fresh := true
	for ok := true; ok; {
		t.do(fresh)
		fresh = false
		t, ok = r.await()
	}
}

// await returns the next task; false: it is not to be waited for.
func (r *runners) await() (t task, ok bool) {
	defer r.leave()
	if r.spare.Add(1) > maxSpare {
		return task{}, false
	}
	select {
	case t = <-r.tasks:
		return t, !t.isNone()
	case <-r.stop:
		return task{}, false
	}
}

func (r *runners) leave() {
	spare := r.spare.Add(-1)
	for {
		least := r.least.Load()
		if spare >= least || r.least.CompareAndSwap(least, spare) {
			return
		}
	}
}

// retire ends half of the runners that had nothing to do since it was called last. The server's tick calls it.
func (r *runners) retire() {
	for range (r.least.Load() + 1) / 2 {
		select {
		case r.tasks <- task{}:
		default:
		}
	}
	r.least.Store(r.spare.Load())
}
