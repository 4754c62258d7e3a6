package main

import (
	"strings"
	"testing"
)

// Each refusal is one sentence with the name that the user gave, the value, and what is allowed; exit code 2.
func TestSettingsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct{ flag, value, allowed string }{
		{"addr", "8080", "host:port"},
		{"addr", "localhost:http", "port from 0 to 65535"},
		{"addr", "127.0.0.1:65536", "port from 0 to 65535"},
		{"addr", "127.0.0.1:-1", "port from 0 to 65535"},
		{"addr", "unix:", "unix:/run/wirespan.sock"},
		{"addr", "systemd:", "systemd for all sockets"},
		{"addr", "system", "systemd or systemd:NAME"},
		{"accept", "fair", "reuseport or distribute"},
		{"share-port", "perhaps", "true or false"},
		{"server-timing", "perhaps", "true or false"},
		{"traceresponse", "perhaps", "true or false"},
		{"request-id", "perhaps", "true or false"},
		{"admin", "yes", "or off"},
		{"admin", "systemd", "or off"},
		{"workers", "many", "from 1 to 1024"},
		{"workers", "-1", "from 1 to 1024"},
		{"workers", "1025", "from 1 to 1024"},
		{"engine", "kqueue", "auto, epoll or goroutine"},
		{"log-level", "verbose", "debug, info, warn or error"},
		{"log-format", "xml", "text or json"},
		{"traces", "jaeger", "auto, otlp, console, none"},
		{"traces", "otlp,none", "auto, otlp, console, none"},
		{"trusted-proxies", "10.0.0.0/33", "10.0.0.0/8,192.0.2.7"},
		{"trusted-proxies", "example.org", "10.0.0.0/8,192.0.2.7"},
		{"health-check-path", "healthz", "begins with a slash"},
		{"rate-limit", "100", "such as 100/s, 600/m or 100/s,burst=200"},
		{"rate-limit", "0/s", "such as 100/s"},
		{"rate-limit", "-1/s", "such as 100/s"},
		{"rate-limit", "1.5/s", "such as 100/s"},
		{"rate-limit", "100/d", "such as 100/s"},
		{"rate-limit", "100/s,200", "such as 100/s"},
		{"rate-limit", "100/s,burst=0", "such as 100/s"},
		{"rate-limit", "100/s,burst=", "such as 100/s"},
		{"max-requests", "many", "a whole number up to 2147483647"},
		{"max-connections", "-1", "a whole number up to 2147483647"},
		{"max-blocked-handlers", "2147483648", "a whole number up to 2147483647"},
		{"sampler", "sometimes", "parentbased_traceidratio=RATIO"},
		{"sampler", "traceidratio=2", "a ratio from 0 to 1"},
		{"keep-errors", "perhaps", "true or false"},
		{"keep-slower-than", "5", "a duration such as 500ms"},
		{"keep-slower-than", "-1s", "a duration such as 500ms"},
		{"ignore-paths", "/a,healthz", "a path such as /healthz"},
		{"ignore-paths", "/a,", "a path such as /healthz"},
		{"capture-request-headers", "X-A,X B", "the name of a header field"},
		{"capture-response-headers", "Content-Type:", "the name of a header field"},
		{"sensitive-query-parameters", "token=", "the name of a query parameter"},
		{"instrument", "yes", "print, log or off"},
		{"access-log", "ftp://127.0.0.1", "the path of a file, -, or udp://host:port"},
		{"access-log", "unix:", "unix:/path for syslog"},
		{"access-log", "udp://127.0.0.1:0", "the path of a file, -, or udp://host:port"},
		{"access-log-dialect", "apache", "seed, hypercorn or gunicorn"},
		{"error-log", "ftp://127.0.0.1", "the path of a file, -, or udp://host:port"},
		{"statsd", "127.0.0.1:99999", "host:port, such as 127.0.0.1:8125"},
		{"statsd", "unix:", "unix:/path of a datagram socket"},
		{"statsd-tags", "env:prod,", "tags with commas between them"},
		{"statistics-interval", "5", "a duration such as 1m"},
		{"statistics-interval", "-1s", "a duration such as 1m"},
		{"statistics-store", "http://127.0.0.1", "redis://user:password@host:port/db"},
		{"statistics-store", "redis://127.0.0.1/zero", "redis://user:password@host:port/db"},
		{"drain-timeout", "30", "duration above zero"},
		{"drain-timeout", "0s", "duration above zero"},
		{"flush-timeout", "-1s", "duration above zero"},
	} {
		t.Run(c.flag+"="+c.value, func(t *testing.T) {
			code, _, stderr := once(t, nil, "demo", "--"+c.flag+"="+c.value)
			refused(t, code, stderr, "--"+c.flag, c.value, c.allowed)

			code, _, stderr = once(t, map[string]string{variable(c.flag): c.value}, "demo")
			refused(t, code, stderr, variable(c.flag), c.value, c.allowed)
		})
	}
}

func refused(t *testing.T, code int, stderr string, parts ...string) {
	t.Helper()
	if code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	oneSentence(t, stderr, parts...)
}

