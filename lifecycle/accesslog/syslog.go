package accesslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// maxDatagram bounds a message that has to fit into one datagram, until the system says that this is too large.
	maxDatagram = 60 << 10
	// minDatagram is what every receiver takes (RFC 5424, 6.1).
	minDatagram = 480
	// maxFrames is how many bytes of messages are gathered for one write to a stream.
	maxFrames = 64 << 10
)

// SyslogOptions says how lines are labelled for a syslog receiver. The zero value is ready to use.
type SyslogOptions struct {
	// Facility is one of RFC 5424, such as local0; "" is user.
	Facility string
	// Severity is one of RFC 5424, such as notice; "" is info.
	Severity string
	// Hostname is that of the machine by default.
	Hostname string
	// AppName is wirespan by default.
	AppName string
	// MessageID is access by default.
	MessageID string
	// Timeout bounds a connect and a write; 0 is 5 seconds.
	Timeout time.Duration
}

func (o SyslogOptions) withDefaults() SyslogOptions {
	setDefault(&o.Facility, "user")
	setDefault(&o.Severity, "info")
	if o.Hostname == "" {
		o.Hostname, _ = os.Hostname()
	}
	setDefault(&o.Hostname, "-")
	setDefault(&o.AppName, "wirespan")
	setDefault(&o.MessageID, "access")
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	return o
}

func setDefault(s *string, to string) {
	if *s == "" {
		*s = to
	}
}

// syslog is an Output that sends each line as a message of RFC 5424: in a datagram of its own, or on a stream with its length
// before it (RFC 6587, 3.4.1).
type syslog struct {
	address []endpoint // tried in turn
	label   syslogLabel
	timeout time.Duration

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	// The writer's own.
	frames   []byte
	datagram int // what fits into one

	mu       sync.Mutex
	conn     net.Conn // nil while there is none
	stream   bool     // the kind of conn
	watchers sync.WaitGroup
}

