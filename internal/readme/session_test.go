package readme_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to be built and to start, or to end.
const patience = 5 * time.Minute

// session is a reader who types the commands of a page one after the other, into a shell at the top level. Only addresses
// differ from what the page says: ports are free ones, and what is to listen on the reader's machine is the session's own.
type session struct {
	t           *testing.T
	environment []string
	addresses   []string // as the page has them and as they are, in turns
	server      *running // the last one that was started
	output      string   // of servers that have ended
}

// running is a command that serves.
type running struct {
	command *exec.Cmd
	ended   chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

func newSession(t *testing.T) *session {
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) }))
	t.Cleanup(application.Close)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(receiver.Close)

	home := t.TempDir()
	// A curl that is answered with an error fails.
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte("fail\nsilent\nshow-error\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &session{
		t:         t,
		addresses: []string{"http://127.0.0.1:3000", application.URL, "http://127.0.0.1:4318", receiver.URL},
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OTEL_") && !strings.HasPrefix(v, "WIRESPAN_") {
			s.environment = append(s.environment, v)
		}
	}
	s.environment = append(s.environment, "CURL_HOME="+home, "GOBIN="+home, "PATH="+home+":"+os.Getenv("PATH"),
		"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
		"WIRESPAN_ADDR=127.0.0.1:0", "WIRESPAN_ADMIN=127.0.0.1:0",
		// As if there were both a receiver and a terminal.
		"OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL, "WIRESPAN_TRACES=otlp,console")
	t.Cleanup(s.interrupt)
	return s
}

func (s *session) shell(line string) *exec.Cmd {
	command := exec.Command("sh", "-c", strings.NewReplacer(s.addresses...).Replace(line))
	command.Dir = root
	command.Env = s.environment
	return command
}

// enter runs a command to its end.
func (s *session) enter(line string) {
	s.t.Helper()
	if output, err := s.shell(line).CombinedOutput(); err != nil {
		s.t.Errorf("%s: %v\n%s", line, err, output)
	}
}

var serving = regexp.MustCompile(`(?m)^ *serving +(http://\S+) [^$]*?^ *admin +(http://\S+)$`)

// serve starts a command that serves, in place of the one before, and waits until it does. Whatever the page then asks on
// ports 8080 and 4380 is for this one.
func (s *session) serve(line string) {
	s.t.Helper()
	s.interrupt()
	r := &running{command: s.shell(line), ended: make(chan struct{})}
	r.command.Stdout, r.command.Stderr = r, r
	r.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what ctrl-C reaches
	r.command.WaitDelay = patience
	if err := r.command.Start(); err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	go func() {
		defer close(r.ended)
		_ = r.command.Wait() // how make reports ctrl-C is its own affair
	}()
	s.server = r
	for late := time.After(patience); ; {
		if m := serving.FindStringSubmatch(r.output()); m != nil {
			s.addresses = append(s.addresses, "http://127.0.0.1:8080", m[1], "http://127.0.0.1:4380", m[2])
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-r.ended:
			s.t.Fatalf("%s has ended:\n%s", line, r.output())
		case <-late:
			s.t.Fatalf("%s does not serve:\n%s", line, r.output())
		}
	}
}

// interrupt is ctrl-C.
func (s *session) interrupt() {
	if s.server == nil {
		return
	}
	group := -s.server.command.Process.Pid
	_ = syscall.Kill(group, syscall.SIGINT)
	select {
	case <-s.server.ended:
	case <-time.After(patience):
		_ = syscall.Kill(group, syscall.SIGKILL)
		s.t.Errorf("ctrl-C did not end the server:\n%s", s.server.output())
	}
	s.output += s.server.output()
	s.server = nil
	s.addresses = s.addresses[:4]
}

// Write keeps what the command writes.
func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *running) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