func oneSentence(t *testing.T, stderr string, parts ...string) {
	t.Helper()
	if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "wirespan: ") || strings.Contains(stderr, "goroutine ") {
		t.Errorf("not one sentence: %q", stderr)
	}
	for _, p := range parts {
		if !strings.Contains(stderr, p) {
			t.Errorf("%q does not say %q", stderr, p)
		}
	}
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		args string
		says []string
	}{
		{"sereve", []string{`"sereve"`, "serve, proxy, demo, check or version"}},
		{"serve", []string{"wirespan serve DIR"}},
		{"serve a b", []string{`"b"`, "wirespan serve DIR"}},
		{"serve . --hidden=perhaps", []string{"--hidden", `"perhaps"`, "true or false"}},
		{"proxy", []string{"wirespan proxy URL"}},
		{"proxy localhost:3000", []string{`"localhost:3000"`, "http://host:port"}},
		{"proxy ftp://127.0.0.1", []string{`"ftp://127.0.0.1"`, "http://host:port"}},
		{"proxy http://user:secret@", []string{"REDACTED", "http://host:port"}},
		{"proxy http://127.0.0.1/?a=b", []string{"without a query"}},
		{"proxy http://127.0.0.1 --host-header=both", []string{"--host-header", `"both"`, "auto, client or upstream"}},
		{"demo --share-port --addr unix:/run/wirespan.sock", []string{"--share-port", `--addr "unix:/run/wirespan.sock"`, "host:port"}},
		{"demo --share-port --addr systemd", []string{"--share-port", `--addr "systemd"`, "host:port"}},
		{"demo --port 80", []string{"--port", "wirespan demo --help"}},
		{"demo -p 80", []string{"-p", "wirespan demo --help"}},
		{"demo --addr", []string{"--addr needs a value"}},
		{"demo --access-log-format json", []string{"--access-log-format needs an access log: give --access-log (WIRESPAN_ACCESS_LOG) too"}},
		{"demo --access-log-dialect gunicorn", []string{"--access-log-dialect needs an access log"}},
		{"demo --statsd-prefix a", []string{"--statsd-prefix needs a StatsD server: give --statsd (WIRESPAN_STATSD) too"}},
		{"demo --statsd-tags a", []string{"--statsd-tags needs a StatsD server"}},
		{"demo --statistics-key a", []string{"--statistics-key needs a store: give --statistics-store (WIRESPAN_STATISTICS_STORE) too"}},
		{"demo --statistics-store redis://a:secret@127.0.0.1/zero", []string{"--statistics-store", "redis://REDACTED@127.0.0.1/zero"}},
		{"demo --access-log - --access-log-format %(h)s_%(zz)s", []string{"--access-log-format", "at byte 6: unknown atom \"zz\": allowed are"}},
		{"demo --access-log - --access-log-format combine", []string{"--access-log-format", `"combine"`, "common, combined, json"}},
		{"demo --access-log - --access-log-format {\"a\":%(h)s", []string{"--access-log-format", "one JSON object"}},
		{"demo --tls-cert a.pem", []string{`--tls-cert "a.pem"`, "--tls-key"}},
		{"demo --tls-key a.pem", []string{`--tls-key "a.pem"`, "--tls-cert"}},
		{"demo --instrument log", []string{"--instrument", `"log"`, "--log-level debug"}},
		{"check --timeout=soon", []string{"--timeout", `"soon"`, "duration"}},
		{"version --json=2", []string{"--json", `"2"`, "true or false"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, _, stderr := once(t, nil, strings.Fields(c.args)...)
			refused(t, code, stderr, c.says...)
			if strings.Contains(stderr, "secret") {
				t.Errorf("it tells the password: %q", stderr)
			}
		})
	}
}

func TestPairOfFilesNamesTheVariable(t *testing.T) {
	code, _, stderr := once(t, map[string]string{"WIRESPAN_TLS_CERT": "a.pem"}, "demo")
	refused(t, code, stderr, `WIRESPAN_TLS_CERT "a.pem"`, "--tls-key")
}

func TestVariablesOfOpenTelemetryThatMakeNoSense(t *testing.T) {
	for name, c := range map[string]struct{ value, allowed string }{
		"OTEL_EXPORTER_OTLP_ENDPOINT":        {"localhost:4318", "http://127.0.0.1:4318"},
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": {"http://", "http://127.0.0.1:4318"},
		"OTEL_EXPORTER_OTLP_PROTOCOL":        {"thrift", "http/protobuf or grpc"},
		"OTEL_TRACES_EXPORTER":               {"zipkin", "otlp, console, none"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := once(t, map[string]string{name: c.value}, "demo")
			refused(t, code, stderr, name, c.value, c.allowed)
		})
	}
}

func TestFlagBeatsVariable(t *testing.T) {
	env := map[string]string{"WIRESPAN_LOG_FORMAT": "json", "WIRESPAN_ADMIN": "off", "WIRESPAN_HEALTH_CHECK_PATH": ""}
	s := start(t, env, "demo", "--log-format", "text")
	if _, body := s.get("/"); body != greeting {
		t.Errorf("body %q", body)
	}
	expect(t, "standard error", s.stderr.String(), `(?m)^wirespan `)
}

func TestVariableBeatsDefault(t *testing.T) {
	a := &app{env: variables(map[string]string{"WIRESPAN_JSON": "true"}), stdout: newOutput(), stderr: newOutput(), isTerminal: isTerminal}
	if code := a.run([]string{"version"}); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	expect(t, "standard output", a.stdout.(*output).String(), `"version": `)
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"help"}, {"demo", "--help"}} {
		code, stdout, stderr := once(t, nil, args...)
		if code != exitOK || stderr != "" {
			t.Errorf("%q: exit code %d, standard error %q", args, code, stderr)
		}
		expect(t, "help", stdout, `Usage:`)
	}
}
