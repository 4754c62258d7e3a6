// Package exampletest runs an example the way that its reader does: as a process.
package exampletest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// asExample is set for a test binary that is to be the example itself.
const asExample = "WIRESPAN_TEST_AS_EXAMPLE"

// patience is how long an example may take to start, or to end.
const patience = 20 * time.Second

// Main is for TestMain: in the processes that [Start] starts it runs main in place of the tests.
func Main(m *testing.M, main func()) {
	if os.Getenv(asExample) != "" {
		main()
		return
	}
	m.Run()
}

// Example is a running example.
type Example struct {
	// Client talks to the example, whatever the host of the URL is.
	Client *http.Client

	command *exec.Cmd
	output  bytes.Buffer
	ended   chan struct{} // closed when the process has ended
	err     error         // what it ended with
}

// Start runs the example with the flag -addr, beside the arguments and variables given, and returns when it listens. It is
// killed at the end of the test when it has not been stopped before.
func Start(t *testing.T, environment []string, args ...string) *Example {
	t.Helper()
	dir, err := os.MkdirTemp("", "example") // t.TempDir may be too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	transport := &http.Transport{DialContext: dial}
	t.Cleanup(transport.CloseIdleConnections)

	e := &Example{
		Client:  &http.Client{Transport: transport, Timeout: patience},
		command: exec.Command(os.Args[0], append([]string{"-addr", "unix:" + socket}, args...)...),
		ended:   make(chan struct{}),
	}
	e.command.Env = append(append(os.Environ(), asExample+"=1"), environment...)
	e.command.Stdout, e.command.Stderr = &e.output, &e.output
	if err := e.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		e.err = e.command.Wait()
		close(e.ended)
	}()
	t.Cleanup(func() {
		e.command.Process.Kill() //nolint:errcheck // it may have ended, which is as good
		<-e.ended
	})
	e.awaitListening(t, dial)
	return e
}

func (e *Example) awaitListening(t *testing.T, dial func(context.Context, string, string) (net.Conn, error)) {
	t.Helper()
	late := time.After(patience)
	for {
		conn, err := dial(t.Context(), "", "")
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-e.ended:
			t.Fatalf("the example ended with %v:\n%s", e.err, &e.output)
		case <-late:
			t.Fatalf("the example does not listen: %v", err)
		}
	}
}

// Interrupt sends the process what ctrl-C sends, and returns what it has written and what it ended with.
func (e *Example) Interrupt(t *testing.T) (output string, err error) {
	t.Helper()
	if err := e.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case <-e.ended:
	case <-time.After(patience):
		t.Fatal("the example does not end")
	}
	return e.output.String(), e.err
}
