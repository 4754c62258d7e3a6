// Package otlpenv checks what the official OTLP exporters read from the environment.
package otlpenv

import (
	"net/url"
	"strings"
)

// WrongHeader returns which entry of the value of OTEL_EXPORTER_OTLP_HEADERS, from 1, is not key=value with a percent-encoded
// value that a header field can have (OpenTelemetry specification, OTLP exporter configuration); 0 when all are. The exporters leave
// such an entry out, and write it to the log, though it may hold a secret.
func WrongHeader(list string) (entry int) {
	for e := range strings.SplitSeq(list, ",") {
		entry++
		if strings.TrimSpace(e) != "" && !isHeader(e) {
			return entry
		}
	}
	return 0
}

func isHeader(entry string) bool {
	name, value, ok := strings.Cut(entry, "=")
	value, err := url.PathUnescape(value)
	return ok && err == nil && isToken(strings.TrimSpace(name)) && !strings.ContainsFunc(value, isControl)
}

// isToken reports whether s may be the name of a field (RFC 9110, 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// isControl reports whether r may not be in the value of a field (RFC 9110, 5.5).
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
