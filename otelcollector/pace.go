package otelcollector

import "time"

const (
	// Uploads is how many uploads are under way at once at first.
	Uploads = 4
	// MaxUploads is how many there are at most. Fewer or more it becomes by how long they take.
	MaxUploads = 16
	// paceWindow is how long the shortest time of an upload counts.
	paceWindow = 10 * time.Second
	// paceBytes is the size from which on the time of an upload says something about the receiver.
	paceBytes = maxBatchBytes / 4
)

// pace says how many uploads there may be at once. As long as an upload takes about as long as the quickest one, the time
// is that of the way, and more at once bring more through. When it takes far longer, uploads wait for each other at the
// receiver, and more would only wait longer.
type pace struct {
	limit    int
	quickest time.Duration // in this window, and
	before   time.Duration // in the one before; 0: there was none
	began    time.Time     // of the window
	round    int           // uploads since the limit was changed
}

func newPace() pace { return pace{limit: Uploads} }

// accepted takes the time that an upload took. demand says that others would have liked to begin meanwhile.
func (p *pace) accepted(now time.Time, bytes int, took time.Duration, demand bool) {
	if bytes < paceBytes {
		return
	}
	if now.Sub(p.began) > paceWindow {
		p.began, p.before, p.quickest = now, p.quickest, 0
	}
	if p.quickest == 0 || took < p.quickest {
		p.quickest = took
	}
	if p.round++; p.round < p.limit {
		return
	}
	p.round = 0
	best := p.quickest
	if p.before != 0 {
		best = min(best, p.before)
	}
	switch {
	case took > 4*best:
		p.limit = max(p.limit*3/4, 1)
	case took < 2*best && demand:
		p.limit = min(p.limit+1, MaxUploads)
	}
}

// failed takes note of an upload that the receiver did not manage.
func (p *pace) failed() {
	p.limit, p.round = max(p.limit/2, 1), 0
}
