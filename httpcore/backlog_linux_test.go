package httpcore

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// TestBacklog: nobody accepts, so all connections wait, spread over the sockets as they are.
func TestBacklog(t *testing.T) {
	s := newServer()
	if n := s.backlog(); n != -1 {
		t.Errorf("a server without a listener has a backlog of %d", n)
	}
	group := mustListen(t, "127.0.0.1:0", 2)
	s.listeners[&onceListener{Listener: group}] = struct{}{}
	s.listeners[&onceListener{Listener: mustListen(t, "unix:"+filepath.Join(t.TempDir(), "s"), 1)}] = struct{}{}
	s.listeners[&onceListener{Listener: struct{ net.Listener }{group}}] = struct{}{} // no socket that could be asked
	const clients = 5
	for range clients {
		c, err := net.Dial("tcp", group.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	// The client is connected a moment before the connection is queued.
	for late := time.Now().Add(10 * time.Second); s.backlog() != clients; {
		if time.Now().After(late) {
			t.Fatalf("the backlog is %d, want %d", s.backlog(), clients)
		}
	}
	_ = group.Close()
	if n := s.backlog(); n != -1 {
		t.Errorf("without a TCP listener that is open the backlog is %d", n)
	}
}
