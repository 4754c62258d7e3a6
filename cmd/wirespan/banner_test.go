package main

import (
	"strings"
	"syscall"
	"testing"
)

func TestBannerAsRecord(t *testing.T) {
	s := startRecords(t)
	expect(t, "standard error", s, `^\{.*"msg":"serving".*"url":"http://127\.0\.0\.1:\d+".*"admin":"off".*"traces":"not sent.*\}\n`)
	if strings.Contains(s, "wirespan (devel)\n") {
		t.Errorf("there is text among the records: %s", s)
	}
}

// startRecords returns what a server that writes JSON has told from start to end.
func startRecords(t *testing.T) string {
	t.Helper()
	cmd, _, stderr := process(t, []string{"WIRESPAN_LOG_FORMAT=json"}, "demo", "--addr", "127.0.0.1:0", "--admin", "off")
	stderr.await(t, `"msg":"serving"`)
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	return stderr.String()
}
