package lifecycle_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// logged returns what a Logging writes about events, a map for each line.
func logged(t *testing.T, o lifecycle.LoggingOptions, events ...lifecycle.Event) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	l := lifecycle.NewLogging(lifecycle.NewLogger(&out, lifecycle.JSON, slog.LevelDebug), o)
	for _, e := range events {
		l.Record(e)
	}
	var lines []map[string]any
	for line := range bytes.Lines(out.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		lines = append(lines, m)
	}
	return lines
}

// TestLoggingFields has a row for each event: its level and all the fields of its line.
func TestLoggingFields(t *testing.T) {
	everyEvent := map[string]any{"connection_id": 7.0, "worker_id": 3.0}
	peers := map[string]any{"client_addr": "203.0.113.5", "client_port": 50123.0, "server_addr": "192.0.2.1", "server_port": 8080.0}
	request := map[string]any{
		"method": "GET", "path": "/users/42?x=1", "http_version": "1.1",
		"request_id": "0192f6c1-6f0e-7abc-8def-0123456789ab",
		"trace_id":   "01000000000000000000000000000000", "span_id": "0200000000000000",
	}
	outcome := join(request, map[string]any{
		"route": "/users/{id}", "status": 200.0, "bytes_sent": 12.0, "duration_ms": 1.234, "streaming": true,
	})
	type fields = map[string]any
	rows := map[string]struct {
		level, msg string
		fields     map[string]any
	}{
		"ConnectionOpened":   {"DEBUG", "connection opened", join(peers, fields{"protocol": "h1"})},
		"RequestStarted":     {"DEBUG", "request started", request},
		"StreamOpened":       {"DEBUG", "stream opened", request},
		"StreamClosed":       {"DEBUG", "stream closed", join(request, fields{"duration_ms": 1000.0, "reason": "complete"})},
		"ResponseCompleted":  {"DEBUG", "response completed", outcome},
		"RequestFailed":      {"WARN", "request failed", join(outcome, fields{"code": "handler_panic", "error": "cause"})},
		"ClientDisconnected": {"WARN", "client disconnected", join(outcome, fields{"during_streaming": true, "error": "cause"})},
		"ConnectionCompleted": {"DEBUG", "connection completed", fields{
			"requests_served": 2.0, "total_bytes_sent": 24.0, "duration_ms": 1000.0, "reason": "timeout",
		}},
		"ConnectionRejected": {"WARN", "connection rejected", join(peers, fields{"status": 503.0, "code": "server_draining"})},
		"TLSHandshakeFailed": {"WARN", "TLS handshake failed", join(peers, fields{"error": "cause"})},
	}
	for _, e := range samples(unchanged) {
		t.Run(e.Name(), func(t *testing.T) {
			lines := logged(t, lifecycle.LoggingOptions{}, e)
			if len(lines) != 1 {
				t.Fatalf("%d lines, want one", len(lines))
			}
			got := lines[0]
			at := lifecycle.WallTime(e.When().TimestampNS).UTC().Format(time.RFC3339Nano)
			row := rows[e.Name()]
			want := join(everyEvent, row.fields, fields{
				"event": e.Name(), "level": row.level, "msg": row.msg, "time": at, "timestamp": at,
			})
			if !reflect.DeepEqual(got, want) {
				t.Errorf("logged\n%v\nwant\n%v", got, want)
			}
		})
	}
}

func join(all ...map[string]any) map[string]any {
	joined := map[string]any{}
	for _, m := range all {
		maps.Copy(joined, m)
	}
	return joined
}

