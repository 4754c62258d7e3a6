package httpcore

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// requestContext is the context of one request. It costs nothing until it is used: the first Done or Err starts to
// watch the connection, the first Value that is not the server's own asks the collector for what it adds.
//
// A handler may keep it. From finish on it holds nothing of the connection.
type requestContext struct {
	mu       sync.Mutex
	parent   context.Context
	c        *conn     // nil once finished
	x        *exchange // the same
	provider lifecycle.ContextProvider

	provided context.Context // parent with what provider added; nil until asked for
	inner    context.Context // cancellable child of parent; nil until asked for
	cancel   context.CancelCauseFunc

	gone atomic.Bool // the client went away while the handler ran

	// What is left of the request when it has ended.
	stamp lifecycle.Stamp
	trace lifecycle.TraceContext
}

var (
	_ context.Context  = (*requestContext)(nil)
	_ instrument.Scope = (*requestContext)(nil)
)

// Deadline implements [context.Context].
func (r *requestContext) Deadline() (time.Time, bool) { return r.parent.Deadline() }

// Done implements [context.Context]: it is closed when the client goes away, the connection is closed or the handler
// returns.
func (r *requestContext) Done() <-chan struct{} { return r.cancellable().Done() }

// Err implements [context.Context].
func (r *requestContext) Err() error { return r.cancellable().Err() }

// Value implements [context.Context].
func (r *requestContext) Value(key any) any {
	switch key {
	case http.LocalAddrContextKey, http.ServerContextKey:
		return r.parent.Value(key)
	case instrument.ScopeKey{}:
		return r
	}
	r.mu.Lock()
	if _, ok := key.(lifecycle.StampKey); ok {
		defer r.mu.Unlock()
		return r.started()
	}
	if r.inner == nil && (r.c == nil || r.gone.Load()) {
		r.startInner()
	}
	if r.inner != nil {
		// The key by which package context finds the nearest cancellable context: for derived contexts and context.Cause.
		if v := r.inner.Value(key); v == any(r.inner) {
			r.mu.Unlock()
			return v
		}
	}
	ctx := r.withProvided()
	r.mu.Unlock()
	return ctx.Value(key)
}

// started returns the Stamp of the RequestStarted. The caller holds mu.
func (r *requestContext) started() lifecycle.Stamp {
	if r.c == nil {
		return r.stamp
	}
	return lifecycle.Stamp{ConnectionID: r.c.id, WorkerID: r.c.worker.id, TimestampNS: r.x.events.started.TimestampNS}
}

// withProvided returns the parent with what the collector adds. The caller holds mu.
func (r *requestContext) withProvided() context.Context {
	switch {
	case r.provided != nil:
	case r.provider == nil:
		r.provided = r.parent
	case r.x != nil:
		r.provided = r.provider.Context(r.parent, &r.x.events.started)
	default:
		r.provided = r.provider.Context(r.parent, &lifecycle.RequestStarted{
			Stamp:   r.stamp,
			Request: &lifecycle.Request{Trace: r.trace},
			Ended:   true,
		})
	}
	return r.provided
}

// cancellable returns the context that is cancelled with the request, and has the connection watched.
func (r *requestContext) cancellable() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inner == nil {
		r.startInner()
	}
	return r.inner
}

// startInner makes inner. The caller holds mu.
func (r *requestContext) startInner() {
	r.inner, r.cancel = context.WithCancelCause(r.parent)
	if r.c == nil || r.gone.Load() {
		r.cancel(context.Canceled)
	} else {
		r.c.watcher.want(r)
	}
}

// clientGone cancels the context of a request whose client went away.
func (r *requestContext) clientGone() {
	first := !r.gone.Swap(true)
	var t throw
	r.mu.Lock()
	cancel := r.cancel
	if first && r.c != nil {
		t = r.c.throwInto(r.x)
	}
	r.mu.Unlock()
	t.tell(beforeThrow)
	if cancel != nil {
		cancel(context.Canceled)
	}
	t.tell(afterThrow)
}

// Enter implements [instrument.Scope].
func (r *requestContext) Enter(h *instrument.Hooks) *instrument.Hooks {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.c == nil {
		return instrument.Guard(h, nil)
	}
	h = instrument.Guard(h, r.c.set.errorLog)
	r.c.enter(r.x, h)
	return h
}

// finish ends the request: the handler has returned.
func (r *requestContext) finish() {
	r.mu.Lock()
	cancel := r.cancel
	r.stamp, r.trace = r.started(), r.x.request.Trace
	r.c, r.x = nil, nil
	r.mu.Unlock()
	if cancel != nil {
		cancel(context.Canceled)
	}
}
