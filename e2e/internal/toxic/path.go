package toxic

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Path is one direction of a [Proxy].
type Path struct{ *path }

// Pass passes everything on, at once: what it was told otherwise is over. It is so at first.
func (p Path) Pass() { p.set(mode{}) }

// Delay passes everything on, but later by d.
func (p Path) Delay(d time.Duration) { p.set(mode{delay: d}) }

// Hold reads no more, until told otherwise: the sender finds the window closed in the end.
func (p Path) Hold() { p.set(mode{hold: true}) }

// Discard reads and throws away: to the sender all looks well.
func (p Path) Discard() { p.set(mode{discard: true}) }

type mode struct {
	delay         time.Duration
	hold, discard bool
}

// path is what has been told to a direction.
type path struct {
	mu      sync.Mutex
	changed sync.Cond
	mode    mode
	closed  bool
}

func (p *path) init() { p.changed.L = &p.mu }

func (p *path) set(m mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
	p.changed.Broadcast()
}

// close lets those go on that hold.
func (p *path) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.changed.Broadcast()
}

// next returns what to do with bytes that have come, once that is not to hold them.
func (p *path) next() mode {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.mode.hold && !p.closed {
		p.changed.Wait()
	}
	return p.mode
}

// piece is bytes that are to be passed on when their time has come.
type piece struct {
	data []byte
	at   time.Time
}

// pass copies from one connection to the other, unless they are silent, until the first ends, which it passes on too. A mode holds
// for bytes that come after it has been set; those that are read while it holds wait.
func (p *path) pass(to, from net.Conn, silent *atomic.Bool) error {
	late := make(chan piece, 1024)
	sent := make(chan error, 1)
	go func() { sent <- send(to, late) }()
	err := p.receive(from, late, silent)
	close(late)
	return errors.Join(err, <-sent)
}

func (p *path) receive(from net.Conn, late chan<- piece, silent *atomic.Bool) error {
	for {
		buf := make([]byte, 32<<10)
		n, err := from.Read(buf)
		if m := p.next(); n > 0 && !m.discard && !silent.Load() {
			late <- piece{buf[:n], time.Now().Add(m.delay)}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// send writes pieces in their time, and takes them to the last one even when the connection is gone.
func send(to net.Conn, late <-chan piece) error {
	var failed error
	for p := range late {
		if failed == nil {
			time.Sleep(time.Until(p.at))
			_, failed = to.Write(p.data)
		}
	}
	if failed != nil {
		return failed
	}
	return to.(*net.TCPConn).CloseWrite()
}
