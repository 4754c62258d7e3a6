package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// awaitFile returns the first submatch of pattern as soon as it is in the file.
func awaitFile(t *testing.T, name, pattern string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(name)
		if m := regexp.MustCompile(pattern).FindSubmatch(text); m != nil {
			return string(m[len(m)-1])
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q did not come into %s (%v); there is:\n%s", pattern, name, err, text)
		}
	}
}

func TestAccessLog(t *testing.T) {
	const at = `\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]`
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, `^127\.0\.0\.1 - ann ` + at + ` "GET /status/404\?a=b HTTP/1\.1" 404 \d+ "from" "me"\n$`},
		{[]string{"--access-log-format", "common"}, `^127\.0\.0\.1 - ann ` + at + ` "GET /status/404\?a=b HTTP/1\.1" 404 \d+\n$`},
		{[]string{"--access-log-format", "combined"}, `404 \d+ "from" "me"\n$`},
		{[]string{"--access-log-format", "json"}, `^\{"timestamp":"[^"]+","client_addr":"127\.0\.0\.1","user":"ann",.*"status":404,.*"route":"/status/\{code\}"|"status":404,`},
		{[]string{"--access-log-format", "%(m)s %(U)s %({user-agent}i)s%%"}, `^GET /status/404 me%\n$`},
		{[]string{"--access-log-dialect", "hypercorn"}, `^127\.0\.0\.1:\d+ - - ` + at + ` "GET /status/404 1\.1" 404 `},
		{[]string{"--access-log-dialect", "gunicorn", "--access-log-format", "%(p)s %(R)s"}, `^<\d+> -\n$`},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "access.log")
			s := start(t, nil, append([]string{"demo", "--access-log", file}, c.args...)...)
			r := request(t, http.MethodGet, s.url+"/status/404?a=b", nil)
			r.Header.Set("User-Agent", "me")
			r.Header.Set("Referer", "from")
			r.SetBasicAuth("ann", "secret")
			s.do(r)
			s.stop()
			expect(t, "the access log", readFile(t, file), c.want)
			expect(t, "standard error", s.stderr.String(), `msg=stopped .*access_lines_written=1 access_lines_dropped=0 `)
		})
	}
}

// The lines of health checks that went well are left out, as their records are.
func TestAccessLogToStandardOutput(t *testing.T) {
	s := start(t, nil, "demo", "--workers", "1", "--access-log", "-", "--access-log-format", "%(m)s %(U)s %(s)s", "--health-check-path", "/help")
	s.get("/help?a")
	s.raw("GET /help HTTP/1.1\r\n\r\n") // without a Host
	s.get("/")
	s.stop()
	if got := s.stdout.String(); got != "GET /help 400\nGET / 200\n" {
		t.Errorf("standard output is %q", got)
	}
}

func TestAccessLogToSyslog(t *testing.T) {
	receiver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	socket := filepath.Join(t.TempDir(), "log")
	local, err := net.ListenPacket("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	for target, receiver := range map[string]net.PacketConn{"udp://" + receiver.LocalAddr().String(): receiver, "unix:" + socket: local} {
		s := start(t, nil, "demo", "--access-log", target, "--access-log-format", "%(r)s")
		s.get("/")
		s.stop()
		message := make([]byte, 4096)
		receiver.SetReadDeadline(time.Now().Add(patience))
		n, _, err := receiver.ReadFrom(message)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "the message", string(message[:n]), `^<14>1 .* wirespan \d+ access - GET / HTTP/1\.1\n?$`)
	}
}

func TestLogsThatCannotBeOpened(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", "log")
	for _, flag := range []string{"access-log", "error-log"} {
		failsToStart(t, []string{"demo", "--addr", "127.0.0.1:0", "--admin", "off", "--" + flag, missing}, missing, "--"+flag, "the directory "+filepath.Dir(missing)+" does not exist")
		code, _, stderr := once(t, map[string]string{variable(flag): missing}, "demo", "--addr", "127.0.0.1:0", "--admin", "off")
		if code != exitFailed {
			t.Errorf("exit code %d, want %d", code, exitFailed)
		}
		oneSentence(t, stderr, missing, variable(flag), "does not exist")
	}
}

// A disk that takes nothing fails no request and does not hold up the end; what it costs is told.
func TestAccessLogOnAFullDisk(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip("this system has no device that is always full:", err)
	}
	s := start(t, nil, "demo", "--access-log", full, "--flush-timeout", "100ms")
	s.get("/")
	waitFor(t, s.admin+"/readyz?verbose", `\[!\] access log: /dev/full cannot be written just now \(.*no space left on device\); lines: 0 written \+ 0 dropped`)
	if resp, body := s.get("/"); resp.StatusCode != http.StatusOK || body != greeting {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	s.stop()
	expect(t, "standard error", s.stderr.String(), `msg="the access log cannot be written; lines wait" error=.*no space`)
	expect(t, "standard error", s.stderr.String(), `msg="not all telemetry was sent" error=.*close the access log: `)
}
