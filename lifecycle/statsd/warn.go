package statsd

import (
	"log/slog"
	"sync"
	"time"
)

// warnEvery is the time from a warning to the next.
const warnEvery = time.Minute

// warner tells of dropped lines, for all pipes together, and not too often.
type warner struct {
	log     *slog.Logger
	dropped func() uint64 // by all pipes

	mu   sync.Mutex
	next time.Time // when it may speak again
	told uint64    // of dropped
}

// warn tells of what was dropped since it last did. It reports whether that has been told now, and not too soon.
func (w *warner) warn(cause error) (told bool) {
	lines, ok := w.news()
	if !ok || lines == 0 {
		return ok
	}
	args := []any{"dropped_lines", lines}
	if cause != nil {
		args = append(args, "error", cause)
	}
	w.log.Warn("Error sending message to statsd", args...)
	return true
}

// news returns how many lines the caller has to tell of.
func (w *warner) news() (lines uint64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if now.Before(w.next) {
		return 0, false
	}
	total := w.dropped()
	if lines = total - w.told; lines > 0 {
		w.told, w.next = total, now.Add(warnEvery)
	}
	return lines, true
}

// warn has the warner speak if this pipe has dropped something. The log may well count its records through this pipe.
func (p *pipe) warn() {
	counts := p.accounts()
	if dropped := counts.Dropped(); dropped != p.link.told && p.warner.warn(p.link.err) {
		p.link.told, p.link.err = dropped, nil
	}
}
