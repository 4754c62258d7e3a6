package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
)

// banner is what a server tells when it is up.
type banner struct {
	command string // "demo"
	what    string // "the directory /srv/www"
	url     string
	hint    string // what to try first; may be empty
	admin   net.Addr
	traces  destination
	metrics metricDestination
}

// write tells it in a few lines, or in one record where records are wanted.
func (b *banner) write(w io.Writer, log *slog.Logger, asRecord bool) {
	if asRecord {
		log.Info("serving", "version", versionOf().String(), "command", b.command, "what", b.what,
			"url", b.url, "admin", b.adminURL(), "traces", b.traces.String(),
			"metrics", b.metrics.describe(b.adminURL()))
		return
	}
	var text strings.Builder
	fmt.Fprintf(&text, "wirespan %s\n", versionOf())
	fmt.Fprintf(&text, "  serving  %s (%s)\n", b.url, b.what)
	if b.hint != "" {
		fmt.Fprintf(&text, "  try      %s\n", b.hint)
	}
	fmt.Fprintf(&text, "  admin    %s\n", b.adminURL())
	fmt.Fprintf(&text, "  traces   %s\n", b.traces)
	fmt.Fprintf(&text, "  metrics  %s\n", b.metrics.describe(b.adminURL()))
	io.WriteString(w, text.String())
}

func (b *banner) adminURL() string {
	if b.admin == nil {
		return off
	}
	return baseURL("http", b.admin)
}

// String says in words where traces go.
func (d destination) String() string {
	var s string
	switch {
	case !d.made:
		s = "none: " + d.why
	case d.otlp != nil && d.otlp.configured():
		s = fmt.Sprintf("%s (%s)", d.otlp, d.otlp.protocol)
	case d.otlp != nil:
		s = fmt.Sprintf("%s (%s, the default: OTEL_EXPORTER_OTLP_ENDPOINT is not set)", d.otlp, d.otlp.protocol)
	case d.missing:
		s = "not sent, for no OTLP endpoint is configured: set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"
	default:
		s = "not sent, for --traces does not name otlp"
	}
	if d.console {
		s += "; one line a request on standard output"
	}
	return s
}
