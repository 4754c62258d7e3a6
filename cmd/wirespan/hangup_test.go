package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Files that are moved away under load lose no line: what is not in the old one is in the new one.
func TestRotationLosesNoLine(t *testing.T) {
	dir := t.TempDir()
	access, log := filepath.Join(dir, "access.log"), filepath.Join(dir, "error.log")
	s := start(t, nil, "demo", "--access-log", access, "--access-log-format", "%(s)s", "--error-log", log)
	const clients, requests = 4, 200
	var all sync.WaitGroup
	defer all.Wait()
	for range clients {
		all.Go(func() {
			for range requests {
				if resp, err := s.client.Get(s.url + "/"); err != nil {
					t.Error(err)
				} else {
					resp.Body.Close()
				}
			}
		})
	}
	for old, sig := range map[string]os.Signal{".1": syscall.SIGUSR1, ".2": syscall.SIGHUP} {
		for _, file := range []string{access, log} {
			if err := os.Rename(file, file+old); err != nil {
				t.Fatal(err)
			}
		}
		s.hangups <- sig
		awaitFile(t, log, `\[INFO\] the logs were reopened\n`)
		if text := readFile(t, log+old); strings.Contains(text, "nothing to reread") {
			t.Errorf("the log was told %q", text)
		}
	}
	all.Wait()
	s.stop()
	n := 0
	for _, file := range []string{access, access + ".1", access + ".2"} {
		n += strings.Count(readFile(t, file), "200\n")
	}
	if n != clients*requests {
		t.Errorf("there are %d lines, want %d", n, clients*requests)
	}
	expect(t, "the newest error log", readFile(t, log), ` access_lines_written=800 access_lines_dropped=0 `)
}

func TestReopenThatFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "access.log")
	settings := settingsFile(t, `{}`)
	s := start(t, nil, "demo", "--access-log", file, "--access-log-format", "%(U)s", "--settings", settings)
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	s.hangups <- syscall.SIGHUP
	s.stderr.await(t, `level=WARN msg="a log goes on where it was: it could not be reopened" error=.*no such file`)
	s.stderr.await(t, `msg="the settings were read again"`) // all the same
	s.get("/")
	s.stop()
	if got := readFile(t, filepath.Join(dir+".old", "access.log")); got != "/\n" {
		t.Errorf("the log is %q", got)
	}
}

func TestNothingToReopen(t *testing.T) {
	cmd, _, stderr := process(t, nil, "demo", "--addr", "127.0.0.1:0", "--admin", "off")
	stderr.await(t, `serving +(\S+)`)
	if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	stderr.await(t, `msg="there is nothing to reopen: the server was started without --access-log and --error-log"`)
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v:\n%s", err, stderr)
	}
}
