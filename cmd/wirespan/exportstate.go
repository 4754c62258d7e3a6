package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/wirespan/wirespan/otelcollector"
)

// describe says in a line each how it stands with the traces and with the rest. What is away, or has lost something, makes
// no request less welcome, so its line is marked as neither good nor bad then.
func (t *telemetry) describe() []string {
	lines := []string{t.describeTraces()}
	for _, s := range t.sinks {
		lines = append(lines, s.describe())
	}
	if line := t.log.describe(); line != "" {
		lines = append(lines, line)
	}
	return lines
}

// describeTraces says whether the receiver takes them, and where all spans are.
func (t *telemetry) describeTraces() string {
	if t.spans == nil || !t.exports {
		return "[+] traces: not sent"
	}
	r, s := t.spans.Receiver(), t.spans.Stats()
	mark := "[+]"
	if r.State != otelcollector.ReceiverUp || s.SpoolErr != nil || s.TotalDropped() > 0 {
		mark = "[!]"
	}
	state := receiverState(&r, time.Now())
	if s.SpoolErr != nil {
		state += "; the spool takes nothing just now (" + oneLine(redactText(s.SpoolErr.Error())) + ")"
	}
	return mark + " traces: " + state + "; " + t.counts(&s)
}

func receiverState(r *otelcollector.Receiver, now time.Time) string {
	if r.State == otelcollector.ReceiverUp {
		return "the receiver is up"
	}
	text := fmt.Sprintf("the receiver is %s for %v", r.State, now.Sub(r.Since).Round(time.Second))
	if r.Err != nil {
		text += " (" + oneLine(redactText(r.Err.Error())) + ")"
	}
	if wait := r.NotBefore.Sub(now); wait > 0 {
		text += ", next try in " + wait.Round(time.Millisecond).String()
	}
	return text
}

// counts puts the accounts into words, which add up.
func (t *telemetry) counts(s *otelcollector.Stats) string {
	var b strings.Builder
	fmt.Fprintf(&b, "spans: %d made", s.Made)
	if t.hasSpool {
		fmt.Fprintf(&b, " and %d recovered", s.Recovered)
	}
	fmt.Fprintf(&b, " = %d exported + %d rejected + %d dropped", s.Exported, s.Rejected, s.TotalDropped())
	if lost := losses(s); len(lost) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(lost, ", "))
	}
	fmt.Fprintf(&b, " + %d queued", s.Queued)
	if t.hasSpool {
		fmt.Fprintf(&b, " + %d spooled", s.Spooled)
	}
	return b.String()
}
