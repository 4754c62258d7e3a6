package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What the server has to say, up to its last record, goes to the file, and no longer to standard error.
func TestErrorLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "error.log")
	s := start(t, nil, "demo", "--error-log", file)
	s.raw("GET / HTTP/1.1\r\n\r\n") // without a Host
	waitFor(t, s.admin+"/readyz?verbose", `\[\+\] error log: `+file+`; lines: [1-9]\d* written \+ 0 dropped\n`)
	s.stop()
	expect(t, "the error log", readFile(t, file),
		`(?s)^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] \[WARNING\] request failed event=RequestFailed connection_id=\d+ .*`+
			`\n\[[^\n]*\] \[INFO\] stopped spans_exported=[^\n]*\n$`)
	if got := s.stderr.String(); strings.Contains(got, "stopped") || strings.Contains(got, "request failed") {
		t.Errorf("standard error is told too:\n%s", got)
	}
}

func TestErrorLogAsJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "error.log")
	cmd, _, stderr := process(t, nil, "demo", "--addr", "127.0.0.1:0", "--admin", "off", "--error-log", file, "--log-format", "json")
	url := awaitFile(t, file, `^\{"time":"[^"]+","level":"INFO","msg":"serving".*"url":"([^"]+)"`)
	fetch(t, url+"/panic")
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil || stderr.String() != "" {
		t.Errorf("%v; standard error:\n%s", err, stderr)
	}
	expect(t, "the error log", readFile(t, file), `(?s)\n\{"time":"[^"]+","level":"WARN","msg":"request failed",.*"msg":"stopped",[^\n]*\}\n$`)
}

func TestErrorLogOnStandardError(t *testing.T) {
	cmd, _, stderr := process(t, nil, "demo", "--addr", "127.0.0.1:0", "--admin", "off", "--error-log", "-")
	stderr.await(t, `serving +(\S+)`)
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; standard error:\n%s", err, stderr)
	}
	expect(t, "standard error", stderr.String(), `(?m)^\[[^\]]+\] \[\d+\] \[INFO\] stopped `)
}
