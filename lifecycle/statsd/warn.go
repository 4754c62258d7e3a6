package statsd

import (
	"log/slog"
	"sync"
	"time"
)

// warnEvery is the time from a warning to the next.
const warnEvery = time.Minute

// warner tells of dropped lines, for all pipes, and not too often.
type warner struct {
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time
}

// allowed reports whether it is time for a warning, which the caller then gives.
func (w *warner) allowed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if !w.last.IsZero() && now.Sub(w.last) < warnEvery {
		return false
	}
	w.last = now
	return true
}

// warn tells of lines that were dropped since it last did. The log may well count its records through this pipe.
func (p *pipe) warn() {
	counts := p.accounts()
	dropped := counts.Dropped()
	if dropped == p.link.warned || !p.warner.allowed() {
		return
	}
	args := []any{"dropped_lines", dropped - p.link.warned}
	if p.link.err != nil {
		args = append(args, "error", p.link.err)
	}
	p.link.warned, p.link.err = dropped, nil
	p.warner.log.Warn("Error sending message to statsd", args...)
}
