package statsd

import (
	"context"
	"net"
	"time"
)

const (
	// writeTimeout is how long a packet waits for a server that does not read. Only a Unix socket lets it wait at all.
	writeTimeout = time.Second
	// retryAfter is the time from a failure to the next try. Meanwhile packets wait.
	retryAfter = time.Second
)

// run sends packets until Close.
func (p *pipe) run() {
	defer p.link.close()
	tick := time.NewTicker(p.FlushEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.wake:
			p.send(p.waiting())
		case <-tick.C:
			p.send(p.cut())
		case sent := <-p.flushes:
			p.send(p.cut())
			sent <- struct{}{}
		case <-p.closing:
			p.close()
			p.send(p.waiting())
			return
		}
	}
}

// send sends n packets, if there are still so many.
func (p *pipe) send(n int) {
	for range n {
		p.awaitRetry()
		packet, ok := p.take()
		if !ok {
			break
		}
		err := p.link.write(p.settings, packet.bytes)
		p.settle(packet, p.account(err))
		if err != nil {
			p.link.fail(err)
		}
	}
	p.warn()
}

// account returns how to count the lines of a packet.
func (p *pipe) account(err error) func(*Stats, uint64) {
	switch {
	case err == nil:
		return func(s *Stats, lines uint64) { s.Sent += lines; s.Packets++ }
	case p.aborted.Err() != nil:
		return func(s *Stats, lines uint64) { s.Closed += lines }
	}
	return func(s *Stats, lines uint64) { s.SendFailed += lines }
}

// awaitRetry waits until it is worth another try. Close is worth one.
func (p *pipe) awaitRetry() {
	wait := time.Until(p.link.retryAt)
	if wait <= 0 {
		return
	}
	p.warn()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.closing:
	}
}

// link is a connection to the server, made when it is first needed. Only the goroutine of its pipe uses it.
type link struct {
	conn    net.Conn
	forget  func() bool // stops waiting for the abort
	retryAt time.Time   // after a failure
	err     error       // the last one, until a warning tells of it
	told    uint64      // lines whose loss the warner has told of
}

// write sends a datagram. It returns at once when the client is aborted.
func (l *link) write(s *settings, datagram []byte) error {
	if err := s.aborted.Err(); err != nil {
		return err
	}
	if l.conn == nil {
		conn, err := s.dial()
		if err != nil {
			return err
		}
		l.conn = conn
		l.forget = context.AfterFunc(s.aborted, func() { conn.Close() })
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(datagram)
	return err
}

// fail gives up the connection: the server may come back at another address, or with another socket.
func (l *link) fail(err error) {
	l.close()
	l.err = err
	l.retryAt = time.Now().Add(retryAfter)
}

func (l *link) close() {
	if l.conn == nil {
		return
	}
	l.forget()
	l.conn.Close()
	l.conn, l.forget = nil, nil
}
