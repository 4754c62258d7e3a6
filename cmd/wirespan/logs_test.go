package main

import (
	"encoding/hex"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
)

func TestWhereLogsGo(t *testing.T) {
	const all, exporter, here = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_LOGS_EXPORTER", "http://127.0.0.1:4318"
	for name, c := range map[string]struct {
		flag    string
		env     map[string]string
		otlp    string
		refused string
	}{
		"nothing configured":           {flag: "auto"},
		"endpoint":                     {flag: "auto", env: map[string]string{all: here}},
		"exporter otlp":                {flag: "auto", env: map[string]string{all: here, exporter: "otlp"}, otlp: here + "/v1/logs"},
		"exporter none":                {flag: "auto", env: map[string]string{all: here, exporter: "none"}},
		"exporter, and the flag first": {flag: "none", env: map[string]string{exporter: "otlp"}},
		"otlp":                         {flag: "otlp", otlp: "http://localhost:4318/v1/logs"},
		"switched off":                 {flag: "otlp", env: map[string]string{"OTEL_SDK_DISABLED": "true"}},
		"exporter unknown":             {flag: "auto", env: map[string]string{exporter: "console"}, refused: `OTEL_LOGS_EXPORTER "console" is not allowed: use otlp or none`},
		"protocol unknown":             {flag: "otlp", env: map[string]string{"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "udp"}, refused: `OTEL_EXPORTER_OTLP_LOGS_PROTOCOL "udp" is not allowed`},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parseLogs(c.flag)
			if err != nil {
				t.Fatal(err)
			}
			target, err := o.resolve(variables(c.env))
			if c.refused != "" || err != nil {
				if err == nil || c.refused == "" || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("the error is %v, want %q", err, c.refused)
				}
				return
			}
			got := ""
			if target != nil {
				got = target.String()
			}
			if got != c.otlp {
				t.Errorf("logs go to %q, want %q", got, c.otlp)
			}
		})
	}
	if _, err := parseLogs("console"); err == nil {
		t.Error("--logs console is taken")
	}
}

// record returns the last log record with this text.
func (b *backend) record(t *testing.T, text string) *logspb.LogRecord {
	t.Helper()
	with := b.records(text)
	if len(with) == 0 {
		t.Fatalf("there is no record %q", text)
	}
	return with[len(with)-1]
}

// records returns the log records with this text.
func (b *backend) records(text string) (with []*logspb.LogRecord) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, rl := range b.logs {
		for _, sl := range rl.GetScopeLogs() {
			for _, r := range sl.GetLogRecords() {
				if r.GetBody().GetStringValue() == text {
					with = append(with, r)
				}
			}
		}
	}
	return with
}

func attributeOf(r *logspb.LogRecord, key string) *commonpb.AnyValue {
	for _, a := range r.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue()
		}
	}
	return nil
}

// A record that a handler writes, and one that tells of an event, lead to the span of the request: on standard error by
// their attributes, over OTLP by the fields for it.
func TestLogsLeadToTheirTraces(t *testing.T) {
	b := newBackend(t)
	s := start(t, nil, "proxy", "http://127.0.0.1:"+freePort(t), "--logs", "otlp", "--log-level", "info")
	s.get("/")
	s.raw("GET nonsense HTTP/1.1\r\n\r\n")
	s.stop()
	in := b.one(t, "GET", serverKind, func(s *span) bool { return s.attributes["url.path"] == "/" })
	out := b.one(t, "GET", clientKind, nil)
	connection, _ := in.attributes["wirespan.connection.id"].(int64)
	expect(t, "standard error", s.stderr.String(), `msg="the application did not answer" .*trace_id=`+in.trace()+` span_id=\S+ connection_id=\d+ worker_id=\d`)
	r := b.record(t, "the application did not answer")
	if hex.EncodeToString(r.GetTraceId()) != in.trace() || r.GetSeverityText() != "WARN" {
		t.Errorf("the record is %v", r)
	}
	if id := hex.EncodeToString(r.GetSpanId()); id != in.id() && id != out.id() {
		t.Errorf("the record has the span %s, the request %s", id, in.id())
	}
	if got := attributeOf(r, "connection_id").GetIntValue(); got != connection || got == 0 {
		t.Errorf("the record is of connection %d, the span of %d", got, connection)
	}
	b.record(t, "request failed")
	b.record(t, "stopped")
	if level := attributeOf(b.record(t, "draining"), "timeout"); level == nil {
		t.Error("a record without a request has lost its attributes")
	}
	for _, rl := range b.logs {
		for _, sl := range rl.GetScopeLogs() {
			for _, r := range sl.GetLogRecords() {
				if r.GetSeverityNumber() < logspb.SeverityNumber_SEVERITY_NUMBER_INFO {
					t.Errorf("a record below --log-level was sent: %v", r)
				}
			}
		}
	}
}

// What lifecycle.Logging writes has the ids of the span in its attributes alone.
func TestEventsOverOTLPHaveTheirSpan(t *testing.T) {
	b := newBackend(t)
	s := start(t, map[string]string{"OTEL_LOGS_EXPORTER": "otlp"}, "demo", "--log-level", "debug")
	s.get("/users/42")
	s.stop()
	in := b.one(t, "GET /users/{id}", serverKind, nil)
	r := b.record(t, "response completed")
	if hex.EncodeToString(r.GetTraceId()) != in.trace() || hex.EncodeToString(r.GetSpanId()) != in.id() {
		t.Errorf("the record is %v, the span %s in %s", r, in.id(), in.trace())
	}
}

// A receiver that is away costs the log nothing on standard error, and the end no more than its deadline.
func TestLogsWithoutAReceiver(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:secret@127.0.0.1:"+freePort(t))
	s := start(t, nil, "demo", "--logs", "otlp", "--metrics", "otlp", "--traces", "none", "--flush-timeout", "300ms")
	s.get("/")
	s.stop()
	expect(t, "standard error", s.stderr.String(), `msg=stopped`)
	if strings.Contains(s.stderr.String(), "secret") {
		t.Errorf("standard error tells the password:\n%s", s.stderr)
	}
}
