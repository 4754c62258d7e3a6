package httpcore

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/wirespan/wirespan/httpcore/internal/poll"
	"github.com/wirespan/wirespan/lifecycle"
)

// pollWorker is a worker of the epoll engine: an epoll set, and the baton. Whoever holds the baton waits for events and runs
// the connections that have any, handlers included, one after the other, by itself. When that takes longer than it may
// (watchdog_linux.go), or the handler waits for its client (polled.wait), the baton is taken from it and given to another
// goroutine, and the one that has lost it sees its connection through and leaves.
//
// The word says who holds the baton. It is even while the holder is between turns, and odd while it runs a connection; it
// only ever rises. A holder knows the value that it has stored last. Taking the baton and returning from a turn are the
// same compare-and-swap, from the odd value to the next, so that exactly one of them succeeds.
type pollWorker struct {
	*worker
	engine *epollEngine
	poller *poll.Poller
	slots  slots

	_    [64]byte // the words of two workers are on cache lines of their own
	word atomic.Uint64
	_    [56]byte

	// slowUntil is until when requests go to goroutines of their own, because handlers were slow; coarse time.
	slowUntil atomic.Int64

	// What follows belongs to the holder of the baton, and moves with it.
	holder   exclusive // is between turns
	events   []poll.Event
	at, end  int       // events[at:end] are still to be looked at
	round    []*polled // the connections that had more to do when events were fetched
	again    []*polled // those of the next time
	polledNS int64     // when events were fetched
}

// The number of events that are fetched at a time; it grows when they do not suffice.
const (
	minEvents = 128
	maxEvents = 4096
)

func newPollWorker(w *worker, e *epollEngine) (*pollWorker, error) {
	p, err := poll.New()
	if err != nil {
		return nil, err
	}
	return &pollWorker{worker: w, engine: e, poller: p, events: make([]poll.Event, minEvents)}, nil
}

// hold runs the worker from where the one before has left it, until the baton is lost or the engine ends.
func (w *pollWorker) hold(word uint64) {
	t := turnOf{w: w, word: word}
	defer t.unwound()
	for {
		w.holder.enter("hold one baton")
		p := w.next()
		w.holder.leave()
		if p == nil {
			return
		}
		if w.mustDispatch(p) {
			w.engine.runners.run(task{p: p})
			continue
		}
		t.begin(p)
		p.running.enter("run one connection")
		v := p.turn()
		p.running.leave()
		if !t.end() {
			p.lost()
			w.seeThrough(p, v)
			return
		}
		switch v {
		case turnWait:
			p.park()
		case turnAgain:
			w.again = append(w.again, p)
		}
	}
}

// turnOf is a connection's turn on the goroutine that holds the baton.
type turnOf struct {
	w    *pollWorker
	word uint64
	p    *polled // nil between turns
}

func (t *turnOf) begin(p *polled) {
	t.p = p
	t.word++
	p.inTurn.Store(t.word)
	t.w.word.Store(t.word)
	t.w.engine.watchdog.notice()
}

// end reports whether the baton is still held.
func (t *turnOf) end() bool {
	t.p = nil
	held := t.w.word.CompareAndSwap(t.word, t.word+1)
	t.word++
	return held
}

// unwound is for a handler that has ended the goroutine (runtime.Goexit) in the middle of a turn.
func (t *turnOf) unwound() {
	p := t.p
	if p == nil {
		return
	}
	v := p.abandon()
	p.running.leave()
	if !t.end() {
		t.w.seeThrough(p, v)
		return
	}
	t.w.engine.runners.run(task{w: t.w, word: t.word})
	p.runOn(v)
}

// seeThrough goes on with the connection in whose turn the baton was lost: take has counted it as detached. A handler may end
// the goroutine.
func (w *pollWorker) seeThrough(p *polled, v verdict) {
	defer w.engine.detached.Add(-1)
	p.runOn(v)
}

// take takes the baton from the turn that word stands for, and gives it to another goroutine; false: that turn has ended,
// or somebody else has done it.
func (w *pollWorker) take(word uint64) bool {
	if !w.word.CompareAndSwap(word, word+1) {
		return false
	}
	w.engine.detached.Add(1)
	w.engine.runners.run(task{w: w, word: word + 1})
	return true
}

// next returns the next connection that has something to do; it is the caller's now. It returns nil when the engine ends.
func (w *pollWorker) next() *polled {
	for {
		for w.at < w.end {
			e := w.events[w.at]
			w.at++
			if p := w.ready(e); p != nil {
				return p
			}
		}
		if n := len(w.round); n > 0 {
			p := w.round[n-1]
			w.round[n-1] = nil
			w.round = w.round[:n-1]
			return p
		}
		if !w.fetch() {
			return nil
		}
	}
}

// ready returns the connection that e is about if it was parked.
func (w *pollWorker) ready(e poll.Event) *polled {
	p := w.slots.get(e.Key)
	if p == nil {
		w.engine.stale.Add(1)
		return nil
	}
	if !p.state.CompareAndSwap(stateParked, stateRunning) {
		p.eventWhileRunning(e.Events)
		return nil
	}
	p.readableNS = w.polledNS
	p.ending = e.Events&(poll.PeerHalfClose|poll.Hangup|poll.Error) != 0
	return p
}

// fetch waits for events, unless a connection has more to do; false: the engine has ended.
func (w *pollWorker) fetch() bool {
	if w.end == len(w.events) && w.end < maxEvents {
		w.events = make([]poll.Event, 2*len(w.events))
	}
	runtime.Gosched() // others may have become ready: what a handler has waited for, an upload, a timer
	wait := w.poller.Wait
	if len(w.again) > 0 {
		wait = w.poller.TryWait
		w.round, w.again = w.again, w.round
	}
	n, err := wait(w.events)
	w.at, w.end = 0, n
	if err != nil {
		if !errors.Is(err, os.ErrClosed) {
			w.engine.server.set.errorLog.Printf("http: worker %d cannot poll any longer: %v", w.id, err)
		}
		return false
	}
	if w.engine.server.set.collector != nil {
		w.polledNS = lifecycle.MonotonicNS()
	}
	return true
}

// A connection is run by the holder of the baton as long as its handlers are quick, which most are. When handlers have
// been slow, those of its worker that are not known to be quick are given goroutines of their own for a while, as every
// request has with net/http: a handler that blocks costs the others a millisecond before the baton moves on.
const (
	slowPhaseNS   = int64(200e6)
	slowRequestNS = int64(1e6)
	// streakTrusted is how many turns in a row must have been quick for a connection to be run by the holder although others
	// are slow; streakSlow is what a slow one sets the count to.
	streakTrusted = 32
	streakMax     = 100
	streakSlow    = -4
)

// mustDispatch reports whether p is to be run by a goroutine of its own.
func (w *pollWorker) mustDispatch(p *polled) bool {
	return p.streak < 0 ||
		p.streak < streakTrusted && w.engine.server.clock.coarse() < w.slowUntil.Load()
}

// noteSlow begins a phase in which requests go to goroutines of their own, or makes it longer.
func (w *pollWorker) noteSlow() { w.slowUntil.Store(w.engine.server.clock.after(slowPhaseNS)) }
