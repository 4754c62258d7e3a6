package otelcollector

import (
	"time"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// checkSlow checks [Settings.KeepSlowerThan].
func checkSlow(d time.Duration) error {
	if d < 0 {
		return &SettingError{"KeepSlowerThan", d.String(), "a duration above zero, or 0 to keep no slow requests"}
	}
	return nil
}

// keeps reports whether a request may be exported although it was not sampled: then its live span records.
func (s *settings) keeps() bool { return s.of.KeepErrors || s.of.KeepSlowerThan > 0 }

// reasonToKeep returns why the span of a request that was not sampled is exported all the same; "" when it is not.
func (s *settings) reasonToKeep(r *requestSpan) string {
	switch {
	case s.of.KeepErrors && (r.status == otlp.StatusError || r.errorType != ""):
		return reasonError
	case s.of.KeepSlowerThan > 0 && r.latency() > s.of.KeepSlowerThan:
		return reasonSlow
	}
	return ""
}

// latency is the duration of the span. A streamed response lasts as long as it has something to say: there it is the
// time to its first byte.
func (r *requestSpan) latency() time.Duration {
	p := &r.o.Phases
	if r.o.Streaming && p.FirstByte != 0 && p.FirstResponseByte != 0 {
		return time.Duration(p.FirstResponseByte - p.FirstByte)
	}
	return time.Duration(r.endNS - r.startNS)
}
