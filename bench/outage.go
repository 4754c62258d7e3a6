package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/wirespan/wirespan/otelcollector"
)

const (
	// remote is where a receiver listens that goes and comes back: an address that no client of this machine has, so that
	// none is given its port meanwhile.
	remote = "127.0.0.9:0"
	// patience is how long it may take until the spool is empty.
	patience = 2 * time.Minute
	// look is how often the server is looked at.
	look = 200 * time.Millisecond
)

// outage is what has come of requests and their spans when the receiver was away for a while.
type outage struct {
	before, during, after load
	arrived
	requests, expected, lost, made uint64 // expected and lost are spans
	crashed                        uint64 // spans that the server says it lost in a crash
	resident, spooled              uint64 // bytes at most
}

// books are what a server says of its spans and its memory.
type books struct {
	otelcollector.Stats
	Resident uint64 `json:"resident"` // bytes at most, since it was started
}

// ownBooks are those of this process, which is the server.
func (s *server) ownBooks() (books, error) {
	if s.books == nil {
		return books{}, errors.New("it keeps no books")
	}
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return books{}, fmt.Errorf("read the resident memory: %w", err)
	}
	resident, err := parseMemory(text, "VmHWM")
	return books{s.books(), resident}, err
}

// stage is where an outage is played: receiver, server and load, each a process, and what was seen so far.
type stage struct {
	o      *options
	result *result
	dir    string // of the server, in which its spool is
	killed bool   // the server, meanwhile

	receiver, server, load *process
	seen                   outage
}

// playOutage plays an outage. When the server is killed, that is in the middle of it, and it is started again at once.
func playOutage(kill bool) func(context.Context, *options, *result) (sample, error) {
	return func(ctx context.Context, o *options, r *result) (s sample, err error) {
		g := &stage{o: o, result: r}
		defer func() { err = errors.Join(err, g.end()) }()
		if err := g.play(ctx, kill); err != nil {
			return s, err
		}
		s.outage, s.load, s.requests = g.seen, g.seen.during, g.seen.requests
		return s, nil
	}
}

func (g *stage) play(ctx context.Context, kill bool) error {
	calm := g.o.outage / 2
	var warmUp load
	for _, act := range []func() error{
		func() error { return g.begin(ctx) },
		func() error { return g.watch(ctx, g.o.warmUp) },
		func() error { return g.lap(askLap, &warmUp) },
		func() error { return g.watch(ctx, calm) },
		func() error { return g.lap(askLap, &g.seen.before) },
		func() error { return g.tell(askAway) },
		func() error { return g.watch(ctx, g.o.outage/2) },
		func() error { return g.midway(ctx, kill) },
		func() error { return g.watch(ctx, g.o.outage/2) },
		func() error { return g.lap(askLap, &g.seen.during) },
		func() error { return g.tell(askBack) },
		func() error { return g.watch(ctx, calm) },
		func() error { return g.catchUp(ctx) },
		func() error { return g.lap(askLast, &g.seen.after) },
		func() error { return g.balance(ctx) },
	} {
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

// begin starts all processes.
func (g *stage) begin(ctx context.Context) (err error) {
	if g.dir, err = os.MkdirTemp(g.o.dir, "outage-"); err != nil {
		return err
	}
	if g.receiver, err = start(ctx, nil, roleReceiver, "-addr", remote, "-ids"); err != nil {
		return err
	}
	return g.serve(ctx)
}

// serve starts the server, and the load on it.
func (g *stage) serve(ctx context.Context) (err error) {
	g.server, err = start(ctx, exportTo(g.receiver.addr), roleServer, g.result.server.name, g.result.scenario.name, g.dir)
	if err != nil {
		return err
	}
	g.load, err = start(ctx, nil, roleSteady, g.server.addr)
	return err
}

// midway kills the server, if that is wanted, and starts it again.
func (g *stage) midway(ctx context.Context, kill bool) error {
	if !kill {
		return nil
	}
	g.killed = true
	server, load := g.server, g.load
	g.server, g.load = nil, nil
	killed := server.kill()
	var l lap // it ends with the connections, so that it says nothing of latencies
	asked := load.ask(askLast, &l)
	if err := errors.Join(killed, asked, load.stop()); err != nil {
		return err
	}
	g.seen.requests += l.Requests
	return g.serve(ctx)
}

// catchUp waits until the spool is empty, or patience has come to its end: what it still holds counts as lost then.
func (g *stage) catchUp(ctx context.Context) error {
	for begin := time.Now(); time.Since(begin) < patience; {
		b, err := g.look()
		if err != nil || b.Spooled == 0 {
			return err
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	return nil
}

// balance finds out what has come of all spans. When the server was killed, those of its connections never ended.
func (g *stage) balance(ctx context.Context) error {
	if err := settle(ctx, g.server); err != nil {
		return err
	}
	var trouble string
	if err := g.server.ask(askFlush, &trouble); err != nil {
		return err
	}
	b, err := g.look()
	if err != nil {
		return err
	}
	if err := g.receiver.ask(askArrived, &g.seen.arrived); err != nil {
		return err
	}
	g.seen.crashed = b.Dropped[otelcollector.DroppedCrash]
	got := g.seen.UniqueServer
	g.seen.expected = g.seen.requests
	if !g.killed {
		got = g.seen.Unique
		g.seen.expected += steadyConnections
		g.seen.made = b.Made
	}
	g.seen.lost = g.seen.expected - min(g.seen.expected, got)
	return nil
}

// watch looks at the server for a while.
func (g *stage) watch(ctx context.Context, d time.Duration) error {
	for begin := time.Now(); time.Since(begin) < d; {
		if _, err := g.look(); err != nil {
			return err
		}
		if err := pause(ctx, min(look, d-time.Since(begin))); err != nil {
			return err
		}
	}
	return nil
}

func (g *stage) look() (b books, err error) {
	if err := g.server.ask(askBooks, &b); err != nil {
		return b, err
	}
	g.seen.resident = max(g.seen.resident, b.Resident)
	g.seen.spooled = max(g.seen.spooled, b.SpooledBytes)
	return b, nil
}

// lap ends one of the load, in which nothing may fail.
func (g *stage) lap(question string, seen *load) error {
	var l lap
	if err := g.load.ask(question, &l); err != nil {
		return err
	}
	if l.Failed != "" {
		return fmt.Errorf("make requests: %s", l.Failed)
	}
	*seen = l.load
	g.seen.requests += l.Requests
	return nil
}

// tell tells the receiver to go, or to come back.
func (g *stage) tell(what string) error {
	var done bool
	return g.receiver.ask(what, &done)
}

// end ends all processes. The load ends first: a server that ends before it would fail it.
func (g *stage) end() error {
	var errs []error
	for _, p := range []*process{g.load, g.server, g.receiver} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	return errors.Join(errs...)
}
