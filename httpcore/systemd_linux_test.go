package httpcore

import (
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestSystemdNames(t *testing.T) {
	for _, c := range []struct {
		pid, fds, names string
		want            []string
		wrong           string // the variable that makes no sense
	}{
		{},
		{pid: "42"},
		{fds: "2"},
		{pid: "42", fds: "0"},
		{pid: "43", fds: "2"}, // another process's
		{pid: "42", fds: "1", want: []string{"unknown"}},
		{pid: "42", fds: "2", want: []string{"unknown", "unknown"}},
		{pid: "42", fds: "2", names: "web:admin", want: []string{"web", "admin"}},
		{pid: "42", fds: "1", names: "web.socket", want: []string{"web.socket"}},
		{pid: "me", fds: "1", wrong: "LISTEN_PID"},
		{pid: "0", fds: "1", wrong: "LISTEN_PID"},
		{pid: "42", fds: "some", wrong: "LISTEN_FDS"},
		{pid: "42", fds: "-1", wrong: "LISTEN_FDS"},
		{pid: "42", fds: "99999999", wrong: "LISTEN_FDS"},
		{pid: "42", fds: "2", names: "web", wrong: "LISTEN_FDNAMES"},
	} {
		env := map[string]string{"LISTEN_PID": c.pid, "LISTEN_FDS": c.fds, "LISTEN_FDNAMES": c.names}
		got, err := systemdNames(func(name string) string { return env[name] }, 42)
		switch {
		case c.wrong == "" && err != nil, c.wrong != "" && (err == nil || !strings.HasPrefix(err.Error(), c.wrong+" is ")):
			t.Errorf("%v: error %v, want one about %q", env, err, c.wrong)
		case !slices.Equal(got, c.want):
			t.Errorf("%v: %q, want %q", env, got, c.want)
		}
	}
}

// Whatever is handed over, its descriptor is not kept.
func TestInherit(t *testing.T) {
	l := mustListen(t, "127.0.0.1:0", 1)
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	inherited, err := inherit(handOver(t, socket), "web")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	serving := serveNames(t, inherited, "hello")
	if got := ask(t, inherited.Addr()); got != "hello" {
		t.Errorf("said %q", got)
	}
	_ = inherited.Close()
	serving.Wait()

	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd := handOver(t, file)
	if _, err := inherit(fd, "web"); err == nil || !strings.Contains(err.Error(), "(web) is not a listening socket") {
		t.Errorf("a file that is no socket: %v", err)
	}
	again := handOver(t, file)
	defer syscall.Close(again)
	if again != fd {
		t.Errorf("descriptor %d was kept", fd)
	}
}

// handOver returns a descriptor for what f is, as another process would have left it.
func handOver(t *testing.T, f *os.File) int {
	t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestSystemdListenersOfAnOrdinaryProcess(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "1")
	if list, err := SystemdListeners(); len(list) > 0 || err != nil {
		t.Errorf("the listeners are %v, %v", list, err)
	}
	if _, there := os.LookupEnv("LISTEN_FDS"); there {
		t.Error("the variables are still there")
	}
	t.Setenv("LISTEN_PID", "nobody")
	t.Setenv("LISTEN_FDS", "1")
	if _, err := SystemdListeners(); err == nil || !strings.HasPrefix(err.Error(), `httpcore: LISTEN_PID is "nobody"`) {
		t.Errorf("with a number that is none: %v", err)
	}
}
