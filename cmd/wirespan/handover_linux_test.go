package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// activated runs the command as systemd does, with sockets of these names.
func activated(t *testing.T, names string, sockets []*os.File, args ...string) (cmd *exec.Cmd, stderr *output) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stderr = newOutput()
	cmd = exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, self}, args...)...)
	cmd.Env = append(os.Environ(), asCommand+"=1", "LISTEN_FDNAMES="+names, fmt.Sprint("LISTEN_FDS=", len(sockets)))
	cmd.ExtraFiles, cmd.Stderr = sockets, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return cmd, stderr
}

// socket opens a listening socket and returns it as systemd holds it.
func socket(t *testing.T) (f *os.File, url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if f, err = l.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, "http://" + l.Addr().String()
}

// greets expects the greeting of demo.
func greets(t *testing.T, url string) {
	t.Helper()
	if status, body := fetch(t, url+"/"); status != 200 || body != greeting {
		t.Errorf("%s answers %d %q", url, status, body)
	}
}

func endsWell(t *testing.T, cmd *exec.Cmd, stderr *output) {
	t.Helper()
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; standard error:\n%s", err, stderr)
	}
}

func TestSocketsOfSystemd(t *testing.T) {
	first, one := socket(t)
	second, two := socket(t)
	cmd, stderr := activated(t, "web:web", []*os.File{first, second}, "demo", "--addr", "systemd", "--admin", "off")
	if url := stderr.await(t, `serving +(\S+)`); url != one {
		t.Errorf("it serves %s, want %s", url, one)
	}
	greets(t, one)
	greets(t, two)
	endsWell(t, cmd, stderr)

	// The sockets outlast it: who connects now is served by the next one.
	conn, err := net.Dial("tcp", two[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cmd, stderr = activated(t, "web:other", []*os.File{first, second}, "demo", "--addr", "systemd:other", "--admin", "off")
	if url := stderr.await(t, `serving +(\S+)`); url != two {
		t.Errorf("it serves %s, want %s", url, two)
	}
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	answer := make([]byte, len("HTTP/1.1 200"))
	if _, err := conn.Read(answer); err != nil || string(answer) != "HTTP/1.1 200" {
		t.Errorf("%q, %v", answer, err)
	}
	endsWell(t, cmd, stderr)
}

func TestSocketOfSystemdWithAnotherName(t *testing.T) {
	f, _ := socket(t)
	cmd, stderr := activated(t, "web", []*os.File{f}, "demo", "--addr", "systemd:other", "--admin", "off")
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	oneSentence(t, stderr.String(), "systemd:other", "--addr", `["web"]`)
}

// A new process can begin while the old one serves, and go on when that has drained.
func TestSharedPort(t *testing.T) {
	args := []string{"demo", "--share-port", "--admin", "off", "--addr"}
	old, oldErr := processTo(t, nil, nil, append(args, "127.0.0.1:0")...)
	url := oldErr.await(t, `serving +(\S+)`)
	addr := url[len("http://"):]
	heir, heirErr := processTo(t, nil, nil, append(args, addr)...)
	heirErr.await(t, `serving +(\S+)`)
	greets(t, url)
	failsToStart(t, []string{"demo", "--admin", "off", "--addr", addr}, addr, "already in use")
	endsWell(t, old, oldErr)
	greets(t, url)
	endsWell(t, heir, heirErr)
}
