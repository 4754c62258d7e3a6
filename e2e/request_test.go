package e2e_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/sink"
)

func TestRequestBecomesASpan(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		for _, compression := range []string{"none", "gzip"} {
			t.Run(protocol+" "+compression, func(t *testing.T) {
				t.Parallel()
				w := shared.get(t).start(t, protocol, t.Name(), []string{
					"OTEL_EXPORTER_OTLP_COMPRESSION=" + compression,
					"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=e2e",
				}, "demo")
				before := time.Now()
				if body := w.get(t, 200, "/?q=a%20b&sig=secret", "--user-agent", "e2e/1"); body != "Hello, World!" {
					t.Errorf("body %q", body)
				}
				after := time.Now()
				s := w.request(t, "/")
				checkRequest(t, w, s)
				// The wall clock of a span is anchored once a second.
				if s.Start().Before(before.Add(-time.Second)) || s.End().After(after.Add(time.Second)) {
					t.Errorf("from %v to %v, and the request was made between %v and %v", s.Start(), s.End(), before, after)
				}
			})
		}
	}
}

func checkRequest(t *testing.T, w *wirespan, s *sink.Span) {
	t.Helper()
	host, port := w.address(t)
	portNumber, err := strconv.ParseInt(port, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "GET /" || s.ParentID() != "" {
		t.Errorf("name %q and parent %q, want GET / and none", s.Name, s.ParentID())
	}
	checkUnset(t, s)
	checkAttrs(t, s, map[string]any{
		"http.request.method":               "GET",
		"http.request.method_original":      absent{},
		"http.response.status_code":         int64(200),
		"http.route":                        "/",
		"url.path":                          "/",
		"url.query":                         "q=a%20b&sig=REDACTED",
		"url.scheme":                        "http",
		"server.address":                    host,
		"server.port":                       portNumber,
		"client.address":                    "127.0.0.1",
		"network.peer.address":              "127.0.0.1",
		"network.protocol.version":          "1.1",
		"user_agent.original":               "e2e/1",
		"wirespan.connection.request_index": int64(1),
		"wirespan.request.streaming":        absent{},
	})
	for _, key := range []string{"wirespan.connection.id", "wirespan.worker.id", "wirespan.timestamp_ns"} {
		if _, ok := s.Attrs[key].(int64); !ok {
			t.Errorf("%s = %v", key, s.Attrs[key])
		}
	}
	for key, want := range map[string]any{
		"service.name":                w.service,
		"telemetry.sdk.language":      "go",
		"deployment.environment.name": "e2e",
	} {
		if s.Resource[key] != want {
			t.Errorf("resource attribute %s = %v, want %v", key, s.Resource[key], want)
		}
	}
	if s.Resource["service.instance.id"] == nil || s.Scope == "" {
		t.Errorf("resource %v, scope %q", s.Resource, s.Scope)
	}
}

func TestPhasesAddUp(t *testing.T) {
	t.Parallel()
	w := demo(t)
	w.get(t, 200, "/slow?ms=20")
	s := w.request(t, "/slow")
	seconds := func(phase string) float64 {
		d, ok := s.Attrs["wirespan.request."+phase+".duration"].(float64)
		if !ok || d < 0 {
			t.Errorf("phase %s: %v", phase, s.Attrs["wirespan.request."+phase+".duration"])
		}
		return d
	}
	if d := seconds("handler"); d < 0.020 {
		t.Errorf("the handler took %v s, and it waits for 20 ms", d)
	}
	seconds("idle")
	total := s.End().Sub(s.Start()).Seconds()
	parts := seconds("head") + seconds("queue") + seconds("handler") + seconds("write")
	if difference := total - parts; difference < -1e-6 || difference > 1e-6 {
		t.Errorf("the phases add up to %v s, and the span is %v s long: %v", parts, total, s)
	}
}

// The route is known only after the handler has been chosen, and the span must have it all the same.
func TestRouteAndChildSpan(t *testing.T) {
	t.Parallel()
	w := demo(t)
	if body := w.get(t, 200, "/users/42"); !strings.Contains(body, `"42"`) {
		t.Errorf("body %q", body)
	}
	s := w.request(t, "/users/42")
	if s.Name != "GET /users/{id}" {
		t.Errorf("name %q", s.Name)
	}
	checkAttrs(t, s, map[string]any{"http.route": "/users/{id}", "url.query": absent{}})
	child := w.child(t, s, "load user")
	checkAttrs(t, child, map[string]any{"user.id": "42"})
	if child.Start().Before(s.Start()) || child.End().After(s.End()) {
		t.Errorf("the child is from %v to %v, its parent from %v to %v", child.Start(), child.End(), s.Start(), s.End())
	}
	if child.Resource["service.instance.id"] != s.Resource["service.instance.id"] {
		t.Errorf("the child has another resource: %v, %v", child.Resource, s.Resource)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	w := demo(t)
	for status, errorType := range map[int]string{204: "", 302: "", 404: "", 500: "500", 503: "503"} {
		path := "/status/" + strconv.Itoa(status)
		w.get(t, status, path)
		s := w.request(t, path)
		if errorType == "" {
			checkUnset(t, s)
		} else {
			checkFailed(t, s, errorType)
		}
		checkAttrs(t, s, map[string]any{"http.response.status_code": int64(status), "http.route": "/status/{code}"})
	}
	w.get(t, 404, "/nowhere")
	s := w.request(t, "/nowhere")
	checkUnset(t, s)
	if s.Name != "GET" {
		t.Errorf("name %q of a request without a route", s.Name)
	}
	checkAttrs(t, s, map[string]any{"http.route": absent{}})
}

func TestMethods(t *testing.T) {
	t.Parallel()
	w := demo(t)
	w.get(t, 200, "/echo", "--request", "FROB", "--data", "x")
	s := w.request(t, "/echo")
	if s.Name != "HTTP /echo" {
		t.Errorf("name %q", s.Name)
	}
	checkAttrs(t, s, map[string]any{"http.request.method": "_OTHER", "http.request.method_original": "FROB"})

	w.get(t, 200, "/sync", "--head", "--http1.0")
	s = w.request(t, "/sync")
	checkAttrs(t, s, map[string]any{"http.request.method": "HEAD", "network.protocol.version": "1.0"})

	upload := strings.Repeat("0123456789abcdef", 64<<10)
	file := writeFile(t, "upload", upload)
	w.get(t, 200, "/upload", "--data-binary", "@"+file)
	s = w.request(t, "/upload")
	checkUnset(t, s)
	checkAttrs(t, s, map[string]any{"http.request.method": "POST", "http.request.body.size": int64(len(upload))})
}

func TestSyncHandler(t *testing.T) {
	t.Parallel()
	w := demo(t)
	if body := w.get(t, 200, "/sync"); body != "Hello, World!" {
		t.Errorf("body %q", body)
	}
	s := w.request(t, "/sync")
	checkUnset(t, s)
	checkAttrs(t, s, map[string]any{"http.response.status_code": int64(200), "http.response.body.size": int64(len("Hello, World!"))})
}

// What a client claims about where it comes from is believed only of proxies that are trusted.
func TestForwardedFor(t *testing.T) {
	t.Parallel()
	claim := []string{"--header", "X-Forwarded-For: 203.0.113.9", "--header", "X-Forwarded-Proto: https"}
	for name, c := range map[string]struct {
		args            []string
		address, scheme string
	}{
		"stranger": {nil, "127.0.0.1", "http"},
		"proxy":    {[]string{"--trusted-proxies", "127.0.0.0/8"}, "203.0.113.9", "https"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := demo(t, c.args...)
			w.get(t, 200, "/sync", claim...)
			checkAttrs(t, w.request(t, "/sync"), map[string]any{
				"client.address":       c.address,
				"url.scheme":           c.scheme,
				"network.peer.address": "127.0.0.1",
			})
		})
	}
}
