package redisstore_test

import (
	"bufio"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// server is a redis-server of the test's own.
type server struct {
	t    *testing.T
	port string
	cmd  *exec.Cmd
	rest chan struct{} // closed when its output has ended
}

// startServer starts a server on a free port, in memory only, and ends it with the test.
func startServer(t *testing.T) *server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skipf("redis-server is needed, and scripts/setup.sh redis-server installs it: %v", err)
	}
	s := &server{t: t}
	t.Cleanup(s.kill)
	for range 10 { // somebody else may take the port first
		s.port = freePort(t)
		if s.start(path) {
			return s
		}
	}
	t.Fatal("redis-server does not start")
	return nil
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// start reports whether the server accepts connections on its port.
func (s *server) start(path string) bool {
	s.t.Helper()
	s.cmd = exec.Command(path, "--bind", "127.0.0.1", "--port", s.port, "--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			s.rest = make(chan struct{})
			go func() {
				defer close(s.rest)
				io.Copy(io.Discard, stdout)
			}()
			return true
		}
	}
	s.cmd.Wait()
	s.cmd = nil
	return false
}

// kill ends the server, by its process id.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	<-s.rest
	s.cmd.Wait()
	s.cmd = nil
}

func (s *server) url() string { return "redis://127.0.0.1:" + s.port }
