package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// process is a child, seen from the one that measures.
type process struct {
	addr string // where it listens

	command   *exec.Cmd
	questions io.WriteCloser
	answers   *json.Decoder
}

// start runs this binary in a role. environment replaces all OTEL_* variables.
func start(ctx context.Context, environment []string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(ctx, self, args...)}
	p.command.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "OTEL_") }), environment...)
	p.command.Stderr = os.Stderr
	if p.questions, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	answers, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = json.NewDecoder(answers)
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	if err := p.read(&p.addr); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", args[0], err), p.stop())
	}
	return p, nil
}

// ask puts a question and decodes the answer into a pointer.
func (p *process) ask(question string, to any) error {
	if _, err := io.WriteString(p.questions, question+"\n"); err != nil {
		return fmt.Errorf("ask %s for its %s: %w", p.command.Args[1], question, err)
	}
	if err := p.read(to); err != nil {
		return fmt.Errorf("ask %s for its %s: %w", p.command.Args[1], question, err)
	}
	return nil
}

// read decodes the next answer into a pointer.
func (p *process) read(to any) error {
	r := reply{Answer: to}
	if err := p.answers.Decode(&r); err != nil {
		return fmt.Errorf("it has ended: %w", err)
	}
	if r.Error != "" {
		return errors.New(r.Error)
	}
	return nil
}

// kill ends the process as kill -9 does, and waits for it.
func (p *process) kill() error {
	err := p.command.Process.Kill()
	_ = p.stop() // which says that it was killed
	return err
}

// stop ends the process and waits for it.
func (p *process) stop() error {
	return errors.Join(p.questions.Close(), p.command.Wait())
}
