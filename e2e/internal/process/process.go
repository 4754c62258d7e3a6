// Package process runs a program beside a test, and ends it.
package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// grace is how long a program may take to end when it is asked to, before it is killed.
const grace = 40 * time.Second

// Process is a program that runs. Its methods may be called from any goroutine.
type Process struct {
	name string
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed when it has ended; err is set then
	err  error

	terminate func() error
}

// Start runs the program at path with exactly the environment env, and calls it name in errors.
func Start(name, path string, env []string, args ...string) (*Process, error) {
	p := &Process{name: name, cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.out.changed = make(chan struct{})
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = attributes()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.terminate = sync.OnceValue(func() error { return p.cmd.Process.Signal(syscall.SIGTERM) })
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Output returns what the program has written to standard output and standard error.
func (p *Process) Output() string { return p.out.String() }

// Ended is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.done }

// Line returns the first whole line of output that match accepts. It waits for one until the program has ended, or limit
// is over.
func (p *Process) Line(limit time.Duration, match func(line string) bool) (string, error) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for ended := false; ; {
		text, changed := p.out.read()
		for line := range strings.Lines(text) {
			if strings.HasSuffix(line, "\n") && match(line) {
				return line, nil
			}
		}
		if ended {
			return "", fmt.Errorf("%s ended (%v) without a line that was waited for:\n%s", p.name, p.err, text)
		}
		select {
		case <-changed:
		case <-p.done:
			ended = true // all output was there before: look once more
		case <-timeout.C:
			return "", fmt.Errorf("%s wrote no line that was waited for in %v:\n%s", p.name, limit, text)
		}
	}
}

// Terminate asks the program to end with SIGTERM, once: to many a second signal means at once.
func (p *Process) Terminate() error {
	if err := p.terminate(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("terminate %s: %w", p.name, err)
	}
	return nil
}

// Signal sends the program any signal, however often. It does nothing to one that has ended.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to %s: %w", s, p.name, err)
	}
	return nil
}

// ID returns the id of the program's process.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Wait waits for the end of the program and returns its exit code; -1 when a signal ended it.
func (p *Process) Wait(limit time.Duration) (int, error) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-timeout.C:
		return 0, fmt.Errorf("%s still runs after %v:\n%s", p.name, limit, p.Output())
	}
}

// Stop terminates the program and returns an error unless it ended with exit code 0. It may be called more than once.
func (p *Process) Stop() error {
	if err := p.Terminate(); err != nil {
		return err
	}
	return p.Stopped()
}

// Stopped waits for a program that ends, kills it when it does not, and returns an error unless its exit code is 0.
func (p *Process) Stopped() error {
	if _, err := p.Wait(grace); err != nil {
		p.Kill()
		return err
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w:\n%s", p.name, p.err, p.Output())
	}
	return nil
}

// Kill ends the program at once, and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// output keeps what a program writes.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{} // closed, and replaced, at each write
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.buf.Write(p)
}

func (o *output) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String(), o.changed
}

// String returns all that was written.
func (o *output) String() string {
	text, _ := o.read()
	return text
}
