package httpcore

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// reportRequest makes the reports that a request has for hooks: of its read, its handler and its write.
func reportRequest(c *conn, x *exchange) {
	c.resumeRead()
	c.tellRead(nil, nil)
	c.taskRuns(x)
	c.taskReturned(x, false)
	if c.hooks.Load() != nil {
		panic("there are no hooks")
	}
}

// BenchmarkNoHooks is what a request pays for hooks that are not there.
func BenchmarkNoHooks(b *testing.B) {
	c, x := new(conn), new(exchange)
	b.ReportAllocs()
	for b.Loop() {
		reportRequest(c, x)
	}
}

func TestNoHooksAllocateNothing(t *testing.T) {
	c, x := new(conn), new(exchange)
	if n := testing.AllocsPerRun(100, func() { reportRequest(c, x) }); n != 0 {
		t.Errorf("a request takes %v allocations for hooks that are not there", n)
	}
}

// A connection that epoll does not take has left the queue all the same.
func TestHooksOfAConnectionThatCannotBePolled(t *testing.T) {
	w := newTestWorker(t)
	var told []string
	c := newConn(w.engine.server, w.worker)
	p := &polled{c: c, w: w, fd: -1}
	c.io, c.watcher.io = p, p
	c.attach(&instrument.Hooks{
		QueuePut: func(instrument.QueueEvent) { told = append(told, "put") },
		QueueGet: func(instrument.QueueEvent) { told = append(told, "got") },
		Close:    func(instrument.CloseInfo) { told = append(told, "closed") },
	})
	w.engine.users.Add(2) // the connection, and one that stays
	w.slots.take(p)
	p.start()
	if got := strings.Join(told, " "); got != "put got closed" {
		t.Errorf("told were %s", got)
	}
}

// A net.Conn that is waited for gives the same results, and the same errors, as one that is not.
func TestWaitedReadAndWrite(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()

	buf := make([]byte, 10)
	v := net.Buffers{nil, []byte("he"), nil, []byte("llo")}[:3]
	if n, wait, err := waitedWrite(near, &v); n != 2 || wait != 0 || err != nil || len(v) != 0 {
		t.Errorf("a write returned %d, %v, %v", n, wait, err)
	}
	if n, wait, err := waitedRead(far, buf); string(buf[:n]) != "he" || wait != 0 || err != nil {
		t.Errorf("a read returned %q, %v, %v", buf[:n], wait, err)
	}

	_ = far.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, wait, err := waitedRead(far, buf)
	sameError(t, err, "read", os.ErrDeadlineExceeded)
	if wait < 0 {
		t.Errorf("a read waited for %v", wait)
	}

	huge := net.Buffers{make([]byte, 64<<20)}
	_ = far.SetWriteDeadline(time.Now().Add(time.Second))
	n, wait, err := waitedWrite(far, &huge)
	sameError(t, err, "write", os.ErrDeadlineExceeded)
	if n == 0 || len(huge) != 1 || n+int64(len(huge[0])) != 64<<20 || wait <= 0 {
		t.Errorf("a write of what does not fit returned %d after %v, %d bytes are left", n, wait, len(huge[0]))
	}

	_ = near.Close() // with bytes that were not read: a reset
	_ = far.SetDeadline(time.Time{})
	_, _, err = waitedWrite(far, &net.Buffers{buf})
	if err == nil {
		_, _, err = waitedWrite(far, &net.Buffers{buf})
	}
	var own *net.OpError
	if !errors.As(err, &own) || own.Op != "write" || own.Addr.String() != far.RemoteAddr().String() {
		t.Errorf("a write to nobody failed with %v", err)
	}
	_ = far.Close()
	_, _, err = waitedRead(far, buf)
	sameError(t, err, "read", net.ErrClosed)
}

// sameError compares an error with that of a net.Conn.
func sameError(t *testing.T, err error, op string, is error) {
	t.Helper()
	var own *net.OpError
	if !errors.Is(err, is) || !errors.As(err, &own) || own.Op != op {
		t.Errorf("%s failed with %v, want %v", op, err, is)
	}
}
