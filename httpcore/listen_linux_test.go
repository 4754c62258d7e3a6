package httpcore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// descriptors returns what each descriptor of this process stands for.
func descriptors(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	fds := map[string]string{}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil {
			fds[e.Name()] = to
		}
	}
	return fds
}

// sockets counts the descriptors that are sockets.
func sockets(t *testing.T) int {
	t.Helper()
	n := 0
	for _, to := range descriptors(t) {
		if strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

func TestListenSharesAPort(t *testing.T) {
	before := sockets(t)
	l := mustListen(t, "127.0.0.1:0", 3)
	g, ok := l.(*groupListener)
	if !ok {
		t.Fatalf("listen returned a %T", l)
	}
	if got := sockets(t) - before; got != 3 {
		t.Errorf("%d sockets were opened, want 3", got)
	}
	for _, m := range g.members() {
		if m.Addr().String() != l.Addr().String() {
			t.Errorf("a member listens on %v, the group on %v", m.Addr(), l.Addr())
		}
	}
	// The system spreads the connections: by a hash, so that each member has its share of many.
	counts := make([]int, 3)
	var serving sync.WaitGroup
	for i, m := range g.members() {
		serving.Go(func() {
			for {
				c, err := m.Accept()
				if err != nil {
					return
				}
				counts[i]++
				_ = c.Close()
			}
		})
	}
	for range 300 {
		ask(t, l.Addr())
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error("a second Close:", err)
	}
	serving.Wait()
	if counts[0]+counts[1]+counts[2] != 300 || counts[0] == 0 || counts[1] == 0 || counts[2] == 0 {
		t.Errorf("the members accepted %v of 300 connections", counts)
	}
	if got := sockets(t) - before; got != 0 {
		t.Errorf("%d sockets were left open", got)
	}
}

// TestListenGroupClosesWhatNobodyAccepted: connections that a member has accepted, and that no Accept has taken.
func TestListenGroupClosesWhatNobodyAccepted(t *testing.T) {
	before := sockets(t)
	l := mustListen(t, "127.0.0.1:0", 4)
	var clients []net.Conn
	for range 32 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	c, err := l.Accept() // starts all members
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for _, c := range clients {
		_ = c.Close()
	}
	if got := sockets(t) - before; got != 0 {
		t.Errorf("%d sockets were left open", got)
	}
}

// TestListenFailsWithoutALeak: the member after which no more can be had takes the others with it.
func TestListenFailsWithoutALeak(t *testing.T) {
	_ = mustListen(t, "127.0.0.1:0", 1).Close() // so that the poller has its descriptors
	before := sockets(t)
	var limit, low syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low = limit
	low.Cur = uint64(len(descriptors(t))) + 8
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	l, err := listen(t.Context(), "127.0.0.1:0", 1<<12, false)
	if e := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); e != nil {
		t.Fatal(e)
	}
	if err == nil {
		_ = l.Close()
	}
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("more sockets than descriptors: %v, want 'too many open files'", err)
	}
	if got := sockets(t) - before; got != 0 {
		t.Errorf("%d sockets were left open", got)
	}
}

func TestListenUnixLeavesNoDescriptor(t *testing.T) {
	before := sockets(t)
	path := filepath.Join(t.TempDir(), "socket")
	leaveSocket(t, path)
	l := mustListen(t, "unix:"+path, 1)
	if _, err := listen(t.Context(), "unix:"+path, 1, false); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second server: %v", err)
	}
	_ = l.Close()
	if got := sockets(t) - before; got != 0 {
		t.Errorf("%d sockets were left open", got)
	}
}

// TestListenUnixIsNeverOpenToAll looks at the mode that bind itself gives, under a umask that takes nothing away.
func TestListenUnixIsNeverOpenToAll(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "socket")
	lc := net.ListenConfig{Control: restrict}
	l, err := lc.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o660 {
		t.Errorf("permissions %o, want 660", got)
	}
}

// option reads an option of c's socket.
func option(t *testing.T, c net.Conn, level, name int) int {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	value := 0
	if err := control(raw, func(fd int) (err error) {
		value, err = unix.GetsockoptInt(fd, level, name)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return value
}

// wantedOptions are those that every connection is to have.
var wantedOptions = []struct {
	name        string
	level, code int
	want        int
}{
	{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
	{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
	{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
	{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 30_000},
	{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
}

func checkTuned(t *testing.T, c net.Conn, what string) {
	t.Helper()
	for _, o := range wantedOptions {
		if got := option(t, c, o.level, o.code); got != o.want {
			t.Errorf("%s: %s is %d, want %d", what, o.name, got, o.want)
		}
	}
}

func TestConnectionsAreTuned(t *testing.T) {
	for _, sockets := range []int{1, 2} {
		l := mustListen(t, "127.0.0.1:0", sockets)
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		tuneConn(tls.Server(c, &tls.Config{})) // what is inside is tuned
		checkTuned(t, c, fmt.Sprintf("%d sockets", sockets))
		_ = c.Close()
		tuneConn(c) // does no harm to a connection that is closed
	}
}

// The epoll engine has the options of a connection from the listener: unless that refuses some, as one for Multipath TCP does,
// or the connection is older than the server, as one may be that systemd has listened for.
func TestEveryConnectionIsTuned(t *testing.T) {
	for _, c := range []struct {
		name    string
		sockets int
		plain   bool // no Multipath TCP
	}{
		{name: "one socket", sockets: 1},
		{name: "two sockets", sockets: 2},
		{name: "no Multipath TCP", sockets: 1, plain: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			const queued, later = 8, 4
			accepted := make(chan struct{}, queued+later)
			s := &Server{Engine: EngineEpoll, Workers: c.sockets, ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
				checkTuned(t, nc, fmt.Sprintf("from %v", nc.RemoteAddr()))
				accepted <- struct{}{}
				return ctx
			}}
			l := mustListen(t, "127.0.0.1:0", c.sockets)
			if c.plain {
				l = plainListener(t)
			}
			dial := func(n int) {
				for range n {
					nc, err := net.Dial("tcp", l.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = nc.Close() })
				}
			}
			dial(queued)
			served := make(chan error, 1)
			go func() { served <- s.Serve(l) }()
			for range queued {
				<-accepted
			}
			dial(later)
			for range later {
				<-accepted
			}
			_ = s.Close()
			if err := <-served; !errors.Is(err, ErrServerClosed) {
				t.Errorf("Serve returned %v", err)
			}
		})
	}
}

func plainListener(t *testing.T) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