func TestLoggingLevels(t *testing.T) {
	response := func(d time.Duration, streaming bool) lifecycle.Event {
		return &lifecycle.ResponseCompleted{Outcome: lifecycle.Outcome{Request: &lifecycle.Request{}, Duration: d, Streaming: streaming}}
	}
	closed := func(why lifecycle.Reason) lifecycle.Event {
		return &lifecycle.StreamClosed{Request: &lifecycle.Request{}, Reason: why}
	}
	const never = -1
	for _, c := range []struct {
		name      string
		threshold time.Duration
		e         lifecycle.Event
		level     string
		slow      any
	}{
		{"just under the default", 0, response(5*time.Second-1, false), "DEBUG", nil},
		{"the default", 0, response(5*time.Second, false), "INFO", true},
		{"a stream is never slow", 0, response(time.Hour, true), "DEBUG", nil},
		{"under a threshold", time.Second, response(time.Second-1, false), "DEBUG", nil},
		{"at a threshold", time.Second, response(time.Second, false), "INFO", true},
		{"no threshold", never, response(time.Hour, false), "DEBUG", nil},
		{"a stream that ends", 0, closed(lifecycle.ReasonComplete), "DEBUG", nil},
		{"a stream whose client goes", 0, closed(lifecycle.ReasonClientDisconnect), "DEBUG", nil},
		{"a drained stream", 0, closed(lifecycle.ReasonDrain), "INFO", nil},
		{"a drained connection", 0, &lifecycle.ConnectionCompleted{Reason: lifecycle.ReasonDrain}, "DEBUG", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := logged(t, lifecycle.LoggingOptions{SlowThreshold: c.threshold}, c.e)
			if len(lines) != 1 || lines[0]["level"] != c.level || lines[0]["slow"] != c.slow {
				t.Errorf("logged %v, want %s, slow %v", lines, c.level, c.slow)
			}
		})
	}
}

func TestLoggingLeavesOutTheHealthCheck(t *testing.T) {
	request := func(target string) *lifecycle.Request { return &lifecycle.Request{Index: 1, Target: target} }
	about := func(target string) []lifecycle.Event {
		o := lifecycle.Outcome{Request: request(target), Duration: time.Minute}
		return []lifecycle.Event{
			&lifecycle.RequestStarted{Request: request(target)},
			&lifecycle.ResponseCompleted{Outcome: o},
			&lifecycle.RequestFailed{Outcome: o, Code: "handler_panic"},
			&lifecycle.ClientDisconnected{Outcome: o},
		}
	}
	for _, c := range []struct {
		path, target string
		want         []string
	}{
		{"/healthz", "/healthz", []string{"RequestFailed", "ClientDisconnected"}},
		{"/healthz", "/healthz?full=1", []string{"RequestFailed", "ClientDisconnected"}},
		{"/healthz", "/healthz/db", []string{"RequestStarted", "ResponseCompleted", "RequestFailed", "ClientDisconnected"}},
		{"/healthz", "/?/healthz", []string{"RequestStarted", "ResponseCompleted", "RequestFailed", "ClientDisconnected"}},
		{"", "", []string{"RequestStarted", "ResponseCompleted", "RequestFailed", "ClientDisconnected"}},
	} {
		var got []string
		for _, line := range logged(t, lifecycle.LoggingOptions{HealthCheckPath: c.path}, about(c.target)...) {
			got = append(got, line["event"].(string))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("path %q, target %q: logged %v, want %v", c.path, c.target, got, c.want)
		}
	}
}

// TestLoggingOfPartialEvents: what is not known is left out, and what is empty does no harm.
func TestLoggingOfPartialEvents(t *testing.T) {
	lines := logged(t, lifecycle.LoggingOptions{},
		&lifecycle.RequestFailed{Outcome: lifecycle.Outcome{Request: &lifecycle.Request{}, Status: 400}, Code: "invalid_request_line"},
		&lifecycle.ClientDisconnected{},
	)
	for _, line := range lines {
		for _, name := range []string{"request_id", "trace_id", "span_id", "error", "route", "streaming", "slow"} {
			if v, ok := line[name]; ok {
				t.Errorf("%s has %s %v", line["event"], name, v)
			}
		}
	}
	if len(lines) != 2 || lines[0]["status"] != 400.0 {
		t.Errorf("logged %v", lines)
	}
}

// keeper is a slog.Handler that keeps its records, as one that exports them in batches does.
type keeper struct{ records []slog.Record }

func (*keeper) Enabled(context.Context, slog.Level) bool { return true }

func (k *keeper) Handle(_ context.Context, r slog.Record) error {
	k.records = append(k.records, r)
	return errors.New("nobody to tell")
}

func (k *keeper) WithAttrs([]slog.Attr) slog.Handler { return k }

func (k *keeper) WithGroup(string) slog.Handler { return k }

