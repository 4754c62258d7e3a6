package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// settings asks the admin port for the settings in force.
func (s *served) settings() map[string]any {
	s.t.Helper()
	status, body := fetch(s.t, s.admin+"/settings")
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); status != http.StatusOK || err != nil {
		s.t.Fatalf("/settings answers %d %q: %v", status, body, err)
	}
	return object
}

// patch changes settings by the admin port.
func (s *served) patch(body string, change ...func(*http.Request)) (status int, answer string) {
	s.t.Helper()
	r := request(s.t, http.MethodPatch, s.admin+"/settings", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, f := range change {
		f(r)
	}
	resp, answer := s.do(r)
	return resp.StatusCode, answer
}

var settingFlags = []string{
	"--sampler", "always_off", "--keep-errors", "--keep-slower-than", "1h", "--ignore-paths", "/healthz, /internal/*",
	"--capture-request-headers", "X-A", "--capture-response-headers", "Content-Type", "--sensitive-query-parameters", "token",
}

func TestSettingsOfFlags(t *testing.T) {
	s := start(t, nil, append([]string{"demo"}, settingFlags...)...)
	want := map[string]any{
		"sampler": "always_off", "keep_errors": true, "keep_slower_than": "1h0m0s", "ignore_paths": []any{"/healthz", "/internal/*"},
		"capture_request_headers": []any{"X-A"}, "capture_response_headers": []any{"Content-Type"}, "sensitive_query_parameters": []any{"token"},
	}
	if got := s.settings(); !reflect.DeepEqual(got, want) {
		t.Errorf("the settings are %v, want %v", got, want)
	}
	// What it answers, it takes.
	_, body := fetch(t, s.admin+"/settings")
	if status, answer := s.patch(body); status != http.StatusOK || answer != body {
		t.Errorf("answered %d\n%s\nwant\n%s", status, answer, body)
	}
}

func TestSettingsByDefault(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
	s := start(t, nil, "demo", "--sensitive-query-parameters=")
	want := map[string]any{
		"sampler": "traceidratio=0.25", "keep_errors": false, "keep_slower_than": "0s", "ignore_paths": []any{},
		"capture_request_headers": []any{}, "capture_response_headers": []any{}, "sensitive_query_parameters": []any{},
	}
	if got := s.settings(); !reflect.DeepEqual(got, want) {
		t.Errorf("the settings are %v, want %v", got, want)
	}
}

// From one request to the next, the flags and the changes decide what its span is.
func TestSettingsAtWork(t *testing.T) {
	b := newBackend(t)
	s := start(t, nil, append([]string{"demo"}, settingFlags...)...)
	s.get("/status/500?token=secret&sig=1")
	s.get("/users/1") // comes after the outcome of the one before it
	if status, answer := s.patch(`{"sampler": "always_on", "keep_errors": false, "ignore_paths": ["/chain"]}`); status != http.StatusOK {
		t.Fatalf("answered %d %q", status, answer)
	}
	s.get("/chain") // which calls /users/42
	s.get("/help")
	s.stop()
	expect(t, "standard error", s.stderr.String(), `msg="the settings were changed by the admin port" client=127\.0\.0\.1:`)
	failed := b.one(t, "GET /status/{code}", serverKind, nil)
	if failed.attributes["wirespan.sampling.reason"] != "error" || failed.attributes["url.query"] != "token=REDACTED&sig=1" {
		t.Errorf("the failed request has %v", failed.attributes)
	}
	if got := failed.list("http.response.header.content-type"); !reflect.DeepEqual(got, []string{"text/plain; charset=utf-8"}) {
		t.Errorf("the Content-Type is %q", got)
	}
	b.one(t, "GET /help", serverKind, func(s *span) bool { return s.attributes["wirespan.sampling.reason"] == nil })
	b.one(t, "GET /users/{id}", serverKind, func(s *span) bool { return s.parent() == "" }) // of the chain that is ignored
	for _, span := range b.spans {
		if span.Kind == clientKind || span.attributes["url.path"] == "/users/1" || span.attributes["url.path"] == "/chain" {
			t.Errorf("there is a span %q of %v", span.Name, span.attributes["url.path"])
		}
	}
}

// Headers are captured whoever answers and whichever engine serves.
func TestCapturedHeaders(t *testing.T) {
	for _, engine := range []string{"auto", "goroutine"} {
		for path, name := range map[string]string{"/sync": "GET", "/echo": "GET /echo"} {
			b := newBackend(t)
			s := start(t, nil, "demo", "--engine", engine, "--capture-request-headers", "X-A,X-None", "--capture-response-headers", "content-type,date")
			r := request(t, http.MethodGet, s.url+path, nil)
			r.Header["X-A"] = []string{"1", "2"}
			resp, _ := s.do(r)
			s.stop()
			span := b.one(t, name, serverKind, nil)
			for key, want := range map[string][]string{
				"http.request.header.x-a": {"1", "2"}, "http.request.header.x-none": nil,
				"http.response.header.date": resp.Header["Date"], "http.response.header.content-type": resp.Header["Content-Type"],
			} {
				if got := span.list(key); !reflect.DeepEqual(got, want) {
					t.Errorf("%s of %s by %s is %q, want %q", key, path, engine, got, want)
				}
			}
		}
	}
}

// A proxy passes an ignored request on as it came: the application's span belongs to its caller.
func TestProxyIgnores(t *testing.T) {
	b := newBackend(t)
	header := make(chan http.Header, 1)
	app := application(t, func(_ http.ResponseWriter, r *http.Request) { header <- r.Header })
	s := start(t, nil, "proxy", app.URL, "--ignore-paths", "/healthz", "--sensitive-query-parameters", "token")
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r := request(t, http.MethodGet, s.url+"/healthz", nil)
	r.Header.Set("Traceparent", parent)
	s.do(r)
	if got := (<-header).Get("Traceparent"); got != parent {
		t.Errorf("the application gets traceparent %q, want %q", got, parent)
	}
	s.get("/healthz")
	if got := (<-header).Get("Traceparent"); got != "" {
		t.Errorf("the application gets traceparent %q, want none", got)
	}
	s.get("/?token=secret&sig=1")
	<-header
	s.stop()
	if out := b.one(t, "GET", clientKind, nil); out.attributes["url.full"] != app.URL+"/?token=REDACTED&sig=1" {
		t.Errorf("url.full is %v", out.attributes["url.full"])
	}
	b.one(t, "GET", serverKind, nil)
}

func TestSettingsThatThePortRefuses(t *testing.T) {
	s := start(t, nil, "demo")
	before := s.settings()
	as := func(contentType string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Type", contentType) }
	}
	for _, c := range []struct {
		body   string
		change func(*http.Request)
		status int
		says   string
	}{
		{`{"keep_errors": true}`, as("text/plain"), 415, "Content-Type has to be application/json"},
		{`{"keep_errors": true}`, as(""), 415, "application/json"},
		{`{"keep_errors": true}`, as("application/x-www-form-urlencoded"), 415, "application/json"},
		{`{"keep_errors": true}`, func(r *http.Request) { r.Host = "rebound.example" }, 403, "under the name localhost"},
		{`{"keep_errors": true}`, func(r *http.Request) { r.Method = http.MethodPost }, 405, ""},
		{`{"keep_errors": tru}`, nil, 400, "not a JSON object such as {\"keep_errors\": true}: invalid character"},
		{`{"keep_errors": true} more`, nil, 400, "not a JSON object"},
		{``, nil, 400, "not a JSON object"},
		{`[]`, nil, 400, "not a JSON object"},
		{`null`, nil, 400, "not a JSON object"},
		{`{"keep_error": true}`, nil, 400, `"keep_error" is not a setting: use sampler, keep_errors, `},
		{`{"keep_errors": "yes"}`, nil, 400, `keep_errors "yes" is not allowed: use true or false`},
		{`{"keep_errors": null}`, nil, 400, `keep_errors null is not allowed: use true or false`},
		{`{"keep_errors": true, "keep_slower_than": 5}`, nil, 400, `keep_slower_than 5 is not allowed: use text such as "500ms"`},
		{`{"keep_slower_than": "5"}`, nil, 400, `keep_slower_than "5" is not allowed: use a duration such as 500ms`},
		{`{"sampler": "sometimes"}`, nil, 400, `sampler "sometimes" is not allowed: use always_on, `},
		{`{"ignore_paths": "/a"}`, nil, 400, `use a list of texts`},
		{`{"ignore_paths": ["/a", "b"]}`, nil, 400, `use a path such as /healthz`},
		{`{"capture_request_headers": ["a b"]}`, nil, 400, `use the name of a header field`},
		{`{"sensitive_query_parameters": [1]}`, nil, 400, `use a list of texts`},
		{`{"sampler": "` + strings.Repeat("x", maxSettings) + `"}`, nil, 413, `at most 65536 bytes`},
	} {
		change := []func(*http.Request){c.change}
		if c.change == nil {
			change = nil
		}
		status, answer := s.patch(c.body, change...)
		if status != c.status || !strings.Contains(answer, c.says) || strings.Count(answer, "\n") > 1 {
			t.Errorf("%.80s is answered %d %q, want %d %q", c.body, status, answer, c.status, c.says)
		}
	}
	if after := s.settings(); !reflect.DeepEqual(after, before) {
		t.Errorf("the settings have become %v, from %v", after, before)
	}
}

func TestSettingsWithoutTraces(t *testing.T) {
	file := settingsFile(t, `{"keep_errors": true}`)
	s := start(t, nil, "demo", "--traces", "none", "--settings", file)
	for _, method := range []string{http.MethodGet, http.MethodPatch} {
		resp, body := s.do(request(t, method, s.admin+"/settings", nil))
		if resp.StatusCode != http.StatusConflict || body != "There are no settings: no traces are made.\n" {
			t.Errorf("%s is answered %d %q", method, resp.StatusCode, body)
		}
	}
	s.hangups <- syscall.SIGHUP
	s.stderr.await(t, `msg="there is nothing to reread: no traces are made`)
}

func settingsFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "settings.json")
	write(t, name, text)
	return name
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The file beats the flags, what the file no longer says is left to them again, and a file that makes no sense changes nothing.
func TestHangup(t *testing.T) {
	file := settingsFile(t, `{"sampler": "traceidratio=0.5", "ignore_paths": ["/a"]}`)
	s := start(t, nil, "demo", "--settings", file, "--sampler", "always_off", "--keep-errors")
	check := func(sampler string, keepErrors bool, ignored ...any) {
		t.Helper()
		got := s.settings()
		if got["sampler"] != sampler || got["keep_errors"] != keepErrors || !reflect.DeepEqual(got["ignore_paths"], append([]any{}, ignored...)) {
			t.Errorf("the settings are %v", got)
		}
	}
	check("traceidratio=0.5", true, "/a")

	s.patch(`{"sampler": "always_on"}`)
	check("always_on", true, "/a")

	write(t, file, `{"keep_errors": false}`)
	s.hangups <- syscall.SIGHUP
	s.stderr.await(t, `msg="the settings were read again" file=`)
	check("always_off", false)

	for text, why := range map[string]string{
		`{"keep_errors": 1}`: `keep_errors 1 is not allowed: use true or false`,
		`{`:                  `not a JSON object`,
	} {
		write(t, file, text)
		s.hangups <- syscall.SIGHUP
		s.stderr.await(t, `level=WARN msg="the settings stay as they were: .*`+why)
		check("always_off", false)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.hangups <- syscall.SIGHUP
	s.stderr.await(t, `level=WARN msg="the settings stay as they were: .*`+filepath.Base(file)+`.*no such file`)
	check("always_off", false)
	if n := strings.Count(s.stderr.String(), "level=WARN"); n != 3 {
		t.Errorf("%d warnings, want one for each file that makes no sense:\n%s", n, s.stderr)
	}
}

// The signal itself, sent to a process: it neither ends it nor counts as the second that ends a drain.
func TestHangupOfAProcess(t *testing.T) {
	cmd, _, stderr := process(t, nil, "demo", "--addr", "127.0.0.1:0", "--admin", "off")
	stderr.await(t, `serving +(\S+)`)
	for range 2 {
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		stderr.await(t, `msg="there is nothing to reread: the server was started without a settings file \(--settings\)"`)
	}
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		if err := cmd.Process.Signal(sig); err != nil && sig == syscall.SIGTERM {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v:\n%s", err, stderr)
	}
}

func TestSettingsFileThatMakesNoSense(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.json")
	failsToStart(t, []string{"demo", "--addr", "127.0.0.1:0", "--admin", "off", "--settings", missing}, missing, "--settings", "does not exist")
	file := settingsFile(t, `{"keep-errors": true}`)
	failsToStart(t, []string{"demo", "--addr", "127.0.0.1:0", "--admin", "off", "--settings", file}, file, "--settings", `"keep-errors" is not a setting`)
	write(t, file, `{"ignore_paths": ["healthz"]}`)
	failsToStart(t, []string{"demo", "--addr", "127.0.0.1:0", "--admin", "off", "--traces", "none", "--settings", file}, file, "use a path such as /healthz")
}
