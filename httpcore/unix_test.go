package httpcore_test

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// startUnix serves on a Unix socket.
func startUnix(t *testing.T, s *httpcore.Server) (*site, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	s.Addr = "unix:" + path
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, s, l), path
}

func (s *site) dialUnix(path string) *client {
	s.t.Helper()
	nc, err := net.Dial("unix", path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{Conn: nc, t: s.t, r: bufio.NewReader(nc)}
}

func TestUnix(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s, path := startUnix(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.RemoteAddr+" "+r.Context().Value(http.LocalAddrContextKey).(net.Addr).String())
		})})
		c := s.dialUnix(path)
		for range 3 {
			if r := c.send(get("/")).recv("GET"); r.body != "@ "+path {
				t.Errorf("got %s %q", r.Status, r.body)
			}
		}
		half := s.dialUnix(path).send(get("/"))
		if err := half.Conn.(*net.UnixConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		half.recv("GET")
		half.eof()
		_ = half.Close()
		s.dialUnix(path).send("bad\r\n").wantRefusal(400, "invalid_request_line")
		for _, o := range lifecycletest.Of[*lifecycle.ConnectionOpened](s.rec.Events()) {
			if want := (lifecycle.Peers{ClientAddr: "unix", ServerAddr: path, Network: "unix"}); o.Peers != want {
				t.Errorf("the peers are %+v, want %+v", o.Peers, want)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
	})
}
