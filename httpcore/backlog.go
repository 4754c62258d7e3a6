package httpcore

import (
	"net"
	"syscall"
)

// Backlog returns how many connections the system has queued for the listeners that are being served, and nobody has accepted
// yet. It returns -1 where the system does not tell: it does for TCP on Linux, and of other listeners nothing. It costs a
// system call for each listening socket, and may be called from any goroutine.
func (s *Server) Backlog() int { return s.state().backlog() }

func (s *server) backlog() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := -1
	for l := range s.listeners {
		for _, socket := range socketsOf(l) {
			if n := queued(socket); n >= 0 {
				sum = max(sum, 0) + n
			}
		}
	}
	return sum
}

// socketsOf returns the listeners that a listener consists of.
func socketsOf(l net.Listener) []net.Listener {
	if once, ok := l.(*onceListener); ok {
		l = once.Listener
	}
	if g, ok := l.(*groupListener); ok {
		return g.members()
	}
	return []net.Listener{l}
}

// queued returns the length of the queue of a socket, and -1 when it is not to be had.
func queued(l net.Listener) int {
	socket, ok := l.(syscall.Conn)
	if !ok {
		return -1
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return -1
	}
	return acceptQueue(raw)
}