// OpenSyslog returns an Output that sends RFC 5424 messages to a receiver: udp://host:port, tcp://host:port, or unix://path,
// which ends in #dgram or #stream where the kind of the socket is to be fixed. Host and port are localhost and 514 by default.
// The connection is made when there is something to send, and anew whenever it breaks. The time in a message is the time
// at which it is sent. A message that does not fit into a datagram is cut.
func OpenSyslog(address string, o SyslogOptions) (Output, error) {
	o = o.withDefaults()
	endpoints, err := parseSyslogAddress(address)
	if err != nil {
		return nil, err
	}
	label, err := newSyslogLabel(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &syslog{address: endpoints, label: label, timeout: o.Timeout, ctx: ctx, cancel: cancel, datagram: maxDatagram}, nil
}

// Write implements [Output].
func (s *syslog) Write(lines []byte) (int, error) {
	conn, stream, err := s.connection()
	if err != nil {
		return 0, err
	}
	header := s.label.appendHeader(nil, time.Now())
	taken := 0
	for taken < len(lines) {
		n := s.gather(header, lines[taken:], stream)
		if err := s.send(conn); err != nil {
			s.disconnect()
			if errors.Is(err, syscall.EMSGSIZE) {
				s.datagram = max(len(s.frames)/2, minDatagram)
			}
			if stream {
				taken += whole(err.sent, len(header), lines[taken:])
			}
			return taken, err
		}
		taken += n
	}
	return taken, nil
}

// sendError is a write that took only a part.
type sendError struct {
	error
	sent int
}

func (e *sendError) Unwrap() error { return e.error }

// send writes what was gathered.
func (s *syslog) send(conn net.Conn) *sendError {
	_ = conn.SetWriteDeadline(time.Now().Add(s.timeout))
	n, err := conn.Write(s.frames)
	if err != nil {
		return &sendError{err, n}
	}
	return nil
}

// gather makes messages of as many lines as go with one write, and returns their length.
func (s *syslog) gather(header, lines []byte, stream bool) (n int) {
	s.frames = s.frames[:0]
	for n < len(lines) && len(s.frames) < maxFrames {
		line := firstLine(lines[n:])
		n += len(line) + len("\n")
		if !stream {
			s.frames = append(s.frames, header...)
			s.frames = append(s.frames, line[:min(len(line), max(s.datagram-len(header), 0))]...)
			return n
		}
		s.frames = strconv.AppendInt(s.frames, int64(len(header)+len(line)), 10)
		s.frames = append(s.frames, ' ')
		s.frames = append(s.frames, header...)
		s.frames = append(s.frames, line...)
	}
	return n
}

// whole returns the length of the lines whose messages are whole in the bytes that were sent: the receiver discards a message
// that was cut short, so its line is sent again.
func whole(sent, header int, lines []byte) (n int) {
	for n < len(lines) {
		line := firstLine(lines[n:])
		message := header + len(line)
		sent -= len(strconv.Itoa(message)) + len(" ") + message
		if sent < 0 {
			break
		}
		n += len(line) + len("\n")
	}
	return n
}

func firstLine(lines []byte) []byte {
	line, _, _ := bytes.Cut(lines, newline)
	return line
}

// connection returns the connection, a new one if there is none.
func (s *syslog) connection() (net.Conn, bool, error) {
	s.mu.Lock()
	conn, stream := s.conn, s.stream
	s.mu.Unlock()
	if conn != nil {
		return conn, stream, nil
	}
	var errs []error
	for _, e := range s.address {
		ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
		conn, err := new(net.Dialer).DialContext(ctx, e.network, e.address)
		cancel()
		if err == nil {
			return conn, e.stream(), s.keep(conn, e.stream())
		}
		errs = append(errs, err)
	}
	return nil, false, errors.Join(errs...)
}

// keep makes conn the connection, unless the output was closed meanwhile.
func (s *syslog) keep(conn net.Conn, stream bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ctx.Err(); err != nil {
		conn.Close()
		return err
	}
	s.conn, s.stream = conn, stream
	if stream {
		// A receiver sends nothing. Reading notices at once that it has gone, where a write would succeed once more.
		s.watchers.Go(func() {
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		})
	}
	return nil
}

func (s *syslog) disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// Reopen implements [Output]: it connects anew, for a receiver whose name leads elsewhere by now.
func (s *syslog) Reopen() error {
	s.disconnect()
	return nil
}

// Close implements [Output].
func (s *syslog) Close() error {
	s.cancel()
	s.disconnect()
	s.watchers.Wait()
	return nil
}

// syslogLabel is what all messages have before their line, but for the time.
type syslogLabel struct{ before, after string }

func newSyslogLabel(o SyslogOptions) (syslogLabel, error) {
	facility, err := codeOf("facility", o.Facility, syslogFacilities)
	if err != nil {
		return syslogLabel{}, err
	}
	severity, err := codeOf("severity", o.Severity, syslogSeverities)
	if err != nil {
		return syslogLabel{}, err
	}
	for _, field := range []struct {
		name, value string
		max         int
	}{{"hostname", o.Hostname, 255}, {"app name", o.AppName, 48}, {"message id", o.MessageID, 32}} {
		if !isSyslogName(field.value, field.max) {
			return syslogLabel{}, fmt.Errorf("syslog %s %q: allowed are 1 to %d printable ASCII characters without a space", field.name, field.value, field.max)
		}
	}
	return syslogLabel{
		before: fmt.Sprintf("<%d>1 ", facility*8+severity),
		after:  fmt.Sprintf(" %s %s %d %s - ", o.Hostname, o.AppName, os.Getpid(), o.MessageID),
	}, nil
}

// appendHeader writes the header of RFC 5424, 6.2 and the absent structured data.
func (l *syslogLabel) appendHeader(dst []byte, now time.Time) []byte {
	dst = append(dst, l.before...)
	dst = now.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	return append(dst, l.after...)
}
