package httpcore

import (
	"net/http"
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
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.hijacked:
		return http.ErrHijacked
	case w.done:
		return errHandlerReturned
	}
	d, ok := w.c.io.(deadliner)
	if !ok {
		return http.ErrNotSupported
	}
	w.hasDeadline = true
	return d.setUserDeadline(read, write)
}

// EnableFullDuplex does nothing: a request's body may always be read while the response is written.
func (w *response) EnableFullDuplex() error { return nil }

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
