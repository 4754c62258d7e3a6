package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asCommand makes this test binary the command itself.
const asCommand = "WIRESPAN_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "OTEL_") || strings.HasPrefix(name, "WIRESPAN_") || strings.HasSuffix(strings.ToLower(name), "_proxy") {
			os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// output is what a command writes, for one that reads along.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and renewed at each write
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) now() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.changed
}

func (o *output) String() string { s, _ := o.now(); return s }

// await returns the first submatch of pattern as soon as it is there.
func (o *output) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(patience)
	for {
		text, changed := o.now()
		if m := re.FindStringSubmatch(text); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%q did not come; there is:\n%s", pattern, text)
		}
	}
}

// variables is an environment.
func variables(v map[string]string) environment {
	return func(name string) (string, bool) { s, ok := v[name]; return s, ok }
}

// processEnvironment adds v to the environment of the process: for what the exporters read themselves, set it by t.Setenv.
func processEnvironment(v map[string]string) environment {
	return func(name string) (string, bool) {
		if s, ok := v[name]; ok {
			return s, ok
		}
		return os.LookupEnv(name)
	}
}

// once runs a command that ends by itself.
func once(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(args, processEnvironment(env), &out, &err)
	return code, out.String(), err.String()
}

// served is a server that runs in this process.
type served struct {
	t              *testing.T
	url, admin     string
	stdout, stderr *output
	signals        chan os.Signal
	hangups        chan os.Signal
	code           chan int
	client         *http.Client
}

// start runs a server with free ports, and ends it with the test.
func start(t *testing.T, env map[string]string, args ...string) *served {
	t.Helper()
	return startBefore(t, false, env, args...)
}

// startBefore is start with or without somebody who sits before it.
func startBefore(t *testing.T, terminal bool, env map[string]string, args ...string) *served {
	t.Helper()
	s := &served{t: t, stdout: newOutput(), stderr: newOutput(), signals: make(chan os.Signal, 2), hangups: make(chan os.Signal), code: make(chan int, 1)}
	a := &app{
		env: processEnvironment(env), stdout: s.stdout, stderr: s.stderr,
		isTerminal: func(io.Writer) bool { return terminal },
		signals:    func() (end, hangup <-chan os.Signal, stop func()) { return s.signals, s.hangups, func() {} },
	}
	if !contains(args, "--addr") {
		args = append(args, "--addr", "127.0.0.1:0")
	}
	if !contains(args, "--admin") {
		args = append(args, "--admin", "127.0.0.1:0")
	}
	go func() { s.code <- a.run(args) }()
	s.url = s.stderr.await(t, `serving +(\S+)`)
	s.admin = s.stderr.await(t, `admin +(\S+)`)
	transport := &http.Transport{}
	s.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.stop()
	})
	return s
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// stop drains the server, once, and expects that it ends well.
func (s *served) stop() {
	s.t.Helper()
	if s.code == nil {
		return
	}
	s.signals <- syscall.SIGTERM
	s.expectCode(exitOK)
}

func (s *served) expectCode(want int) {
	s.t.Helper()
	select {
	case code := <-s.code:
		if code != want {
			s.t.Errorf("exit code %d, want %d; standard error:\n%s", code, want, s.stderr)
		}
		s.code = nil
	case <-time.After(patience):
		s.t.Fatalf("the server did not end; standard error:\n%s", s.stderr)
	}
}

// get sends a request and returns the response with its body read.
func (s *served) get(path string) (*http.Response, string) {
	s.t.Helper()
	return s.do(request(s.t, http.MethodGet, s.url+path, nil))
}

func (s *served) do(r *http.Request) (*http.Response, string) {
	s.t.Helper()
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return resp, string(body)
}

func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fetch asks the admin port.
func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// process runs the command as a process of its own.
func process(t *testing.T, env []string, args ...string) (cmd *exec.Cmd, stdout, stderr *output) {
	t.Helper()
	stdout = newOutput()
	cmd, stderr = processTo(t, stdout, env, args...)
	return cmd, stdout, stderr
}

// processTo is process with a standard output of the test's.
func processTo(t *testing.T, stdout io.Writer, env []string, args ...string) (cmd *exec.Cmd, stderr *output) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stderr = newOutput()
	cmd = exec.Command(self, args...)
	cmd.Env = append(append(os.Environ(), asCommand+"=1"), env...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
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

// dial opens a connection to the server, which is closed with the test.
func (s *served) dial() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// raw sends text over a connection of its own and returns all that comes back until the server closes it.
func (s *served) raw(text string) string {
	s.t.Helper()
	conn := s.dial()
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		s.t.Fatalf("%v after %q", err, answer)
	}
	return string(answer)
}

func expect(t *testing.T, what, got, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("%s is\n%s\nwant a match of\n%s", what, got, pattern)
	}
}

// freePort returns a port of 127.0.0.1 that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}
