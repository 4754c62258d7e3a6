package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
)

// hang sends a request whose handler works on a slow body, and returns once the handler has begun: the response to the
// Expect says so.
func (s *served) hang() (finish func() string) {
	s.t.Helper()
	conn := s.dial()
	io.WriteString(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		s.t.Fatalf("%q, %v", line, err)
	}
	r.ReadString('\n')
	return func() string {
		s.t.Helper()
		io.WriteString(conn, "hello")
		text, err := io.ReadAll(r)
		if err != nil {
			s.t.Fatal(err)
		}
		return string(text)
	}
}

func TestDrain(t *testing.T) {
	s := start(t, nil, "demo")
	if status, body := fetch(t, s.admin+"/readyz"); status != 200 || body != "ok\n" {
		t.Errorf("before: %d %q", status, body)
	}
	finish := s.hang()
	s.signals <- syscall.SIGTERM
	s.stderr.await(t, `msg=draining`)

	status, body := fetch(t, s.admin+"/readyz")
	if status != http.StatusServiceUnavailable {
		t.Errorf("/readyz answers %d while draining", status)
	}
	expect(t, "/readyz", body, `^draining: it got the signal SIGTERM`)
	if _, body = fetch(t, s.admin+"/readyz?verbose"); !strings.HasPrefix(body, "[-] accepting: draining") {
		t.Errorf("/readyz?verbose says %q", body)
	}
	if status, _ = fetch(t, s.admin+"/livez"); status != 200 {
		t.Errorf("/livez answers %d while draining", status)
	}

	answer := finish()
	expect(t, "the answer to the request under way", answer, `(?s)^HTTP/1\.1 200 .*\r\nConnection: close\r\n.*hello$`)
	s.expectCode(exitOK)
	expect(t, "standard error", s.stderr.String(), `msg=stopped spans_exported=`)
	if _, err := net.Dial("tcp", strings.TrimPrefix(s.admin, "http://")); err == nil {
		t.Error("the admin port is still open")
	}
}

func TestDrainDeadline(t *testing.T) {
	s := start(t, nil, "demo", "--drain-timeout", "50ms")
	s.hang()
	s.signals <- syscall.SIGTERM
	s.expectCode(exitOK)
	expect(t, "standard error", s.stderr.String(), `requests were cut short`)
}

func TestSecondSignal(t *testing.T) {
	s := start(t, nil, "demo")
	finish := s.hang()
	s.signals <- syscall.SIGTERM
	s.stderr.await(t, `msg=draining`)
	s.signals <- syscall.SIGINT
	s.expectCode(exitForced)
	finish() // what is left of the server ends with its last request
	s.stderr.await(t, `msg=stopped`)
}

// A stream that would go on for ever does not hold up the drain.
func TestDrainEndsStreams(t *testing.T) {
	s := start(t, nil, "demo")
	resp, err := s.client.Do(request(t, http.MethodGet, s.url+"/sse?ms=60000", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, s.url+"/ws", &websocket.DialOptions{HTTPClient: s.client})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	s.signals <- syscall.SIGINT
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Errorf("the events did not end in order: %v", err)
	}
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the WebSocket ended with %v, want the status GoingAway", err)
	}
	s.expectCode(exitOK)
}

func TestProcessEndsBySignal(t *testing.T) {
	cmd, _, stderr := process(t, nil, "demo", "--addr", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	url := stderr.await(t, `serving +(\S+)`)
	if status, body := fetch(t, url+"/"); status != 200 || body != greeting {
		t.Errorf("%d %q", status, body)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; standard error:\n%s", err, stderr)
	}
	expect(t, "standard error", stderr.String(), `reason="it got the signal SIGTERM"`)
}

func TestProcessEndsAtOnceBySecondSignal(t *testing.T) {
	cmd, _, stderr := process(t, nil, "demo", "--addr", "127.0.0.1:0", "--admin", "off")
	s := &served{t: t, url: stderr.await(t, `serving +(\S+)`)}
	s.hang()
	cmd.Process.Signal(os.Interrupt)
	stderr.await(t, `msg=draining`)
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitForced {
		t.Errorf("exit code %d, want %d; standard error:\n%s", code, exitForced, stderr)
	}
}

func TestProcessExitCodes(t *testing.T) {
	for _, c := range []struct {
		args string
		want int
	}{
		{"version", exitOK},
		{"check", exitFailed},
		{"serve /does/not/exist --admin off --addr 127.0.0.1:0", exitFailed},
		{"demo --workers x", exitUsage},
	} {
		cmd, _, stderr := process(t, nil, strings.Fields(c.args)...)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != c.want {
			t.Errorf("%s: exit code %d, want %d; standard error:\n%s", c.args, code, c.want, stderr)
		}
	}
}

// Whoever reads the lines may leave: the server stays.
func TestProcessOutlivesItsReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd, stderr := processTo(t, w, nil, "demo", "--addr", "127.0.0.1:0", "--admin", "off", "--traces", "console")
	w.Close()
	url := stderr.await(t, `serving +(\S+)`)
	r.Close()
	for range 3 {
		if status, _ := fetch(t, url+"/"); status != 200 {
			t.Errorf("status %d", status)
		}
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; standard error:\n%s", err, stderr)
	}
}
