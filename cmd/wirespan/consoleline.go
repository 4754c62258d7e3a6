package main

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wirespan/wirespan/lifecycle"
)

// The widths of a line's columns, in characters, and its length in bytes at the most.
const (
	methodWidth   = 7
	routeWidth    = 24
	maxRoute      = 60
	durationWidth = 6
	maxLine       = 1024
)

const (
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	plain  = "\x1b[0m"
)

// appendLine appends what there is to see of an ended request:
//
//	GET     /users/{id}              200  1.24ms  idle 12.3ms  head 12.0µs  queue 3.10µs  handler 1.20ms  write 20.0µs  conn 3 #2  4bf92f3577b34da6a3ce929d0e0e4736
func appendLine(dst []byte, e lifecycle.Event, colours bool) []byte {
	o := lifecycle.OutcomeOf(e)
	l := line{dst, colours}
	l.column(or(o.Method, "-"), methodWidth, maxRoute)
	l.column(routeOrPath(o), routeWidth, maxRoute)
	l.colour(statusColour(e, o.Status))
	if o.Status == 0 {
		l.text("---")
	} else {
		l.b = strconv.AppendInt(l.b, int64(o.Status), 10)
	}
	l.colour(plain)
	l.text("  ")
	l.b = appendDuration(l.b, o.Duration)
	l.phase("idle", o.Phases.Idle())
	l.phase("head", o.Phases.Head())
	l.phase("queue", o.Phases.Queue())
	l.phase("handler", o.Phases.Handler())
	l.phase("write", o.Phases.Write())
	l.text("  ")
	l.label("conn ")
	l.b = strconv.AppendUint(l.b, e.When().ConnectionID, 10)
	l.text(" #")
	l.b = strconv.AppendInt(l.b, int64(o.Index), 10)
	if o.Trace.IsValid() {
		l.text("  ")
		l.b = hex.AppendEncode(l.b, o.Trace.TraceID[:])
	}
	if why := ending(e); why != "" {
		l.text("  ")
		l.colour(red)
		l.b = appendPrintable(l.b, why, maxRoute)
		l.colour(plain)
	}
	return append(l.b, '\n')
}

// line is a line under construction.
type line struct {
	b       []byte
	colours bool
}

func (l *line) text(s string) { l.b = append(l.b, s...) }

func (l *line) colour(c string) {
	if l.colours {
		l.b = append(l.b, c...)
	}
}

func (l *line) label(s string) {
	l.colour(dim)
	l.text(s)
	l.colour(plain)
}

// column appends text of a stranger, filled up to width, and a space.
func (l *line) column(s string, width, most int) {
	start := len(l.b)
	l.b = appendPrintable(l.b, s, most)
	for range width - utf8.RuneCount(l.b[start:]) {
		l.text(" ")
	}
	l.text(" ")
}

func (l *line) phase(name string, d time.Duration) {
	l.text("  ")
	l.label(name)
	l.text(" ")
	l.b = appendDuration(l.b, d)
}

// routeOrPath returns the route, or else the path: never the query, which may hold secrets.
func routeOrPath(o *lifecycle.Outcome) string {
	if o.Route != "" {
		return o.Route
	}
	path, _, _ := strings.Cut(o.Target, "?")
	return or(path, "-")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// ending says how a request ended, when it was not with a whole response.
func ending(e lifecycle.Event) string {
	switch e := e.(type) {
	case *lifecycle.RequestFailed:
		return e.Code
	case *lifecycle.ClientDisconnected:
		return "the client left"
	}
	return ""
}

func statusColour(e lifecycle.Event, status int) string {
	switch {
	case ending(e) != "" || status >= 500:
		return red
	case status >= 400:
		return yellow
	case status >= 300:
		return cyan
	}
	return green
}

// appendDuration appends d with three digits and a unit, aligned to the right; a dash for zero.
func appendDuration(dst []byte, d time.Duration) []byte {
	var room [32]byte
	text := room[:0]
	switch {
	case d <= 0:
		text = append(text, '-')
	case d < 999500*time.Nanosecond:
		text = append(threeDigits(text, float64(d)/float64(time.Microsecond)), "µs"...)
	case d < 999500*time.Microsecond:
		text = append(threeDigits(text, float64(d)/float64(time.Millisecond)), "ms"...)
	case d < 1000*time.Second:
		text = append(threeDigits(text, d.Seconds()), 's')
	default:
		text = append(text, d.Round(time.Second).String()...)
	}
	for range durationWidth - utf8.RuneCount(text) {
		dst = append(dst, ' ')
	}
	return append(dst, text...)
}

func threeDigits(dst []byte, v float64) []byte {
	digits := 2
	switch {
	case v >= 99.95:
		digits = 0
	case v >= 9.995:
		digits = 1
	}
	return strconv.AppendFloat(dst, v, 'f', digits, 64)
}
