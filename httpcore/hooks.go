package httpcore

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// The engines and the state machine report here what goes on below the requests. Whether there are any hooks is asked by one
// look at conn.hooks for each report; the rest is on the other side of it. No lock of the server's is held meanwhile, but
// the response's.

// hooked is what a connection with hooks has beside its conn.
type hooked struct {
	c        *conn
	conn     instrument.Conn
	accepted time.Time
	own      *instrument.Hooks                // of the connection, the listener and the server
	inForce  atomic.Pointer[instrument.Hooks] // before them those of the request; never nil

	closed atomic.Bool // Close was told

	// Of the goroutine that serves the connection.
	inTask bool
	parked parkedRead

	taskStart time.Time // of the latest task; written before its handler runs

	// How long the reads and writes of a net.Conn have waited for the peer, in all. They rise.
	readWait, writeWait atomic.Int64
}

// parkedRead is a read of the epoll engine, which may outlast the turn in which it begins.
type parkedRead struct {
	receiving // zero: there is none
	waited    bool
}

var noHooks instrument.Hooks

func newHooked(c *conn, own *instrument.Hooks) *hooked {
	o := &hooked{
		c:        c,
		conn:     instrument.Conn{ID: c.id, Worker: c.worker.id, Local: localOf(&c.peers), Remote: c.remoteAddr},
		accepted: time.Now().Add(-time.Duration(lifecycle.MonotonicNS() - c.acceptedNS)),
		own:      own,
	}
	o.restore()
	return o
}

// localOf names the server's end.
func localOf(p *lifecycle.Peers) string {
	if p.Network == "tcp" {
		return net.JoinHostPort(p.ServerAddr, strconv.Itoa(p.ServerPort))
	}
	return p.ServerAddr
}

// restore leaves out the hooks of a request.
func (o *hooked) restore() {
	if o.own == nil {
		o.inForce.Store(&noHooks)
	} else {
		o.inForce.Store(o.own)
	}
}

// attach gives a connection that nobody else knows yet its hooks; nil is none.
func (c *conn) attach(h *instrument.Hooks) {
	if h != nil {
		c.hooks.Store(newHooked(c, h))
	}
}

// accepted is attach with the hooks of Server.ConnHooks before those of the listener. It returns the context for the
// connection. nc may be nil when nobody asks for it.
func (c *conn) accepted(ctx context.Context, listener *instrument.Hooks, nc net.Conn) context.Context {
	if of := c.set.connHooks; of != nil {
		if h := instrument.Guard(of(ctx, nc), c.set.errorLog); h != nil {
			listener = instrument.Compose(h, listener)
			ctx = instrument.NewContext(ctx, listener)
		}
	}
	c.attach(listener)
	return ctx
}

// connected takes over the hooks that Server.ConnContext has put into the context.
func (c *conn) connected() {
	h := instrument.FromContext(c.ctx)
	if o := c.hooks.Load(); o == nil {
		c.attach(h)
	} else if h != nil {
		o.own = h
		o.restore()
	}
}

// enter adds the hooks of a request that is with its handler. The caller holds requestContext.mu.
func (c *conn) enter(x *exchange, h *instrument.Hooks) {
	o := c.hooks.Load()
	if o == nil {
		o = newHooked(c, nil)
		o.inTask, o.taskStart = true, time.Now()
	}
	o.inForce.Store(instrument.Compose(h, o.inForce.Load()))
	c.hooks.Store(o)
	x.hooked = true
}

// accepting is an accept that hooks are told about; nil: none are.
type accepting struct {
	hooks  *instrument.Hooks
	local  string
	start  time.Time
	waited bool
}

func startAccept(h *instrument.Hooks, local net.Addr) *accepting {
	if h == nil {
		return nil
	}
	a := &accepting{hooks: h, local: local.String(), start: time.Now()}
	if h.AcceptStart != nil {
		h.AcceptStart(instrument.AcceptStart{Local: a.local, Start: a.start})
	}
	return a
}

// waits notes that there was no connection yet.
func (a *accepting) waits() {
	if a != nil {
		a.waited = true
	}
}

func (a *accepting) failed(err error) {
	if a != nil && a.hooks.AcceptReady != nil {
		a.hooks.AcceptReady(instrument.AcceptReady{Local: a.local, Start: a.start, Elapsed: time.Since(a.start), Err: err})
	}
}

// ended tells the hooks of the connection, whose accept may have been told to fewer, or to nobody.
func (a *accepting) ended(c *conn) {
	o := c.hooks.Load()
	if o == nil {
		return
	}
	if h := o.inForce.Load(); h.AcceptReady != nil {
		i := instrument.AcceptReady{Local: o.conn.Local, Conn: o.conn, Start: o.accepted, Elapsed: time.Since(o.accepted)}
		if a != nil {
			i.Local, i.Start, i.Elapsed, i.Immediate = a.local, a.start, time.Since(a.start), !a.waited
		}
		h.AcceptReady(i)
	}
}

// handshakeFailed is the reason for the end of a connection that has come to no request.
const handshakeFailed = "tls_handshake"

// tellHandshake says that the TLS handshake begins, and returns when; zero: nobody is told.
func (c *conn) tellHandshake() time.Time {
	o := c.hooks.Load()
	if o == nil {
		return time.Time{}
	}
	now := time.Now()
	if h := o.inForce.Load(); h.TLSHandshakeStart != nil {
		h.TLSHandshakeStart(instrument.IOStart{Conn: o.conn, Start: now})
	}
	return now
}

