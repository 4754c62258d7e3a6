package otelcollector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"testing"
	"testing/slogtest"

	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

func TestLogHandlerIsAHandler(t *testing.T) {
	var text bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		text.Reset()
		return otelcollector.NewLogHandler(slog.NewJSONHandler(&text, nil))
	}, func(t *testing.T) map[string]any { return parsed(t, &text) })
}

func parsed(t *testing.T, text *bytes.Buffer) (record map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text.Bytes(), &record); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return record
}

// inSpan returns a context with a span of trace 1.
func inSpan(remote bool) context.Context {
	return trace.ContextWithSpanContext(context.Background(),
		trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 2}, Remote: remote}))
}

func onConnection(ctx context.Context) context.Context {
	return context.WithValue(ctx, lifecycle.StampKey{}, lifecycle.Stamp{ConnectionID: 3, WorkerID: 4})
}

func TestLogHandlerAddsWhatTheContextKnows(t *testing.T) {
	const traceID, spanID = "00000000000000000000000000000001", "0000000000000002"
	for name, c := range map[string]struct {
		ctx  context.Context
		want map[string]any
	}{
		"nothing":              {context.Background(), nil},
		"a span":               {inSpan(false), map[string]any{"trace_id": traceID, "span_id": spanID}},
		"the span of a caller": {inSpan(true), map[string]any{"trace_id": traceID}},
		"a connection":         {onConnection(context.Background()), map[string]any{"connection_id": 3.0, "worker_id": 4.0}},
		"both": {onConnection(inSpan(false)), map[string]any{
			"trace_id": traceID, "span_id": spanID, "connection_id": 3.0, "worker_id": 4.0,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			log := slog.New(otelcollector.NewLogHandler(slog.NewJSONHandler(&text, nil))).With("a", 1.0)
			for groups, log := range []*slog.Logger{log, log.WithGroup("g").With("b", 2.0).WithGroup("h")} {
				text.Reset()
				log.InfoContext(c.ctx, "message", "c", 3.0)
				record := parsed(t, &text)
				for _, key := range []string{"trace_id", "span_id", "connection_id", "worker_id"} {
					if record[key] != c.want[key] {
						t.Errorf("%s is %v in %s, want %v", key, record[key], &text, c.want[key])
					}
				}
				inner := record
				if groups > 0 {
					g, _ := record["g"].(map[string]any)
					if g["b"] != 2.0 {
						t.Errorf("the group is %v", g)
					}
					inner, _ = g["h"].(map[string]any)
				}
				if record["a"] != 1.0 || inner["c"] != 3.0 {
					t.Errorf("the record is %s", &text)
				}
			}
		})
	}
}

// A record that is not wanted costs nothing, and none is changed for another handler.
func TestLogHandlerLeavesRecordsAlone(t *testing.T) {
	h := otelcollector.NewLogHandler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if h.Enabled(t.Context(), slog.LevelInfo) || !h.Enabled(t.Context(), slog.LevelWarn) {
		t.Error("Enabled does not ask the handler behind")
	}
	var r slog.Record
	for i := range 8 { // more than fit into a record itself
		r.AddAttrs(slog.Int("n", i))
	}
	ctx := onConnection(inSpan(false))
	for range 2 {
		if err := h.Handle(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "n" {
			t.Errorf("the record has got %v", a)
		}
		return true
	})
}
