package instrument

import "context"

type hooksKey struct{}

// With returns a context whose hooks are h and then those of ctx. Their panics are logged to the server's log, or the log
// package's, and not passed on. A nil h returns ctx.
//
// In the context of a request that httpcore serves, h is also called for what the server does for this request from now on,
// whether its handler uses the new context or not, until the response is sent. That, too, is before the hooks of
// the connection and those of the server. ctx itself keeps the hooks that it has.
func With(ctx context.Context, h *Hooks) context.Context {
	if h == nil {
		return ctx
	}
	if request, ok := ctx.Value(ScopeKey{}).(Scope); ok {
		h = request.Enter(h)
	} else {
		h = Guard(h, nil)
	}
	return NewContext(ctx, Compose(h, FromContext(ctx)))
}

// FromContext returns the hooks of ctx, which may be called without further ado: they do not panic. Nil: it has none.
func FromContext(ctx context.Context) *Hooks {
	h, _ := ctx.Value(hooksKey{}).(*Hooks)
	return h
}

// NewContext returns a context that has the hooks h, and not those of ctx. It is for servers, which compose and guard the
// hooks of a connection once; others use [With].
func NewContext(ctx context.Context, h *Hooks) context.Context {
	return context.WithValue(ctx, hooksKey{}, h)
}

// ScopeKey is the key under which the context of a request that is being served has its [Scope]. It is for servers.
type ScopeKey struct{}

// Scope is a request that is being served.
type Scope interface {
	// Enter has h called for what is done for the request from now on, before the hooks that are in force already. It returns
	// h with its panics caught. Any goroutine may call it.
	Enter(h *Hooks) *Hooks
}
