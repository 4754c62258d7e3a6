package httpcore

import (
	"net/http"
	"sync"
	"time"
)

// The methods of this file are found by http.ResponseController, and by frameworks that still ask for http.CloseNotifier.

// deadliner is the part of an engine's stream that handlers may set deadlines on.
type deadliner interface {
	setUserDeadline(read, write *time.Time) error
	clearUserDeadlines()
}

// SetReadDeadline makes reads of the request's body fail after t; the zero time leaves only the server's limits.
func (w *response) SetReadDeadline(t time.Time) error { return w.setDeadline(&t, nil) }

// SetWriteDeadline makes writes of the response fail after t; the zero time leaves only the server's limits.
func (w *response) SetWriteDeadline(t time.Time) error { return w.setDeadline(nil, &t) }

func (w *response) setDeadline(read, write *time.Time) error {
	return w.deadlines.set(w.c.io, read, write)
}

// deadlines is whether a handler may set deadlines, and has. It has a lock of its own, so that a deadline can end a
// Write that is blocked.
type deadlines struct {
	mu    sync.Mutex
	inUse bool
	over  error // no longer, because of this
}

func (d *deadlines) set(on stream, read, write *time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over != nil {
		return d.over
	}
	to, ok := on.(deadliner)
	if !ok {
		return http.ErrNotSupported
	}
	d.inUse = true
	return to.setUserDeadline(read, write)
}

// end undoes what the handler has set, and refuses more.
func (d *deadlines) end(on stream, why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inUse {
		on.(deadliner).clearUserDeadlines()
	}
	d.inUse, d.over = false, why
}

// EnableFullDuplex says that the handler will go on reading the body when it has begun to write. It always can; but
// without this, a response that begins while much of the body is still unread announces the end of the connection.
func (w *response) EnableFullDuplex() error {
	w.fullDuplex.Store(true)
	return nil
}

// CloseNotify implements the deprecated http.CloseNotifier.
func (w *response) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	done := w.h.ctx.Done()
	go func() {
		<-done
		if w.h.ctx.gone.Load() {
			gone <- true
		}
	}()
	return gone
}
