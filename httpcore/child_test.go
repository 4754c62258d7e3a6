package httpcore_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
)

// childVariable names which of the children this test binary is to be: a process of its own that is a server.
const childVariable = "HTTPCORE_TEST_CHILD"

var children = map[string]func(){}

// child is such a process, seen from its parent. It writes a line when something has happened, and ends with its input.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	end    io.Closer
	lines  *bufio.Reader
	errors bytes.Buffer
}

// startChild starts a child with these variables. Files are its descriptors from 3 on, as sd_listen_fds(3) has it.
func startChild(t *testing.T, name string, files []*os.File, env ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0"`, self)}
	c.cmd.Env = append(append(os.Environ(), childVariable+"="+name, fmt.Sprint("LISTEN_FDS=", len(files))), env...)
	c.cmd.ExtraFiles = files
	c.cmd.Stderr = &c.errors
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.end, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.end.Close()
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
	})
	return c
}

// line returns the rest of the child's next line, which begins with word.
func (c *child) line(word string) string {
	c.t.Helper()
	text, err := c.lines.ReadString('\n')
	rest, ok := strings.CutPrefix(text, word)
	if err != nil || !ok {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		c.t.Fatalf("the child said %q, %v; want %q; on standard error:\n%s", text, err, word, c.errors.String())
	}
	return strings.TrimSpace(rest)
}

// drain has the child end itself.
func (c *child) drain() { _ = c.end.Close() }

// wait returns when it has.
func (c *child) wait() {
	c.t.Helper()
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("the child ended with %v; on standard error:\n%s", err, c.errors.String())
	}
}

// What follows is called in the child.

// childFails ends the child with a word about why.
func childFails(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// childEngine is the engine that the parent has asked for.
func childEngine() httpcore.Engine {
	e, err := httpcore.ParseEngine(os.Getenv("CHILD_ENGINE"))
	childFails(err)
	return e
}

// used counts what this process has open, after what is made once was made.
func used() (files, goroutines int) {
	entries, err := os.ReadDir("/proc/self/fd")
	childFails(err)
	return len(entries), runtime.NumGoroutine()
}

func warmUp() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	childFails(err)
	childFails(l.Close())
}

// sayWhatIsLeft writes how many descriptors and goroutines there are more than before, when they have had time to go.
func sayWhatIsLeft(files, goroutines int) {
	var f, g int
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if f, g = used(); f <= files && g <= goroutines {
			break
		}
	}
	fmt.Println("left", max(f-files, 0), max(g-goroutines, 0))
}
