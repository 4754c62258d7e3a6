package main

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// inOrder checks that text has matches of all patterns, one after the other.
func inOrder(t *testing.T, text string, patterns ...string) {
	t.Helper()
	rest := text
	for _, p := range patterns {
		at := regexp.MustCompile(p).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("there is no match of\n%s\nwhere it should be in\n%s", p, text)
		}
		rest = rest[at[1]:]
	}
}

const endpoint = `127\.0\.0\.1:\d+`

func TestInstrumentPrint(t *testing.T) {
	s := start(t, nil, "demo", "--instrument", "print", "--traces", "none")
	s.get("/users/42?secret=yes")
	s.client.CloseIdleConnections()
	s.stop()
	text := s.stdout.String()
	inOrder(t, text,
		`(?m)^\[ACCEPT\] Waiting for a connection to `+endpoint+`$`,
		`(?m)^\[ACCEPT\] Accepted a connection from `+endpoint+` in \d+\.\d{4}s$`,
		`(?m)^\[QUEUE-PUT\] Item put in queue: connection \d+ \(worker, `,
		`(?m)^\[RECV\] Waiting for data from `+endpoint+`$`,
		`(?m)^\[RECV\] Ready to receive data from `+endpoint+` in \d+\.\d{4}s$`,
		`(?m)^\[RECV-DATA\] Got \d+ bytes$`,
		`(?m)^\[TASK\] Running GET "/users/42`,
		`(?m)^\[TASK\] Completed GET "/users/42`,
		`(?m)^\[SEND\] Starting send to `+endpoint+`$`,
		`(?m)^\[SEND-DATA\] Sent (\d+)/\d+ bytes$`,
		`(?m)^\[SEND\] Completed send to `+endpoint+` in \d+\.\d{4}s$`,
		`(?m)^\[CLOSE\] Connection closed to `+endpoint+` after `,
	)
	if strings.Contains(text, "User-Agent") {
		t.Errorf("it shows what is received:\n%s", text)
	}
}

func TestInstrumentLog(t *testing.T) {
	s := start(t, nil, "demo", "--instrument", "log", "--log-level", "debug")
	s.get("/")
	s.stop()
	inOrder(t, s.stderr.String(),
		`level=DEBUG msg="\[TASK\] Running GET .*" connection_id=\d+ worker_id=\d+\n`,
		`level=DEBUG msg="\[SEND\] Completed send to `+endpoint+` in `)
}

func TestInstrumentOffByDefault(t *testing.T) {
	s := start(t, nil, "demo", "--log-level", "debug")
	s.get("/")
	s.stop()
	if text := s.stdout.String() + s.stderr.String(); strings.Contains(text, "[RECV]") {
		t.Errorf("nobody has asked for\n%s", text)
	}
}

// The connection to the application is one that the hooks of the server are told of.
func TestInstrumentOfAProxy(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	host := regexp.QuoteMeta(strings.TrimPrefix(app.URL, "http://"))
	for _, traces := range []string{"none", "console"} {
		s := start(t, nil, "proxy", app.URL, "--instrument", "print", "--traces", traces)
		s.get("/")
		s.get("/") // over the same connection
		s.stop()
		inOrder(t, s.stdout.String(),
			`\[TASK\] Running`,
			`(?m)^\[CONNECT\] Connecting to `+host+`\.$`,
			`(?m)^\[CONNECT\] Connected to `+host+` in \d+\.\d{4}s via `+endpoint+`$`,
			`\[TASK\] Completed`)
		if n := strings.Count(s.stdout.String(), "[CONNECT] Connecting"); n != 1 {
			t.Errorf("there were %d connections", n)
		}
	}
}

func TestInstrumentOfAProxyToNobody(t *testing.T) {
	port := freePort(t)
	s := start(t, nil, "proxy", "http://127.0.0.1:"+port, "--instrument", "print")
	s.get("/")
	s.stop()
	expect(t, "standard output", s.stdout.String(), `(?m)^\[CONNECT\] Failed to connect to 127\.0\.0\.1:`+port+` in \d+\.\d{4}s: .*connection refused$`)
}

// An application whose certificate nobody trusts.
func TestInstrumentOfAHandshakeThatFails(t *testing.T) {
	app := httptest.NewUnstartedServer(http.NotFoundHandler())
	app.Config.ErrorLog = log.New(io.Discard, "", 0) // it will be told that it is not trusted
	app.StartTLS()
	t.Cleanup(app.Close)
	host := regexp.QuoteMeta(strings.TrimPrefix(app.URL, "https://"))
	s := start(t, nil, "proxy", app.URL, "--instrument", "print")
	s.get("/")
	s.stop()
	inOrder(t, s.stdout.String(),
		`(?m)^\[TLS\] Starting handshake with `+host+`$`,
		`(?m)^\[TLS\] Handshake with `+host+` failed in \d+\.\d{4}s: .*certificate`)
}

// The demonstration calls itself: the handshake is told from both sides.
func TestInstrumentOfTLS(t *testing.T) {
	certFile, keyFile := writeCertificate(t, t.TempDir())
	s := start(t, nil, "demo", "--tls-cert", certFile, "--tls-key", keyFile, "--instrument", "print")
	transport := s.client.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{RootCAs: roots(t, certFile)}
	if _, body := s.get("/chain"); !strings.Contains(body, `"id":"42"`) {
		t.Errorf("body %q", body)
	}
	s.stop()
	inOrder(t, s.stdout.String(), `\[TASK\] Running GET "/chain"`, `\[CONNECT\] Connected to `, `\[TASK\] Completed GET "/users/42"`)
	const complete = "[TLS] Handshake complete in "
	if n := strings.Count(s.stdout.String(), complete); n != 3 { // of the test, and of the demonstration from both sides
		t.Errorf("%d handshakes were complete:\n%s", n, s.stdout)
	}
	expect(t, "standard output", s.stdout.String(), `(?m)^\[TLS\] Handshake complete in \d+\.\d{4}s: TLSv1\.3, TLS_`)
}
