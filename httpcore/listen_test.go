package httpcore

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func mustListen(t *testing.T, addr string, sockets int) net.Listener {
	t.Helper()
	l, err := listen(t.Context(), addr, sockets, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// serveNames answers each connection that l accepts with a word, until l is closed.
func serveNames(t *testing.T, l net.Listener, word string) *sync.WaitGroup {
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("Accept: %v", err)
				}
				return
			}
			_, _ = io.WriteString(c, word)
			_ = c.Close()
		}
	})
	return &serving
}

// ask connects to a and returns what the server says.
func ask(t *testing.T, a net.Addr) string {
	t.Helper()
	c, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	said, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

func TestListenTCP(t *testing.T) {
	for _, sockets := range []int{0, 1, 2, 5} {
		l := mustListen(t, "127.0.0.1:0", sockets)
		serving := serveNames(t, l, "hello")
		for range 20 {
			if got := ask(t, l.Addr()); got != "hello" {
				t.Errorf("%d sockets: %q", sockets, got)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%d sockets: Accept after Close: %v", sockets, err)
		}
	}
}

func TestListenAnswersWhatItCannotDo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", "socket")
	for addr, want := range map[string]string{
		"127.0.0.1":         "missing port in address",
		"127.0.0.1:http-no": "unknown port",
		"127.0.0.1:99999":   "invalid port",
		"192.0.2.1:0":       "cannot assign requested address",
		"unix:":             "the path is empty",
		"unix:" + missing:   missing + ": bind: no such file or directory",
	} {
		for _, sockets := range []int{1, 2} {
			l, err := listen(t.Context(), addr, sockets, false)
			if err == nil {
				_ = l.Close()
			}
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s with %d sockets: %v, want %q", addr, sockets, err, want)
			}
		}
	}
}

func TestListenInUse(t *testing.T) {
	for _, theirs := range []int{1, 2} {
		for _, ours := range []int{1, 2} {
			l := mustListen(t, "127.0.0.1:0", theirs)
			second, err := listen(t.Context(), l.Addr().String(), ours, false)
			if err == nil {
				_ = second.Close()
			}
			if !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("%d sockets beside %d: %v, want 'in use'", ours, theirs, err)
			}
			_ = l.Close()
			// And once they have gone the port is free.
			mustListen(t, l.Addr().String(), ours)
		}
	}
}

func TestListenEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := listen(ctx, "localhost:0", 2, false)
	if err == nil {
		_ = l.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l := mustListen(t, "unix:"+path, 4)
	serving := serveNames(t, l, "hello")
	if got := ask(t, l.Addr()); got != "hello" {
		t.Errorf("said %q", got)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o660 {
		t.Errorf("permissions %o, want 660", got)
	}
	if second, err := listen(t.Context(), "unix:"+path, 1, false); !errors.Is(err, syscall.EADDRINUSE) {
		if err == nil {
			_ = second.Close()
		}
		t.Errorf("a second server: %v, want 'in use'", err)
	}
	if got := ask(t, l.Addr()); got != "hello" {
		t.Errorf("after the second server: %q", got)
	}
	_ = l.Close()
	serving.Wait()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close the file is still there: %v", err)
	}
}

// leaveSocket leaves a socket file that nobody serves, as a server that was killed does.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
}

func TestListenUnixReplacesAStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	leaveSocket(t, path)
	l := mustListen(t, "unix:"+path, 1)
	serving := serveNames(t, l, "hello")
	if got := ask(t, l.Addr()); got != "hello" {
		t.Errorf("said %q", got)
	}
	_ = l.Close()
	serving.Wait()
}

func TestListenUnixLeavesOtherFilesAlone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	writeFile(t, file, []byte("precious"))
	target := filepath.Join(dir, "target")
	leaveSocket(t, target)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, dir} {
		l, err := listen(t.Context(), "unix:"+path, 1, false)
		if err == nil {
			_ = l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "not a socket") {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestTuneConnLeavesOthersAlone: it takes whatever a listener may hand out.
func TestTuneConnLeavesOthersAlone(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	tuneConn(near)
}