func (c *conn) tellHandshakeEnd(start time.Time, t *tls.Conn, err error) {
	o := c.hooks.Load()
	if o == nil {
		return
	}
	h := o.inForce.Load()
	if h.TLSHandshakeComplete == nil {
		return
	}
	i := instrument.TLSHandshake{Conn: o.conn, Start: start, Elapsed: time.Since(start), Err: err}
	if s := t.ConnectionState(); err == nil {
		i.Version, i.CipherSuite, i.Protocol = s.Version, s.CipherSuite, s.NegotiatedProtocol
		i.ServerName, i.Resumed = s.ServerName, s.DidResume
	}
	h.TLSHandshakeComplete(i)
}

// tellClosed is called when the socket has been closed, by whoever did it.
func (c *conn) tellClosed(reason string) {
	o := c.hooks.Load()
	if o == nil || o.closed.Swap(true) {
		return
	}
	if h := o.inForce.Load(); h.Close != nil {
		h.Close(instrument.CloseInfo{Conn: o.conn, Start: o.accepted, Elapsed: time.Since(o.accepted), Reason: reason})
	}
}

// receiving is a read that hooks are told about: startRecv, then endRecv with what it returned.
type receiving struct {
	hooks *instrument.Hooks // all of a read is told to the same
	start time.Time
}

func (o *hooked) startRecv() receiving {
	r := receiving{o.inForce.Load(), time.Now()}
	if r.hooks.RecvStart != nil {
		r.hooks.RecvStart(instrument.IOStart{Conn: o.conn, Start: r.start})
	}
	return r
}

func (o *hooked) endRecv(r receiving, wait time.Duration, data []byte, err error) {
	h := r.hooks
	gaveUp := len(data) == 0 && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed))
	if h.RecvReady != nil {
		i := instrument.IOReady{Conn: o.conn, Start: r.start, Elapsed: time.Since(r.start), Wait: wait, Immediate: wait == 0}
		if gaveUp {
			i.Err = err
		}
		h.RecvReady(i)
	}
	if !gaveUp && h.RecvData != nil {
		h.RecvData(instrument.RecvData{Conn: o.conn, Data: data, Err: err})
	}
}

// sending is a write that hooks are told about; nil: none are. It belongs to the goroutine that writes.
type sending struct {
	o     *hooked
	hooks *instrument.Hooks // all of a write is told to the same
	start time.Time
	from  time.Time // when the present wait began
	wait  time.Duration
}

func (o *hooked) startSend(n int) *sending {
	h := o.inForce.Load()
	if !wantsSends(h) {
		return nil
	}
	s := &sending{o: o, hooks: h, start: time.Now()}
	if h.SendStart != nil {
		h.SendStart(instrument.IOStart{Conn: o.conn, Start: s.start, Bytes: int64(n)})
	}
	return s
}

// waits and resumes enclose a wait for the peer.
func (s *sending) waits() {
	if s != nil {
		s.from = time.Now()
	}
}

func (s *sending) resumes() {
	if s != nil {
		s.wait += max(time.Since(s.from), 1)
	}
}

// took is called after each write, with what there was to be written, and how much of it was.
func (s *sending) took(n int64, slices [3][]byte, err error) {
	if s == nil || s.hooks.SendData == nil {
		return
	}
	i := instrument.SendData{Conn: s.o.conn, Bytes: n, Err: err}
	for _, p := range slices {
		i.Of += int64(len(p))
		if k := min(n, int64(len(p))); k > 0 {
			i.Data = append(i.Data, p[:k])
			n -= k
		}
	}
	s.hooks.SendData(i)
}

// end is called when all has been written, or with the reason why not, and how long was waited beside waits and resumes.
func (s *sending) end(wait time.Duration, err error) {
	if s == nil {
		return
	}
	s.wait += wait
	if s.hooks.SendReady != nil {
		s.hooks.SendReady(instrument.IOReady{
			Conn: s.o.conn, Start: s.start, Elapsed: time.Since(s.start), Wait: s.wait, Immediate: s.wait == 0, Err: err,
		})
	}
}

// showsFiles reports whether a file is to pass through this process, because somebody wants to be told what is sent.
func (c *conn) showsFiles() bool {
	o := c.hooks.Load()
	if o == nil {
		return false
	}
	return wantsSends(o.inForce.Load())
}

func wantsSends(h *instrument.Hooks) bool {
	return h.SendStart != nil || h.SendData != nil || h.SendReady != nil
}

// tellPut says that the connection is put into a queue, and returns when; zero: nobody is told.
func (c *conn) tellPut(queue string) time.Time {
	o := c.hooks.Load()
	if o == nil {
		return time.Time{}
	}
	if h := o.inForce.Load(); h.QueuePut != nil {
		h.QueuePut(instrument.QueueEvent{Queue: queue, Item: o.conn, Immediate: true})
	}
	return time.Now()
}

// tellGot says that it was taken out again, by somebody who had nothing else to do, or not.
func (c *conn) tellGot(queue string, put time.Time, immediate bool) {
	if put.IsZero() {
		return
	}
	if o := c.hooks.Load(); o != nil {
		if h := o.inForce.Load(); h.QueueGet != nil {
			h.QueueGet(instrument.QueueEvent{Queue: queue, Item: o.conn, Immediate: immediate, Wait: time.Since(put)})
		}
	}
}
