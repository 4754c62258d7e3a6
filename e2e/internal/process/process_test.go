package process

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asked names the variable that makes this test's own program a program to run.
const asked = "PROCESS_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(asked) {
	case "":
		os.Exit(m.Run())
	case "fail":
		os.Stderr.WriteString("one\ntwo\n")
		os.Exit(3)
	case "wait":
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		os.Stdout.WriteString("ready\n")
		<-c
	}
}

func start(t *testing.T, what string) *Process {
	t.Helper()
	p, err := Start("the test program", os.Args[0], []string{asked + "=" + what})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestStop(t *testing.T) {
	p := start(t, "wait")
	if _, err := p.Line(time.Minute, func(line string) bool { return line == "ready\n" }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestFailure(t *testing.T) {
	p := start(t, "fail")
	if line, err := p.Line(time.Minute, func(line string) bool { return strings.HasPrefix(line, "t") }); err != nil || line != "two\n" {
		t.Errorf("line %q, %v", line, err)
	}
	if _, err := p.Line(time.Minute, func(string) bool { return false }); err == nil || !strings.Contains(err.Error(), "one\ntwo\n") {
		t.Errorf("error %v for a line that never came, want the output in it", err)
	}
	if code, err := p.Wait(time.Minute); code != 3 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	if err := p.Stop(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("error %v, want one that tells the exit status", err)
	}
}

func TestSignal(t *testing.T) {
	p := start(t, "wait")
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code, err := p.Wait(time.Minute); code != -1 || err != nil {
		t.Errorf("exit code %d, %v: want that of a program that was killed", code, err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil || p.ID() <= 0 {
		t.Errorf("%v from a program that has ended, process %d", err, p.ID())
	}
}

func TestFreePorts(t *testing.T) {
	ports, err := FreePorts(3)
	if err != nil || len(ports) != 3 || ports[0] == ports[1] || ports[1] == ports[2] || ports[0] == ports[2] {
		t.Errorf("ports %v, %v", ports, err)
	}
}
