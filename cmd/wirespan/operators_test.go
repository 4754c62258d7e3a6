package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// identity is what a span, a record of the log and an access line call a request.
type identity struct {
	Trace      string `json:"trace_id"`
	Span       string `json:"span_id"`
	Connection int64  `json:"connection_id"`
	Worker     int64  `json:"worker_id"`
}

// intOf returns an attribute that is a whole number.
func (s *span) intOf(t *testing.T, key string) int64 {
	t.Helper()
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.GetIntValue()
		}
	}
	t.Errorf("the span has no %s", key)
	return 0
}

// With everything switched on, a request is called the same everywhere, and each count agrees.
func TestOneRequestEverywhere(t *testing.T) {
	b := newBackend(t)
	dir := t.TempDir()
	access, log := filepath.Join(dir, "access.log"), filepath.Join(dir, "error.log")
	metrics := listenPackets(t, "udp", "127.0.0.1:0")
	s := start(t, nil, "demo", "--workers", "2", "--traces", "otlp,console", "--metrics", "otlp,prometheus", "--logs", "otlp",
		"--instrument", "log", "--request-id", "--rate-limit", "100/s", "--max-requests", "100",
		"--access-log", access, "--access-log-format", "json", "--error-log", log, "--log-format", "text", "--log-level", "debug",
		"--statsd", metrics.LocalAddr().String(), "--statistics-interval", "1h", "--statistics-store", filepath.Join(dir, "statistics.json"))
	s.get("/users/42")
	s.get("/users/43")
	s.stop()

	recorded := map[string]bool{} // over OTLP
	for _, r := range b.records("response completed") {
		recorded[fmt.Sprintf("%x %x %d %d", r.GetTraceId(), r.GetSpanId(), attributeOf(r, "connection_id").GetIntValue(), attributeOf(r, "worker_id").GetIntValue())] = true
	}
	for i, line := range strings.Split(strings.TrimSpace(readFile(t, access)), "\n") {
		var got identity
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(line, err)
		}
		path := fmt.Sprintf("/users/%d", 42+i)
		span := b.one(t, "GET /users/{id}", serverKind, func(s *span) bool { return s.attributes["url.path"] == path })
		want := identity{span.trace(), span.id(), span.intOf(t, "wirespan.connection.id"), span.intOf(t, "wirespan.worker.id")}
		if got != want || got.Connection == 0 {
			t.Errorf("%s is %+v in its line and %+v in its span", path, got, want)
		}
		expect(t, "the error log", readFile(t, log), fmt.Sprintf(`\] \[DEBUG\] response completed event=ResponseCompleted connection_id=%d worker_id=%d .*trace_id=%s span_id=%s`,
			got.Connection, got.Worker, got.Trace, got.Span))
		expect(t, "the error log", readFile(t, log), fmt.Sprintf(`\[DEBUG\] \[TASK\] Completed GET "%s" .* connection_id=%d worker_id=%d\n`,
			path, got.Connection, got.Worker))
		if !recorded[fmt.Sprintf("%s %s %d %d", got.Trace, got.Span, got.Connection, got.Worker)] {
			t.Errorf("%s is %+v in its line, and the records are %v", path, got, recorded)
		}
		expect(t, "standard output", s.stdout.String(), fmt.Sprintf(`conn %d #%d  %s\n`, got.Connection, i+1, got.Trace))
	}
	expect(t, "the error log", readFile(t, log), `\] \[INFO\] stopped spans_exported=[3-9]\d* spans_rejected=0 spans_dropped=0 .*`+
		`access_lines_written=2 access_lines_dropped=0 statistics_saved=true statsd_lines_sent=\d+ statsd_lines_dropped=0 `)
	if m, _ := b.metric(t, "http.server.request.duration"); m.GetHistogram().GetDataPoints()[0].GetCount() != 2 {
		t.Errorf("the metric is %v", m)
	}
	if got := statsdLines(t, metrics, readFile(t, log)); got["hypercorn.requests:1|c"] != 2 || got["hypercorn.request.status.200:1|c"] != 2 {
		t.Errorf("StatsD was told %v", got)
	}
	again := start(t, nil, "demo", "--statistics-store", filepath.Join(dir, "statistics.json"))
	again.awaitFinished(2)
}
