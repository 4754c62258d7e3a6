package httpcore

import (
	"net"
	"time"
)

// What hooks are told of the epoll engine's reads and writes.

// A read for the next request may outlast a turn: parkRead, resumeRead, and tellRead or giveUpRead at its end.

// resumeRead begins a read, or goes on with the one that was parked.
func (c *conn) resumeRead() {
	if o := c.hooks.Load(); o != nil {
		o.reads(false)
	}
}

// parkRead notes that there is nothing to be read yet.
func (c *conn) parkRead() {
	if o := c.hooks.Load(); o != nil {
		o.reads(true)
	}
}

func (o *hooked) reads(waits bool) {
	if o.parked.hooks == nil {
		o.parked = parkedRead{receiving: o.startRecv()}
	}
	o.parked.waited = o.parked.waited || waits
}

// tellRead is the end of a read.
func (c *conn) tellRead(data []byte, err error) {
	if o := c.hooks.Load(); o != nil {
		o.endParked(data, err)
	}
}

// giveUpRead is the end of a read that nobody waits for any longer.
func (c *conn) giveUpRead() {
	if o := c.hooks.Load(); o != nil && o.parked.hooks != nil {
		o.endParked(nil, net.ErrClosed)
	}
}

func (o *hooked) endParked(data []byte, err error) {
	read := o.parked
	o.parked = parkedRead{}
	o.endRecv(read.receiving, waitSince(read.start, read.waited), data, err)
}

// waitSince is how long a read has waited that began at start, if it has: nothing else takes any time.
func waitSince(start time.Time, waited bool) time.Duration {
	if !waited {
		return 0
	}
	return max(time.Since(start), 1)
}

func (p *polled) tellRead(o *hooked, b []byte) (int, error) {
	r, waited := o.startRecv(), false
	n, err := p.read(b, &waited)
	o.endRecv(r, waitSince(r.start, waited), b[:n], err)
	return n, err
}

func (p *polled) tellWrite(o *hooked, a, b, c []byte) (int64, error) {
	t := o.startSend(len(a) + len(b) + len(c))
	n, err := p.write(a, b, c, t)
	t.end(0, err)
	return n, err
}
