package accesslog_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// syslogMessage is a message as the strict reader understands it.
type syslogMessage struct {
	facility, severity              int
	at                              time.Time
	hostname, app, procID, id, line string
}

// header is HEADER SP STRUCTURED-DATA SP of RFC 5424, 6, to the letter: lengths, characters and the form of the time. The
// structured data must be absent.
var header = regexp.MustCompile(`^<(0|[1-9][0-9]{0,2})>1 ` +
	`([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})) ` +
	`([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) - `)

// parseSyslog reads one message, and refuses what RFC 5424 does not allow.
func parseSyslog(message string) (syslogMessage, error) {
	m := header.FindStringSubmatch(message)
	if m == nil {
		return syslogMessage{}, fmt.Errorf("%q has no header of RFC 5424", message)
	}
	priority, _ := strconv.Atoi(m[1])
	at, err := time.Parse(time.RFC3339Nano, m[2])
	if err != nil || priority > 191 {
		return syslogMessage{}, fmt.Errorf("%q: %w, priority %d", message, err, priority)
	}
	line := message[len(m[0]):]
	if strings.ContainsAny(line, "\n\x00") {
		return syslogMessage{}, fmt.Errorf("%q has more than one line", message)
	}
	return syslogMessage{priority / 8, priority % 8, at, m[3], m[4], m[5], m[6], line}, nil
}

// receiver is a syslog receiver that takes nothing but RFC 5424 and, on a stream, the octet counts of RFC 6587.
type receiver struct {
	t  *testing.T
	wg sync.WaitGroup

	mu       sync.Mutex
	messages []syslogMessage
	conns    []net.Conn
	closed   bool
	close    func() error // of what listens
}

// listen starts a receiver; network is udp, unixgram, tcp or unix.
func listen(t *testing.T, network, address string) *receiver {
	t.Helper()
	r := &receiver{t: t}
	switch network {
	case "udp", "unixgram":
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		r.close = conn.Close
		r.wg.Go(func() { r.readDatagrams(conn) })
	default:
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		r.close = l.Close
		r.wg.Go(func() { r.accept(l) })
	}
	t.Cleanup(r.stop)
	return r
}

// address is a free port, for a receiver that comes and goes.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (r *receiver) readDatagrams(conn net.PacketConn) {
	b := make([]byte, 64<<10)
	for {
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			return
		}
		r.take(string(b[:n]))
	}
}

func (r *receiver) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.conns = append(r.conns, conn)
		closed := r.closed
		r.mu.Unlock()
		if closed {
			conn.Close()
		}
		r.wg.Go(func() { r.readStream(conn) })
	}
}

func (r *receiver) readStream(conn net.Conn) {
	b := bufio.NewReader(conn)
	for {
		count, err := b.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(count, " "))
		if err != nil || n <= 0 || count[0] == '0' {
			r.t.Errorf("%q is no octet count", count)
			return
		}
		message := make([]byte, n)
		if _, err := io.ReadFull(b, message); err != nil {
			return // cut short: it is discarded
		}
		r.take(string(message))
	}
}

func (r *receiver) take(message string) {
	m, err := parseSyslog(message)
	if err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, m)
}

// received returns the messages so far.
func (r *receiver) received() []syslogMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]syslogMessage(nil), r.messages...)
}

// wait returns the lines of the first n messages.
func (r *receiver) wait(n int) []string {
	r.t.Helper()
	waitFor(r.t, func() bool { return len(r.received()) >= n })
	var lines []string
	for _, m := range r.received() {
		lines = append(lines, m.line)
	}
	return lines
}

// stop ends the receiver and its connections.
func (r *receiver) stop() {
	if err := r.close(); err != nil && !errors.Is(err, net.ErrClosed) {
		r.t.Error(err)
	}
	r.mu.Lock()
	r.closed = true
	for _, c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}
