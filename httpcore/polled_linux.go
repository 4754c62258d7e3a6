package httpcore

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/httpcore/internal/poll"
	"github.com/wirespan/wirespan/lifecycle"
)

// polled is a connection of the epoll engine, and the stream that its state machine is given.
//
// It is parked in the epoll set of its worker, or some goroutine runs it; whoever changes its state from parked to running
// does. That is the holder of the worker's baton when there are events, or whoever finds that it has waited too long.
// Nothing but the goroutine that runs it closes its descriptor, and everybody else who uses that holds mu and has looked
// that it is not closed.
//
// Parked, its events are level-triggered. Running, it usually has none, because the one who would fetch them is busy running
// it. Only when there is one all the same, or when something waits for one, it becomes edge-triggered until it is parked
// again: a request costs no epoll_ctl unless it lasts.
type polled struct {
	c   *conn
	w   *pollWorker
	fd  int
	key poll.Key

	state  atomic.Int32
	poked  atomic.Bool   // somebody wants it looked whether it has waited too long
	inTurn atomic.Uint64 // the worker's word of the last turn that the holder of the baton has given it
	ended  atomic.Bool   // the server has shut the socket down under it
	user   atomic.Pointer[userDeadlines]

	// Of the goroutine that runs it.
	running    exclusive
	readableNS int64 // when the event came that it runs for; 0: it was read already
	ending     bool  // that event said that the peer has shut its side down
	lingering  *lingering
	streak     int8 // quick turns in a row

	mu         sync.Mutex
	edge       bool       // edge-triggered
	waited     bool       // for its client, in this turn
	halfClosed bool       // the peer has shut its side down, or is gone
	ready      readiness  // what events, or pokes, have come while it was running
	cond       *sync.Cond // of ready; nil until somebody waits
	gone       func(error)
	shown      bool // the descriptor, which may have been duplicated: closing it would not take it out of the epoll set
}

// The states of a polled.
const (
	stateRunning int32 = iota
	stateParked
	stateClosed // or somebody else's
)

type readiness uint8

const (
	readyIn readiness = 1 << iota
	readyOut
	pokedIn
	pokedOut
)

// What is asked for of a connection that is parked, and of one that is running.
const (
	parkedEvents  = poll.In | poll.PeerHalfClose
	runningEvents = poll.In | poll.Out | poll.PeerHalfClose | poll.EdgeTriggered
)

// verdict is how a turn has ended.
type verdict int

const (
	turnWait  verdict = iota // it waits for bytes
	turnAgain                // it has more to do, and has had its share
	turnOver                 // it is closed, or its handler's
)

// maxTurn is how many requests of one connection are served before others have their turn.
const maxTurn = 32

// turn runs the connection until it has to wait for a request, or has had its share.
func (p *polled) turn() verdict {
	c := p.c
	late := p.poked.Load() && p.poked.Swap(false) && c.expired()
	switch {
	case p.lingering != nil:
		return p.linger()
	case late && c.x != nil: // the time for a head is up, whatever has come meanwhile
		c.fed(0, 0, errLate)
	}
	drained := false
	for left := maxTurn; left > 0; {
		switch c.next() {
		case stepRead:
			if !c.flush() {
				return p.finish()
			}
			if drained {
				c.parkRead()
				return turnWait
			}
			space := c.space()
			c.resumeRead()
			n, err := poll.Receive(p.fd, space)
			switch {
			case err != poll.WouldBlock:
				late = false
			case late: // nobody has begun a request just now
				err = errLate
			default:
				c.parkRead()
				return turnWait
			}
			c.tellRead(space[:n], p.readFailure(err))
			// What did not fill the space was all there was, most likely: if not, there will be another event.
			drained = n < len(space) && !p.ending && err == nil
			c.fed(n, p.readAt(), p.readFailure(err))
		case stepServe:
			c.serve()
			if c.hijacked {
				return turnOver
			}
			left--
		case stepClose:
			return p.finish()
		}
	}
	if !c.flush() {
		return p.finish()
	}
	return turnAgain
}

// readAt returns when the bytes that have just been read could be read.
func (p *polled) readAt() int64 {
	if at := p.readableNS; at != 0 {
		p.readableNS = 0
		return at
	}
	return p.c.clock()
}

// lost notes that the holder of the baton has lost it in the connection's turn.
func (p *polled) lost() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.waited {
		p.streak = streakSlow
	}
}