// TestLoggingHandsOutNothingBorrowed overwrites the events once they were recorded.
func TestLoggingHandsOutNothingBorrowed(t *testing.T) {
	var k keeper
	l := lifecycle.NewLogging(slog.New(&k), lifecycle.LoggingOptions{})
	memory := newBacking()
	for _, e := range samples(memory.view) {
		l.Record(e)
		reflect.ValueOf(e).Elem().SetZero()
	}
	memory.overwrite()
	for _, r := range k.records {
		r.Attrs(func(a slog.Attr) bool {
			if strings.Contains(a.Value.String(), "#") {
				t.Errorf("%s: %v changed with the event", r.Message, a)
			}
			return true
		})
	}
	if len(k.records) != len(samples(unchanged)) {
		t.Errorf("%d records", len(k.records))
	}
}

func TestLoggingText(t *testing.T) {
	var out strings.Builder
	l := lifecycle.NewLogging(lifecycle.NewLogger(&out, lifecycle.Text, slog.LevelDebug), lifecycle.LoggingOptions{})
	l.Record(&lifecycle.RequestStarted{
		Stamp:   lifecycle.Stamp{ConnectionID: 7, TimestampNS: lifecycle.MonotonicNS()},
		Request: &lifecycle.Request{Method: "GET", Target: "/a\nlevel=ERROR msg=forged", HTTPVersion: "1.1"},
	})
	got := out.String()
	for _, want := range []string{"level=DEBUG", `msg="request started"`, "event=RequestStarted", "connection_id=7", `path="/a\nlevel=ERROR msg=forged"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if strings.Count(got, "\n") != 1 {
		t.Errorf("one event is one line, not %q", got)
	}
}

func TestLoggingAsksForTheLevelFirst(t *testing.T) {
	l := lifecycle.NewLogging(lifecycle.NewLogger(new(failingWriter), lifecycle.JSON, slog.LevelError),
		lifecycle.LoggingOptions{HealthCheckPath: "/healthz"})
	for _, e := range samples(unchanged) {
		if n := testing.AllocsPerRun(100, func() { l.Record(e) }); n != 0 {
			t.Errorf("%s: %v allocations although nobody wants it", e.Name(), n)
		}
	}
}

type failingWriter struct{}

func (*failingWriter) Write([]byte) (int, error) { panic("nothing should be written") }

func TestLoggingToTheDefaultLogger(t *testing.T) {
	var out strings.Builder
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(lifecycle.NewLogger(&out, lifecycle.JSON, slog.LevelDebug))
	lifecycle.NewLogging(nil, lifecycle.LoggingOptions{}).Record(&lifecycle.ConnectionCompleted{})
	if !strings.Contains(out.String(), `"event":"ConnectionCompleted"`) {
		t.Errorf("logged %q", out.String())
	}
}

func TestNewLogger(t *testing.T) {
	var out strings.Builder
	logger := lifecycle.NewLogger(&out, lifecycle.JSON, nil)
	logger.Debug("too fine")
	if out.Len() != 0 {
		t.Errorf("without a level DEBUG is logged: %q", out.String())
	}
	east := time.Date(2026, 3, 29, 12, 0, 0, 0, time.FixedZone("east", 2*60*60))
	r := slog.NewRecord(east, slog.LevelInfo, "message", 0)
	r.AddAttrs(slog.Group("group", slog.Time(slog.TimeKey, east)))
	if err := logger.Handler().Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	want := `{"time":"2026-03-29T10:00:00Z","level":"INFO","msg":"message","group":{"time":"2026-03-29T12:00:00+02:00"}}` + "\n"
	if out.String() != want {
		t.Errorf("logged %q, want %q", out.String(), want)
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range []lifecycle.Format{lifecycle.JSON, lifecycle.Text} {
		if got, err := lifecycle.ParseFormat(f.String()); got != f || err != nil {
			t.Errorf("ParseFormat(%q) is %v, %v", f, got, err)
		}
	}
	_, err := lifecycle.ParseFormat("xml")
	if want := `log format "xml" is not known: allowed are json and text`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if got := lifecycle.Format(9).String(); got != "Format(9)" {
		t.Errorf("an unknown format is called %q", got)
	}
}

func BenchmarkLogging(b *testing.B) {
	e := samples(unchanged)[4]
	for name, level := range map[string]slog.Level{"disabled": slog.LevelError, "json": slog.LevelDebug} {
		b.Run(name, func(b *testing.B) {
			l := lifecycle.NewLogging(lifecycle.NewLogger(discard{}, lifecycle.JSON, level), lifecycle.LoggingOptions{})
			b.ReportAllocs()
			for b.Loop() {
				l.Record(e)
			}
		})
	}
}

// discard is not io.Discard, which slog knows and writes nothing to.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
