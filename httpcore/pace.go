package httpcore

import (
	"errors"
	"os"
)

// The least speed of a body and of a response: minRate bytes a second, once it has been waited for them for
// rateGraceNS in all. A timeout alone would let a peer that sends a byte now and then hold its connection for ever.
const (
	rateGraceNS = int64(5e9)
	minRate     = 240
)

// allowance is how long n bytes may take.
func allowance(n int64) int64 {
	const enough = 1 << 40 // hours of any speed, and the product still fits
	return rateGraceNS + min(n, enough)*1e6/minRate*1e3
}

var (
	refusedBodyTimeout = refusal{408, codeBodyTimeout, "the body of the request did not arrive in time", errBodyTimeout}
	refusedBodyRate    = refusal{408, codeBodyRate, "the body of the request arrives too slowly", errBodyRate}
)

// readPaced reads some of a body of which received bytes have come, and for which waited has been waited: it adds to
// that. late says which of the server's limits has passed; nil when the deadline was the handler's.
func (c *conn) readPaced(p []byte, received int64, waited *int64) (n int, late *refusal, err error) {
	start, timeout := c.server.clock.coarse(), c.set.readTimeout
	if timeout != 0 {
		left := allowance(received) - *waited
		if left <= 0 { // many short waits, none of them long enough to be interrupted
			return 0, &refusedBodyRate, os.ErrDeadlineExceeded
		}
		c.deadline.Store(c.server.clock.after(min(timeout, left)))
	}
	n, err = c.io.Read(p)
	c.deadline.Store(0)
	took := c.server.clock.coarse() - start
	*waited += took
	switch {
	case n > 0:
		return n, nil, nil
	case timeout == 0 || !errors.Is(err, os.ErrDeadlineExceeded):
	case took >= timeout:
		late = &refusedBodyTimeout
	case *waited >= allowance(received):
		late = &refusedBodyRate
	}
	return 0, late, err
}

// writeMeter bounds one write: it must make progress every writeTimeout, and after a grace of five seconds as much in all as
// minRate asks. The zero value is a write that has not had to wait.
type writeMeter struct {
	begun       bool
	start, last int64
	n           int64
	verdict     error
	told        *sending // nil: nobody is
}

// begin is called when the write waits for its client, and sets the deadline of that.
func (m *writeMeter) begin(c *conn) {
	if !m.begun {
		m.begun = true
		m.start = c.server.clock.after(0)
		m.last = m.start
	}
	c.writeDeadline.Store(m.deadline(c))
}

// deadline returns until when there must be progress; 0: there is no limit.
func (m *writeMeter) deadline(c *conn) int64 {
	if c.set.writeTimeout == 0 {
		return 0
	}
	return min(m.last+c.set.writeTimeout, m.start+allowance(m.n))
}

// progress notes that n more bytes have been taken.
func (m *writeMeter) progress(c *conn, n int) {
	if n > 0 {
		m.n += int64(n)
		m.last = max(m.last, c.server.clock.coarse())
	}
}

// late reports whether the write has waited for too long, with the verdict, and sets the next deadline otherwise.
func (m *writeMeter) late(c *conn) bool {
	now, d := c.server.clock.coarse(), m.deadline(c)
	switch {
	case d == 0 || now < d:
		c.writeDeadline.Store(d)
		return false
	case now >= m.last+c.set.writeTimeout:
		m.verdict = errWriteTimeout
	default:
		m.verdict = errWriteRate
	}
	m.done(c)
	return true
}

// done is called when nothing is waited for any longer.
func (m *writeMeter) done(c *conn) {
	if m.begun {
		c.writeDeadline.Store(0)
	}
}

func (m *writeMeter) result(err error) error {
	if m.verdict != nil {
		return m.verdict
	}
	return err
}
