package nethttp

import (
	"context"
	"net/http"
	"sync"

	"github.com/wirespan/wirespan/lifecycle"
)

// requestContext is the context of one request: net/http's, with what the collector adds when somebody first asks for a
// value that only the collector may know. A handler may keep it; from finish on it holds nothing of the connection's.
type requestContext struct {
	context.Context // net/http's
	provider        lifecycle.ContextProvider

	mu       sync.Mutex
	x        *exchange       // nil once finished
	provided context.Context // with what provider added; nil until asked for
	route    string          // what Routes has found

	// What is left of the request when it has ended.
	stamp lifecycle.Stamp
	trace lifecycle.TraceContext
}

// Value implements [context.Context].
func (r *requestContext) Value(key any) any {
	switch key {
	case http.ServerContextKey, http.LocalAddrContextKey:
		return r.Context.Value(key)
	case contextKey{}:
		return r
	case lifecycle.StampKey{}:
		return r.started()
	}
	if r.provider == nil {
		return r.Context.Value(key)
	}
	// The key by which package context finds the nearest cancellable context, which net/http's is.
	if v := r.Context.Value(key); v == any(r.Context) {
		return v
	}
	return r.withProvided().Value(key)
}

// started returns the Stamp of the RequestStarted.
func (r *requestContext) started() lifecycle.Stamp {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.x == nil {
		return r.stamp
	}
	return r.x.started.Stamp
}

func (r *requestContext) withProvided() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.provided != nil:
	case r.x != nil:
		r.provided = r.provider.Context(r.Context, &r.x.started)
	default:
		r.provided = r.provider.Context(r.Context, &lifecycle.RequestStarted{
			Stamp: r.stamp, Request: &lifecycle.Request{Trace: r.trace}, Ended: true,
		})
	}
	return r.provided
}

// finish ends the request: the handler has returned.
func (r *requestContext) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stamp, r.trace = r.x.started.Stamp, r.x.head.Trace
	if r.route != "" {
		r.x.route = r.route
	}
	r.x = nil
}