// runOn goes on with a connection whose goroutine has nothing else to do: v is how its turn has ended.
func (p *polled) runOn(v verdict) {
	for v == turnAgain {
		v = p.guarded()
	}
	if v == turnWait && !p.parkShared() {
		p.c.writeFailed(net.ErrClosed)
		p.finish()
	}
}

// runAlone runs the connection on a goroutine of its own, and notes how quick it is.
func (p *polled) runAlone() {
	start, served := lifecycle.MonotonicNS(), p.c.served
	v := p.guarded()
	if took := lifecycle.MonotonicNS() - start; took > slowRequestNS*int64(max(p.c.served-served, 1)) {
		p.streak = streakSlow
		p.w.noteSlow()
	} else {
		p.streak = min(p.streak+1, streakMax)
	}
	p.runOn(v)
}

// guarded is turn for a goroutine that has nothing else to do: when a handler ends it (runtime.Goexit), this is the end of
// the connection, too.
func (p *polled) guarded() verdict {
	returned := false
	defer func() {
		if !returned {
			v := p.abandon()
			p.running.leave()
			p.runOn(v)
		}
	}()
	p.running.enter("run one connection")
	v := p.turn()
	p.running.leave()
	returned = true
	return v
}

// park gives the connection back to its epoll set. Only the holder of the baton, whose turn it was from the beginning to the
// end, may call it: nobody else has seen the connection meanwhile.
func (p *polled) park() {
	p.streak = min(p.streak+1, streakMax)
	if p.edge { // an event came between two of its turns: that of the end of what the peer sends is not reported twice
		p.runOn(turnWait)
		return
	}
	p.c.rest()
	p.state.Store(stateParked)
	p.repoke()
}

// parkShared is park for everybody else; false: the kernel refuses.
func (p *polled) parkShared() bool {
	p.c.rest()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.edge {
		if p.w.poller.Modify(p.fd, parkedEvents, p.key) != nil {
			return false
		}
		p.edge = false
	}
	p.ready, p.halfClosed, p.waited = 0, false, false
	p.state.Store(stateParked)
	p.repoke()
	return true
}

// repoke looks after a poke that came too late for the turn.
func (p *polled) repoke() {
	if p.poked.Load() && p.state.CompareAndSwap(stateParked, stateRunning) {
		p.w.engine.runners.run(task{p: p})
	}
}

// eventWhileRunning notes what has happened to a connection that somebody runs.
func (p *polled) eventWhileRunning(events uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.Load() != stateRunning {
		return // parked: the event will be there again; closed: it is late
	}
	p.armLocked()
	if events&(poll.In|poll.PeerHalfClose|poll.Hangup|poll.Error) != 0 {
		p.ready |= readyIn
	}
	if events&(poll.Out|poll.Hangup|poll.Error) != 0 {
		p.ready |= readyOut
	}
	if events&(poll.PeerHalfClose|poll.Hangup|poll.Error) != 0 {
		p.halfClosed = true
		p.tellGoneLocked()
	}
	p.wakeLocked()
}

// armLocked makes the connection edge-triggered, so that each thing is reported once. What it is ready for already is
// reported, too.
func (p *polled) armLocked() {
	if p.edge {
		return
	}
	p.edge = true
	if p.w.poller.Modify(p.fd, runningEvents, p.key) != nil { // no event will come: calls must not wait for one
		_ = poll.Shutdown(p.fd)
		p.ready |= readyIn | readyOut
	}
}

func (p *polled) wakeLocked() {
	if p.cond != nil {
		p.cond.Broadcast()
	}
}

