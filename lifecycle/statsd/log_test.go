package statsd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// logged returns the lines that use makes a logger send, and what it writes. The handler behind wants only errors.
func logged(t *testing.T, o statsd.HandlerOptions, use func(*slog.Logger)) (lines []string, text string) {
	t.Helper()
	var n network
	c := newClient(t, statsd.Options{Dial: n.dial, FlushEvery: lateFlush})
	var b bytes.Buffer
	next := slog.NewTextHandler(&b, &slog.HandlerOptions{
		Level: slog.LevelError,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
	use(slog.New(statsd.NewHandler(next, c, o)))
	flush(t, c)
	if packets := n.take(); len(packets) > 0 {
		lines = strings.Split(all(packets), "\n")
	}
	slices.Sort(lines)
	return lines, b.String()
}

// Row H71: the level of a record counts, also when nobody writes the record.
func TestLevels(t *testing.T) {
	panicked := fmt.Errorf("serve: %w", &lifecycle.PanicError{Value: "oops"})
	for _, c := range []struct {
		name  string
		use   func(*slog.Logger)
		lines []string
		text  string
	}{
		{"debug", func(l *slog.Logger) { l.Debug("m") }, nil, ""},
		{"info", func(l *slog.Logger) { l.Info("m") }, nil, ""},
		{"warning", func(l *slog.Logger) { l.Warn("m") }, []string{"hypercorn.log.warning:1|c|@1.0"}, ""},
		{"error", func(l *slog.Logger) { l.Error("m", "err", errDown) }, []string{"hypercorn.log.error:1|c|@1.0"}, "level=ERROR msg=m err=\"network is down\"\n"},
		{
			"critical", func(l *slog.Logger) { l.Log(t.Context(), statsd.LevelCritical, "m") },
			[]string{"hypercorn.log.critical:1|c|@1.0"},
			"level=ERROR+4 msg=m\n",
		},
		{
			"exception", func(l *slog.Logger) { l.Error("m", "exception", "oops") },
			[]string{"hypercorn.log.exception:1|c|@1.0"},
			"level=ERROR msg=m exception=oops\n",
		},
		{
			"exception as OpenTelemetry has it", func(l *slog.Logger) { l.Error("m", "exception.type", "oops") },
			[]string{"hypercorn.log.exception:1|c|@1.0"},
			"level=ERROR msg=m exception.type=oops\n",
		},
		{
			"a handler that panicked", func(l *slog.Logger) { l.Error("m", "err", panicked) },
			[]string{"hypercorn.log.exception:1|c|@1.0"},
			"level=ERROR msg=m err=\"serve: panic: oops\"\n",
		},
		{
			"an exception of the logger's", func(l *slog.Logger) { l.With("exception", "oops").Error("m") },
			[]string{"hypercorn.log.exception:1|c|@1.0"},
			"level=ERROR msg=m exception=oops\n",
		},
		{"a warning with an exception", func(l *slog.Logger) { l.Warn("m", "exception", "oops") }, []string{"hypercorn.log.warning:1|c|@1.0"}, ""},
	} {
		t.Run("H71 "+c.name, func(t *testing.T) {
			lines, text := logged(t, statsd.HandlerOptions{}, c.use)
			wantLines(t, lines, c.lines...)
			if text != c.text {
				t.Errorf("wrote %q, want %q", text, c.text)
			}
		})
	}
}

// Row H72: a record that carries a metric.
func TestMetricsOfRecords(t *testing.T) {
	for _, c := range []struct {
		name  string
		use   func(*slog.Logger)
		lines []string
		text  string
	}{
		{"gauge", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", 3, "mtype", "gauge") }, []string{"a:3|g"}, ""},
		{"counter", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", 3, "mtype", "counter") }, []string{"a:3|c|@1.0"}, ""},
		{"histogram", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", 2.5, "mtype", "histogram") }, []string{"a:2.5|ms"}, ""},
		{"timer", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", 2.5, "mtype", "timer") }, []string{"a:2.5|ms"}, ""},
		{"timer of a duration", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", 2500*time.Microsecond, "mtype", "timer") }, []string{"a:2.5|ms"}, ""},
		{"a value of 0", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", 0, "mtype", "gauge") }, []string{"a:0|g"}, ""},
		{"an unsigned value", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", uint(3), "mtype", "gauge") }, []string{"a:3|g"}, ""},
		{"without a message", func(l *slog.Logger) { l.Error("", "metric", "a", "value", 3, "mtype", "gauge") }, []string{"a:3|g", "hypercorn.log.error:1|c|@1.0"}, ""},
		{
			"and with a message", func(l *slog.Logger) { l.Error("m", "metric", "a", "value", 3, "mtype", "gauge") },
			[]string{"a:3|g", "hypercorn.log.error:1|c|@1.0"},
			"level=ERROR msg=m metric=a value=3 mtype=gauge\n",
		},
		{"an attribute of the logger's", func(l *slog.Logger) { l.With("metric", "a", "mtype", "counter").Info("m", "value", 1) }, []string{"a:1|c|@1.0"}, ""},
		{"no value", func(l *slog.Logger) { l.Info("m", "metric", "a", "mtype", "gauge") }, nil, ""},
		{"no type", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", 3) }, nil, ""},
		{"in a group", func(l *slog.Logger) { l.WithGroup("g").Info("m", "metric", "a", "value", 3, "mtype", "gauge") }, nil, ""},
		{"of an unknown type", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", 3, "mtype", "set") }, nil, ""},
		{"of no number", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", "3|c\nb:1", "mtype", "gauge") }, nil, ""},
		{"half a count", func(l *slog.Logger) { l.Info("m", "metric", "a", "value", 0.5, "mtype", "counter") }, nil, ""},
		{"nothing to say and no metric", func(l *slog.Logger) { l.Error("") }, []string{"hypercorn.log.error:1|c|@1.0"}, "level=ERROR msg=\"\"\n"},
		{"debug is not looked at unless told to", func(l *slog.Logger) { l.Debug("", "metric", "a", "value", 3, "mtype", "gauge") }, nil, ""},
	} {
		t.Run("H72 "+c.name, func(t *testing.T) {
			lines, text := logged(t, statsd.HandlerOptions{}, c.use)
			wantLines(t, lines, c.lines...)
			if text != c.text {
				t.Errorf("wrote %q, want %q", text, c.text)
			}
		})
	}
	t.Run("H72 at DEBUG", func(t *testing.T) {
		lines, text := logged(t, statsd.HandlerOptions{Level: slog.LevelDebug}, func(l *slog.Logger) {
			l.Debug("m", "metric", "a", "value", 3, "mtype", "gauge")
		})
		wantLines(t, lines, "a:3|g")
		if text != "" {
			t.Errorf("wrote %q, which its handler does not want", text)
		}
	})
}

// A Handler keeps the rules of slog's, in front of one that does.
func TestHandlerKeepsTheRules(t *testing.T) {
	var n network
	c := newClient(t, statsd.Options{Dial: n.dial})
	var b bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		b.Reset()
		return statsd.NewHandler(slog.NewJSONHandler(&b, nil), c, statsd.HandlerOptions{})
	}, func(t *testing.T) map[string]any { return jsonObject(t, b.Bytes()) })
}

func TestHandlerReturnsTheErrorOfTheOther(t *testing.T) {
	var n network
	c := newClient(t, statsd.Options{Dial: n.dial})
	failing := handlerFunc(func(context.Context, slog.Record) error { return errDown })
	err := statsd.NewHandler(failing, c, statsd.HandlerOptions{}).Handle(t.Context(), slog.Record{Message: "m"})
	if !errors.Is(err, errDown) {
		t.Errorf("returned %v", err)
	}
}

func jsonObject(t *testing.T, text []byte) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	return object
}
