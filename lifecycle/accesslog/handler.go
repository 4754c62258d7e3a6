package accesslog

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// lineHandler is a [slog.Handler] that makes one line of each record, and hands it to a queue:
//
//	[2000-10-10 13:55:36 -0700] [1234] [INFO] message key=value
//
// What cannot be printed is escaped as in Go source, in the message as well: a line is a record, and nothing forges one.
type lineHandler struct {
	queue  *queue
	level  slog.Leveler
	attrs  string // what WithAttrs has added, ready to be written
	prefix string // of the keys, for the groups that are open
}

var _ slog.Handler = (*lineHandler)(nil)

// Enabled implements [slog.Handler].
func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle implements [slog.Handler]. From WARNING on a line is written at once, in case nothing follows it.
func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	at := r.Time
	if at.IsZero() {
		at = time.Now()
	}
	b := at.AppendFormat(make([]byte, 0, 256), "[2006-01-02 15:04:05 -0700] [")
	b = strconv.AppendInt(b, int64(os.Getpid()), 10)
	b = append(append(append(b, "] ["...), levelName(r.Level)...), "] "...)
	if isPrintable(r.Message) {
		b = append(b, r.Message...)
	} else {
		quoted := strconv.Quote(r.Message)
		b = append(b, quoted[1:len(quoted)-1]...)
	}
	b = append(b, h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, h.prefix, a)
		return true
	})
	h.queue.add(0, append(b, '\n'), r.Level >= slog.LevelWarn)
	return nil
}

// WithAttrs implements [slog.Handler].
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	var b []byte
	for _, a := range attrs {
		b = appendAttr(b, h.prefix, a)
	}
	c.attrs += string(b)
	return &c
}

// WithGroup implements [slog.Handler].
func (h *lineHandler) WithGroup(name string) slog.Handler {
	c := *h
	if name != "" {
		c.prefix += name + "."
	}
	return &c
}

// appendAttr writes " key=value", and a group as its parts.
func appendAttr(b []byte, prefix string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, part := range v.Group() {
			b = appendAttr(b, prefix, part)
		}
		return b
	}
	if a.Key == "" && a.Value.Equal(slog.Value{}) {
		return b // an empty attribute is none
	}
	b = appendQuoted(append(b, ' '), prefix+a.Key)
	return appendQuoted(append(b, '='), v.String())
}

// appendQuoted quotes what would not be one word.
func appendQuoted(b []byte, s string) []byte {
	if s != "" && isPrintable(s) && !strings.ContainsAny(s, ` "=`) {
		return append(b, s...)
	}
	return strconv.AppendQuote(b, s)
}

func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// levelNames are the least levels with these names.
var levelNames = []struct {
	from slog.Level
	name string
}{{LevelCritical, "CRITICAL"}, {slog.LevelError, "ERROR"}, {slog.LevelWarn, "WARNING"}, {slog.LevelInfo, "INFO"}}

func levelName(l slog.Level) string {
	for _, n := range levelNames {
		if l >= n.from {
			return n.name
		}
	}
	return "DEBUG"
}

// recordWriter hands each record that a handler writes to a queue, to be written at once: its level is not known.
type recordWriter struct{ queue *queue }

// Write implements [io.Writer].
func (w recordWriter) Write(record []byte) (int, error) {
	w.queue.add(0, record, true)
	return len(record), nil
}

// slogOutput is an Output that gives each line to a logger.
type slogOutput struct{ logger *slog.Logger }

// Write implements [Output].
func (o slogOutput) Write(lines []byte) (int, error) {
	for line := range strings.Lines(string(lines)) {
		o.logger.LogAttrs(context.Background(), slog.LevelInfo, strings.TrimSuffix(line, "\n"))
	}
	return len(lines), nil
}

// Reopen implements [Output].
func (slogOutput) Reopen() error { return nil }

// Close implements [Output].
func (slogOutput) Close() error { return nil }