// wait returns when the socket may be ready for what was asked, or when it was poked. Whoever waits does not hold a baton.
func (p *polled) wait(ready, poked readiness) {
	if word := p.inTurn.Load(); word != 0 {
		p.w.take(word)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waited = true
	if p.cond == nil {
		p.cond = sync.NewCond(&p.mu)
	}
	p.armLocked()
	for p.ready&(ready|poked) == 0 {
		p.cond.Wait()
	}
	p.ready &^= ready | poked
}

// watch implements [stream]. While the connection has no other events, that the peer is gone is seen by the holder of the
// baton; when that is the goroutine that runs the handler, it is not for long.
func (p *polled) watch(gone func(error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = gone
	if p.halfClosed {
		p.tellGoneLocked()
	}
}

// unwatch implements [stream]. Nothing was read.
func (p *polled) unwatch() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = nil
	return nil
}

// tellGoneLocked tells who watches that the peer has shut its side down, unless it has sent something before.
func (p *polled) tellGoneLocked() {
	if p.gone == nil {
		return
	}
	_, err := poll.Peek(p.fd)
	if err == nil || err == poll.WouldBlock {
		return
	}
	go p.gone(p.readFailure(err))
	p.gone = nil
}

// interrupt implements [stream].
func (p *polled) interrupt() {
	p.poked.Store(true)
	if p.state.CompareAndSwap(stateParked, stateRunning) {
		if p.c.x == nil && p.c.idle.Load() && p.c.drained() {
			p.runAlone() // it ends, and there is nothing to send: no handler runs, and nothing lasts
		} else {
			p.w.engine.runners.run(task{p: p})
		}
		return
	}
	p.poke()
}

// poke has everybody who waits look whether that is too long.
func (p *polled) poke() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready |= pokedIn | pokedOut
	p.wakeLocked()
}

// abort implements [stream]. The descriptor stays: it is closed by the goroutine that finds its end.
func (p *polled) abort() {
	p.mu.Lock()
	if p.state.Load() != stateClosed {
		p.ended.Store(true)
		_ = poll.Shutdown(p.fd)
	}
	p.mu.Unlock()
	p.interrupt()
}

// finish ends the connection, unless it has to wait for its peer first.
func (p *polled) finish() verdict {
	c := p.c
	c.end()
	if c.linger && c.broken == nil && !c.server.closed.Load() && poll.CloseWrite(p.fd) == nil {
		p.lingering = &lingering{left: lingerBytes, end: c.server.clock.after(int64(lingerTime))}
		return p.linger()
	}
	return p.close()
}

// lingering is the wait for the end of what a peer sends when the connection is closed (see lingerTime).
type lingering struct {
	left int
	end  int64 // coarse time
}

// linger reads what has come meanwhile, and throws it away.
func (p *polled) linger() verdict {
	c, l := p.c, p.lingering
	if c.deadlinePassed() {
		return p.close()
	}
	buf := buffers.get(minBuffer)
	defer buffers.put(buf)
	for reads := 0; ; reads++ {
		n, err := poll.Receive(p.fd, buf)
		l.left -= n
		switch {
		case err == poll.WouldBlock:
			if reads > 0 || c.deadline.Load() == 0 {
				c.deadline.Store(min(c.server.clock.after(int64(lingerQuiet)), l.end))
			}
			return turnWait
		case err != nil || l.left <= 0:
			return p.close()
		case reads >= maxTurn:
			return turnAgain
		}
	}
}

// close closes the socket and tells that.
func (p *polled) close() verdict {
	p.leave()
	if p.shown {
		_ = p.w.poller.Delete(p.fd)
	}
	_ = poll.Close(p.fd)
	p.c.giveUpRead()
	p.c.tellClosed(string(p.c.endReason()))
	p.c.emitCompleted()
	p.c.server.leave(p.c)
	p.w.engine.release()
	return turnOver
}

// leave takes the connection out of reach.
func (p *polled) leave() {
	p.mu.Lock()
	p.state.Store(stateClosed)
	p.mu.Unlock()
	p.w.slots.give(p)
}

// abandon ends a connection whose handler has ended its goroutine.
func (p *polled) abandon() verdict {
	if p.c.hijacked {
		p.c.unwoundHijacked()
		return turnOver
	}
	p.c.unwound()
	return p.finish()
}

// detach implements [hijackable].
func (p *polled) detach() (net.Conn, error) {
	nc, err := poll.NetConn(p.fd)
	if err != nil {
		return nil, err
	}
	p.leave() // first: an event that comes now would find that it cannot be armed, and shut the socket down that nc has, too
	_ = p.w.poller.Delete(p.fd)
	_ = poll.Close(p.fd)
	p.c.deadline.Store(0)
	p.w.engine.release()
	return nc, nil
}

// readFailure returns what the state machine is told when reading has failed.
func (p *polled) readFailure(err error) error {
	if err == nil || !p.ended.Load() {
		return err
	}
	return errors.Join(net.ErrClosed, err)
}

// userDeadlines are those of http.ResponseController.
type userDeadlines struct {
	read, write           time.Time
	readTimer, writeTimer *time.Timer
}
