package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1MiB": 1 << 20, "512MiB": 512 << 20, "4 GiB": 4 << 30, "1TiB": 1 << 40, "1048576": 1 << 20, "2048KiB": 2 << 20,
	} {
		if n, err := parseSize(text); n != want || err != nil {
			t.Errorf("%s is %d, %v; want %d", text, n, err, want)
		}
	}
	for _, text := range []string{"", "1", "GiB", "-1GiB", "1023KiB", "1GB", "1.5GiB", "99999999TiB", "9223372036854775807KiB"} {
		if n, err := parseSize(text); err == nil {
			t.Errorf("%q is %d", text, n)
		}
	}
}

func TestSpoolFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:"+freePort(t))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--spool", file}, `cannot keep spans in .*/file \(--spool\): /[^ ]*/file is not a directory; a link to one is not followed`},
		{[]string{"--spool", filepath.Join(file, "spool")}, `cannot keep spans in .* \(--spool\): not a directory`},
		{[]string{"--spool-mode", "journal"}, `--spool-mode needs a spool: give --spool \(WIRESPAN_SPOOL\) too`},
		{[]string{"--spool-max-bytes", "2GiB"}, `--spool-max-bytes needs a spool`},
		{[]string{"--spool-dead-bytes", "2MiB"}, `--spool-dead-bytes needs a spool`},
		{[]string{"--spool-mode", "sometimes"}, `use overflow, journal or mapped`},
		{[]string{"--spool-max-bytes", "tiny"}, `use a size of at least 1MiB`},
	} {
		code, _, stderr := once(t, nil, append([]string{"demo", "--addr", "127.0.0.1:0", "--admin", "off"}, c.args...)...)
		if code == 0 {
			t.Errorf("%q: exit code 0", c.args)
		}
		expect(t, "standard error", stderr, c.want)
	}
}

// A spool without a receiver is no reason not to start, but somebody may rely on it.
func TestSpoolWithoutExport(t *testing.T) {
	for _, traces := range []string{"auto", "none"} {
		s := start(t, nil, "demo", "--traces", traces, "--spool", filepath.Join(t.TempDir(), "spool"))
		s.stop()
		expect(t, "standard error", s.stderr.String(), `level=WARN msg="the spool is not used, for traces are not sent over OTLP" spool=.*/spool`)
	}
}

// A spool that the disk has failed is told of, as long as it is so.
func TestSpoolThatTakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:"+freePort(t))
	s := start(t, nil, "demo", "--spool", dir)
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s.get("/users/1")
	waitFor(t, s.admin+"/readyz?verbose", `\[!\] traces: .*; the spool takes nothing just now \(.*not a directory\); spans: .* [1-9]\d* queued \+ 0 spooled`)
	if err := errors.Join(os.Remove(dir), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, s.admin+"/readyz?verbose", `\[!\] traces: the receiver is down for [^;]*; spans: .* 0 queued \+ [1-9]\d* spooled`)
	s.stop()
}

// What cannot be sent is sent by the next process, and both say so.
func TestSpoolOutlivesTheProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:"+freePort(t))
	s := start(t, nil, "demo", "--spool", dir)
	for range 10 {
		s.get("/users/1")
	}
	waitFor(t, s.admin+"/readyz?verbose", `\[!\] traces: the receiver is down for .* = 0 exported`)
	s.stop()
	expect(t, "standard error", s.stderr.String(), `msg=stopped spans_exported=0 spans_rejected=0 spans_dropped=0 spans_spooled=[1-9]\d* spans_recovered=0 spans_made=[1-9]`)

	b := newBackend(t)
	s = start(t, nil, "demo", "--spool", dir)
	waitFor(t, s.admin+"/readyz?verbose", `\[\+\] traces: the receiver is up; spans: 0 made and (\d+) recovered = [1-9]\d* exported \+ 0 rejected \+ 0 dropped \+ 0 queued \+ 0 spooled`)
	s.stop()
	n := 0
	for _, got := range b.spans {
		if got.Name == "GET /users/{id}" && got.Kind == serverKind {
			n++
		}
	}
	if n != 10 {
		t.Errorf("%d spans of requests arrived, want 10", n)
	}
}

// waitFor asks until the answer is as wanted.
func waitFor(t *testing.T, url, want string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, body := fetch(t, url); regexp.MustCompile(want).MatchString(body) {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("%s says\n%s\nwant %s", url, body, want)
		}
	}
}
