package lifecycle

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Format is how a logger writes its records.
type Format int

// The formats: one record is one line in both.
const (
	// JSON, the zero value, writes one object a line.
	JSON Format = iota
	// Text writes key=value pairs.
	Text
)

// String returns the name that [ParseFormat] takes.
func (f Format) String() string {
	switch f {
	case JSON:
		return "json"
	case Text:
		return "text"
	}
	return fmt.Sprintf("Format(%d)", int(f))
}

// ParseFormat returns the format with this name: json or text.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "json":
		return JSON, nil
	case "text":
		return Text, nil
	}
	return 0, fmt.Errorf("log format %q is not known: allowed are json and text", name)
}

// NewLogger returns a logger that writes records of at least this level to w, with their time in UTC.
// A nil level is INFO. Each record is one call of w.Write, and the calls never overlap.
func NewLogger(w io.Writer, format Format, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: utc}
	if format == Text {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

// utc turns the record's own time to UTC.
func utc(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().In(time.UTC))
	}
	return a
}
