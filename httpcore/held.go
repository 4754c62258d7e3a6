package httpcore

import (
	"sync/atomic"
	"time"
)

// heldTimer sends the pipelined responses that wait for the next one when the handler of that is not quick. A connection has
// one, for a timer for each response would be a sixth of all that a quick request costs. It runs on from one handler to the
// next, and so the wait ends after quickHandlerNS or earlier.
type heldTimer struct {
	timer *time.Timer              // nil before the first use
	runs  atomic.Bool              // the timer, which then looks at slow
	slow  atomic.Pointer[response] // the one that others wait for while its handler runs
}

// begin is called when responses wait for w, whose handler begins.
func (t *heldTimer) begin(w *response) {
	t.slow.Store(w) // before the look at runs: fire does it the other way round
	switch {
	case t.runs.Swap(true):
	case t.timer == nil:
		t.timer = time.AfterFunc(quickHandlerNS, t.fire)
	default:
		t.timer.Reset(quickHandlerNS)
	}
}

// end is called when the handler has ended, however it did.
func (t *heldTimer) end() { t.slow.Store(nil) }

func (t *heldTimer) fire() {
	t.runs.Store(false)
	if w := t.slow.Load(); w != nil {
		w.flushHeld()
	}
}
