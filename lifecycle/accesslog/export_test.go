package accesslog

import (
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// Connected reports whether the log's output, which must be syslog, has a connection that its receiver has not closed.
func (l *Log) Connected() bool {
	s := l.queue.out.(*syslog)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil && s.conn.SetDeadline(time.Time{}) == nil
}

// DefaultEndpoint returns what is dialled first for a syslog address.
func DefaultEndpoint(address string) string {
	e, err := parseSyslogAddress(address)
	if err != nil {
		return err.Error()
	}
	return e[0].network + " " + e[0].address
}

// OpenVariables counts the requests of a connection for which variables are kept.
func OpenVariables(c lifecycle.Collector) int { return len(c.(*varConnection).open) }
