package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// The roles that this binary plays in the processes that it starts.
const (
	roleServer   = "serve"
	roleReceiver = "receive"
	roleCrowd    = "crowd"
	roleSteady   = "steady"
	roleStatsd   = "statsd"
)

// role is what a process does that was started to do it. It reads questions, a line each, until there are no more.
type role func(ctx context.Context, args []string, questions io.Reader, answers io.Writer) error

var roles = map[string]role{roleServer: runServer, roleReceiver: runReceiver, roleCrowd: runCrowd, roleSteady: runSteady, roleStatsd: runStatsd}

// reply is a line that a child writes: an answer, or why there is none.
type reply struct {
	Error  string `json:"error,omitempty"`
	Answer any    `json:"answer,omitempty"`
}

// play plays a role. What goes wrong is for the parent to tell, who knows what it was about.
func (r role) play(ctx context.Context, args []string, questions io.Reader, answers io.Writer) error {
	if err := r(ctx, args, questions, answers); err != nil {
		return json.NewEncoder(answers).Encode(reply{Error: err.Error()})
	}
	return nil
}

// What a child is asked, a line each.
const (
	askAccount = "account"
	askFlush   = "flush"
	askMemory  = "memory"
	askBooks   = "books"
	askTurns   = "turns" // and for how long
	askLap     = "lap"
	askLast    = "last"
	askAway    = "away"
	askBack    = "back"
	askArrived = "arrived"
)

const loopback = "127.0.0.1:0"

// flushTimeout is what a server may take to send what is left: longer than any exporter of spans tries.
const flushTimeout = 30 * time.Second

// account is what a server has used up since it was started.
type account struct {
	Served  uint64        `json:"served"`
	User    time.Duration `json:"user"`
	System  time.Duration `json:"system"`
	Mallocs uint64        `json:"mallocs"`
	Made    uint64        `json:"made"` // spans, by the server's own books; 0 when it keeps none
}

func (a account) minus(b account) account {
	return account{a.Served - b.Served, a.User - b.User, a.System - b.System, a.Mallocs - b.Mallocs, a.Made - b.Made}
}

// account returns that of this process, which is the server.
func (s *server) account() (account, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return account{}, err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	a := account{
		Served: served.Load(), Mallocs: memory.Mallocs,
		User: time.Duration(usage.Utime.Nano()), System: time.Duration(usage.Stime.Nano()),
	}
	if s.books != nil {
		a.Made = s.books().Made
	}
	return a, nil
}

// runServer is a process that is one of the candidates in one of the scenarios, in the workspace with the given directory.
func runServer(ctx context.Context, args []string, questions io.Reader, answers io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("%q is not a server, a scenario and a directory", args)
	}
	c := candidateNamed(args[0])
	s := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == args[1] })
	if c == nil || s < 0 {
		return fmt.Errorf("there is no server %q or no scenario %q", args[0], args[1])
	}
	running, err := c.start(ctx, scenarios[s].handler(args[2]), args[2])
	if err != nil {
		return err
	}
	return answer(questions, answers, running.addr, func(question string) (any, error) {
		switch question {
		case askAccount:
			return running.account()
		case askBooks:
			return running.ownBooks()
		case askMemory:
			return ownMemory()
		case askFlush:
			return running.flushed(ctx), nil
		}
		return nil, fmt.Errorf("%q is no question", question)
	})
}

// flushed sends all that waits and returns what went wrong, in words.
func (s *server) flushed(ctx context.Context) string {
	if s.flush == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := s.flush(ctx); err != nil {
		return err.Error()
	}
	return ""
}

// answer tells addr, and then answers each question in a line of JSON until there are no more.
func answer(questions io.Reader, answers io.Writer, addr string, to func(question string) (any, error)) error {
	encoder := json.NewEncoder(answers)
	if err := encoder.Encode(reply{Answer: addr}); err != nil {
		return err
	}
	lines := bufio.NewScanner(questions)
	for lines.Scan() {
		a, err := to(lines.Text())
		if err != nil {
			return err
		}
		if err := encoder.Encode(reply{Answer: a}); err != nil {
			return err
		}
	}
	return lines.Err()
}
