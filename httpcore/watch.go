package httpcore

import (
	"errors"
	"os"
	"sync"
)

// watcher has the connection read ahead while a handler runs, so that the handler's context ends when the client
// goes away. It starts when the handler wants to know and the body of the request is consumed.
//
// Lock order: requestContext.mu before watcher.mu.
type watcher struct {
	io stream

	mu      sync.Mutex
	wanted  *requestContext
	ready   bool // the request's body is consumed: what comes now is not its
	running bool
}

// begin readies the watch for a request. Nobody else knows of it yet, so no lock is needed.
func (w *watcher) begin(bodyless bool) { w.ready = bodyless }

// want is called, from any goroutine, when somebody waits for r to end.
func (w *watcher) want(r *requestContext) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted = r
	w.startLocked()
}

// bodyConsumed is called when nothing of the request is left to read.
func (w *watcher) bodyConsumed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready = true
	w.startLocked()
}

func (w *watcher) startLocked() {
	if w.wanted == nil || !w.ready || w.running {
		return
	}
	w.running = true
	r := w.wanted
	w.io.watch(func(err error) {
		if !errors.Is(err, os.ErrDeadlineExceeded) { // that would be the handler's own, and no news of the client
			r.clientGone()
		}
	})
}

// stop ends the watch and returns what was read ahead. The connection's goroutine calls it when the handler is done.
func (w *watcher) stop() []byte {
	w.mu.Lock()
	running := w.running
	w.wanted, w.ready, w.running = nil, false, false
	w.mu.Unlock()
	if !running {
		return nil
	}
	return w.io.unwatch()
}
