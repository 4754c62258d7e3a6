package httpcore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// keepAlive finds a peer that has vanished from an idle connection after 75 s.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 4}

// userTimeout is how long bytes that were sent may go unacknowledged. Keep-alive does not cover that: it rests while
// there is something to send again.
const userTimeout = 30 * time.Second

// listen binds addr: "host:port", where port 0 is any free one, or "unix:/path". Where the system can share a TCP address
// among several sockets, it returns a *groupListener of so many; else one listener. Unless the port is shared with other
// processes, it is an error when one of them listens there.
func listen(ctx context.Context, addr string, sockets int, withOthers bool) (net.Listener, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // some look-ups succeed even so
	}
	path, isUnix := strings.CutPrefix(addr, "unix:")
	lc := net.ListenConfig{KeepAliveConfig: keepAlive}
	switch {
	case withOthers && (isUnix || !canShare):
		return nil, fmt.Errorf("listen %s: the port cannot be shared with other processes: %w", addr, errors.ErrUnsupported)
	case isUnix:
		return listenUnix(ctx, path)
	case withOthers && sockets <= 1:
		lc.Control = share
		return lc.Listen(ctx, "tcp", addr)
	case sockets <= 1 || !canShare:
		return lc.Listen(ctx, "tcp", addr)
	case !withOthers:
		var err error
		if addr, err = probe(ctx, lc, addr); err != nil {
			return nil, err
		}
	}
	return listenShared(ctx, lc, addr, sockets)
}

// probe returns an error when somebody listens at addr. A socket that shares would join those of another server of the same
// user without one.
func probe(ctx context.Context, lc net.ListenConfig, addr string) (string, error) {
	if _, port, err := net.SplitHostPort(addr); err == nil && (port == "0" || port == "") {
		return addr, nil
	}
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// listenShared binds so many sockets to addr.
func listenShared(ctx context.Context, lc net.ListenConfig, addr string, sockets int) (net.Listener, error) {
	lc.Control = share
	g := &groupListener{closed: make(chan struct{}), accepted: make(chan accepted)}
	for range sockets {
		l, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			_ = g.Close()
			return nil, err
		}
		g.sockets = append(g.sockets, l)
		addr = l.Addr().String() // with the port that the system chose, and the first of several addresses of a name
	}
	return g, nil
}

// groupListener is several listeners at the same address, among which the system spreads the connections. The engine
// accepts from each member; Accept is for everybody else. Use the one or the other.
type groupListener struct {
	sockets []net.Listener

	accepted chan accepted
	closed   chan struct{}

	mu       sync.Mutex
	isClosed bool
	pumping  bool
	pumps    sync.WaitGroup
}

// accepted is what one Accept of a member returned.
type accepted struct {
	conn net.Conn
	err  error
}

// members returns the listeners, to accept from. Close is the group's alone.
func (g *groupListener) members() []net.Listener { return g.sockets }

// Addr implements [net.Listener].
func (g *groupListener) Addr() net.Addr { return g.sockets[0].Addr() }

// Accept implements [net.Listener]: it returns the next connection of any member.
func (g *groupListener) Accept() (net.Conn, error) {
	g.pump()
	select {
	case a := <-g.accepted:
		return a.conn, a.err
	case <-g.closed:
		return nil, &net.OpError{Op: "accept", Net: g.Addr().Network(), Addr: g.Addr(), Err: net.ErrClosed}
	}
}

// pump has a goroutine for each member accept from now on, until Close.
func (g *groupListener) pump() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pumping || g.isClosed {
		return
	}
	g.pumping = true
	for _, l := range g.sockets {
		g.pumps.Go(func() {
			for {
				c, err := l.Accept()
				select {
				case g.accepted <- accepted{c, err}:
				case <-g.closed:
					if err == nil {
						_ = c.Close()
					}
					return
				}
			}
		})
	}
}

// Close implements [net.Listener]. It may be called twice.
func (g *groupListener) Close() error {
	g.mu.Lock()
	if g.isClosed {
		g.mu.Unlock()
		return nil
	}
	g.isClosed = true
	g.mu.Unlock()

	close(g.closed)
	var errs []error
	for _, l := range g.sockets {
		errs = append(errs, l.Close())
	}
	g.pumps.Wait()
	return errors.Join(errs...)
}

// unixMode lets the server's user and group connect: a reverse proxy is put into the group.
const unixMode = 0o660

// listenUnix binds a Unix socket, whose file is removed when the listener is closed. A file that a server left behind
// when it died is replaced.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if path == "" {
		return nil, errors.New("listen unix: the path is empty")
	}
	lc := net.ListenConfig{Control: restrict}
	l, err := lc.Listen(ctx, "unix", path)
	if errors.Is(err, syscall.EADDRINUSE) {
		free, whyNot := removeStale(ctx, path)
		if whyNot != nil {
			return nil, fmt.Errorf("listen unix %s: %w", path, whyNot)
		}
		if free {
			l, err = lc.Listen(ctx, "unix", path)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, unixMode); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("listen unix %s: %w", path, err)
	}
	return l, nil
}

// removeStale removes the socket at path if nobody serves it, and reports whether the path is free.
func removeStale(ctx context.Context, path string) (free bool, err error) {
	found, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil // its server has just ended
	}
	if err != nil {
		return false, err
	}
	if found.Mode().Type() != os.ModeSocket {
		return false, errors.New("there is a file in its place that is not a socket")
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close()
		return false, nil
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return false, nil // somebody serves it, if only too slowly or not for us
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(found, now) {
		return false, err // another server was quicker
	}
	return true, os.Remove(path)
}
