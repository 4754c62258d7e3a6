package statsd_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// network is a fake for tests with virtual time. Its zero value takes what it is sent.
type network struct {
	mu      sync.Mutex
	packets []string
	dials   int
	down    error
}

// dial is an Options.Dial.
func (n *network) dial(context.Context, string, string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials++
	if n.down != nil {
		return nil, n.down
	}
	return fakeConn{network: n}, nil
}

func (n *network) setDown(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = err
}

// take returns the packets since the last call.
func (n *network) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := n.packets
	n.packets = nil
	return taken
}

func (n *network) dialled() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials
}

type fakeConn struct {
	net.Conn
	network *network
}

func (c fakeConn) Write(b []byte) (int, error) {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	if c.network.down != nil {
		return 0, c.network.down
	}
	c.network.packets = append(c.network.packets, string(b))
	return len(b), nil
}

func (fakeConn) SetWriteDeadline(time.Time) error { return nil }
func (fakeConn) Close() error                     { return nil }

var errDown = errors.New("network is down")

// all are the lines of packets.
func all(packets []string) string { return strings.Join(packets, "\n") }
