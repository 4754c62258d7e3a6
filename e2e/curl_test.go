package e2e_test

import (
	"bytes"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// curl runs curl, which must succeed, and returns the status and the body of the answer.
func curl(t *testing.T, args ...string) (status int, body string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("curl", append([]string{"--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}"}, args...)...)
	cmd.Env = environment("no_proxy=*")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("curl %s: %v: %s", strings.Join(args, " "), err, errs.String())
	}
	text := out.String()
	end := strings.LastIndexByte(text, '\n')
	status, err := strconv.Atoi(text[end+1:])
	if err != nil {
		t.Fatal(err)
	}
	return status, text[:end]
}

// get asks for path with curl, and expects the status.
func (w *wirespan) get(t *testing.T, want int, path string, args ...string) (body string) {
	t.Helper()
	status, body := curl(t, append(args, w.url+path)...)
	if status != want {
		t.Fatalf("GET %s: status %d, want %d: %s", path, status, want, body)
	}
	return body
}
