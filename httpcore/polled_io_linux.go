package httpcore

import (
	"io"
	"os"
	"time"

	"github.com/wirespan/wirespan/httpcore/internal/poll"
)

// What a handler's reads and writes become: tried at once, and waited for when that does not do.

var errLate = os.ErrDeadlineExceeded

// Read implements [stream].
func (p *polled) Read(b []byte) (int, error) {
	if o := p.c.hooks.Load(); o != nil {
		return p.tellRead(o, b)
	}
	var waited bool
	return p.read(b, &waited)
}

// read is Read; it notes whether it has waited.
func (p *polled) read(b []byte, waited *bool) (int, error) {
	for {
		late := p.userPassed(readUser)
		if !late {
			n, err := poll.Receive(p.fd, b)
			if err != poll.WouldBlock {
				return n, p.readFailure(err)
			}
			late = p.c.expired()
		}
		if late {
			return 0, errLate
		}
		*waited = true
		p.wait(readyIn, pokedIn)
	}
}

// Write implements [stream].
func (p *polled) Write(b []byte) (n int, err error) {
	if o := p.c.hooks.Load(); o != nil {
		n, err := p.tellWrite(o, b, nil, nil)
		return int(n), err
	}
	var m writeMeter
	for {
		k, err := poll.Send(p.fd, b[n:])
		n += k
		if n == len(b) {
			m.done(p.c)
			return n, nil
		}
		if err := p.goOn(&m, k, err); err != nil {
			return n, err
		}
	}
}

// writev implements [stream].
func (p *polled) writev(a, b, c []byte) (n int64, err error) {
	if o := p.c.hooks.Load(); o != nil {
		return p.tellWrite(o, a, b, c)
	}
	return p.write(a, b, c, nil)
}

// write is writev; t may be nil.
func (p *polled) write(a, b, c []byte, t *sending) (n int64, err error) {
	slices, left := [3][]byte{a, b, c}, len(a)+len(b)+len(c)
	m := writeMeter{told: t}
	for left > 0 {
		k, err := poll.SendAll(p.fd, &slices)
		n += int64(k)
		if err != poll.WouldBlock {
			t.took(int64(k), slices, err)
		}
		if left -= k; left == 0 {
			break
		}
		cut(&slices, k)
		if err := p.goOn(&m, k, err); err != nil {
			return n, err
		}
	}
	m.done(p.c)
	return n, nil
}

// cut takes the first n bytes away.
func cut(slices *[3][]byte, n int) {
	for i := range slices {
		k := min(n, len(slices[i]))
		slices[i] = slices[i][k:]
		n -= k
	}
}

// maxSendFile is how much of a file is sent before others may have their turn.
const maxSendFile = 4 << 20

// readFrom implements [stream].
func (p *polled) readFrom(src *io.LimitedReader) (n int64, err error) {
	file, ok := src.R.(*os.File)
	if !ok || p.c.showsFiles() {
		return io.Copy(writerOnly{p}, src)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var m writeMeter
	defer func() { m.done(p.c) }()
	for src.N > 0 {
		var k int
		if e := raw.Control(func(fd uintptr) { k, err = poll.SendFile(p.fd, int(fd), int(min(src.N, maxSendFile))) }); e != nil {
			return n, e
		}
		src.N -= int64(k)
		n += int64(k)
		switch {
		case err == nil && k == 0:
			return n, nil // the file has become shorter
		case poll.CannotSendFile(err):
			k, err := io.Copy(writerOnly{p}, src)
			return n + k, err
		case err == nil:
			m.progress(p.c, k)
			continue
		}
		if err := p.goOn(&m, k, err); err != nil {
			return n, err
		}
	}
	return n, nil
}

// goOn takes the result of a call that has sent n bytes, not all. It waits for the peer to read where that is what is
// missing; an error is the end.
func (p *polled) goOn(m *writeMeter, n int, err error) error {
	switch {
	case p.userPassed(writeUser):
		m.done(p.c)
		return errLate
	case err == nil:
		m.progress(p.c, n)
		return nil
	case err != poll.WouldBlock:
		m.done(p.c)
		return os.NewSyscallError("send", err)
	}
	m.progress(p.c, n)
	m.begin(p.c)
	m.told.waits()
	p.wait(readyOut, pokedOut)
	m.told.resumes()
	if m.late(p.c) {
		return m.verdict
	}
	return nil
}

// Which of the deadlines that a handler sets.
type userDeadline bool

const (
	readUser  userDeadline = false
	writeUser userDeadline = true
)

// userPassed reports whether a deadline that the handler has set has passed.
func (p *polled) userPassed(which userDeadline) bool {
	u := p.user.Load()
	if u == nil {
		return false
	}
	if which == writeUser {
		return passed(u.write)
	}
	return passed(u.read)
}

// setUserDeadline implements [deadliner].
func (p *polled) setUserDeadline(read, write *time.Time) error {
	p.mu.Lock()
	var u userDeadlines
	if old := p.user.Load(); old != nil {
		u = *old
	}
	if read != nil {
		u.read, u.readTimer = *read, p.pokeAt(*read, u.readTimer)
	}
	if write != nil {
		u.write, u.writeTimer = *write, p.pokeAt(*write, u.writeTimer)
	}
	p.user.Store(&u)
	p.mu.Unlock()
	p.poke()
	return nil
}

// pokeAt makes a timer in place of the old one.
func (p *polled) pokeAt(t time.Time, old *time.Timer) *time.Timer {
	if old != nil {
		old.Stop()
	}
	if t.IsZero() {
		return nil
	}
	return time.AfterFunc(time.Until(t), p.poke)
}

// clearUserDeadlines implements [deadliner].
func (p *polled) clearUserDeadlines() {
	none := time.Time{}
	_ = p.setUserDeadline(&none, &none)
	p.user.Store(nil)
}
