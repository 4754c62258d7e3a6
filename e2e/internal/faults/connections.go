package faults

import (
	"net"
	"sync"
)

// connections is a listener that knows the connections it has accepted.
type connections struct {
	net.Listener

	mu   sync.Mutex
	open map[string]*connection // by the address of the client
}

type connection struct {
	*net.TCPConn
	in *connections
}

func newConnections(l net.Listener) *connections {
	return &connections{Listener: l, open: map[string]*connection{}}
}

// Accept implements [net.Listener].
func (l *connections) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	known := &connection{c.(*net.TCPConn), l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c.RemoteAddr().String()] = known
	return known, nil
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	c.in.mu.Lock()
	if remote := c.RemoteAddr().String(); c.in.open[remote] == c {
		delete(c.in.open, remote)
	}
	c.in.mu.Unlock()
	return c.TCPConn.Close()
}

// reset ends the connection of a client with RST.
func (l *connections) reset(remote string) {
	l.mu.Lock()
	c := l.open[remote]
	l.mu.Unlock()
	if c != nil {
		c.reset()
	}
}

func (l *connections) resetAll() {
	l.mu.Lock()
	all := make([]*connection, 0, len(l.open))
	for _, c := range l.open {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		c.reset()
	}
}

func (c *connection) reset() {
	_ = c.SetLinger(0) // it is closed already otherwise
	_ = c.Close()
}
