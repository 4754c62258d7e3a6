package main

import (
	"context"
	"net/http"
)

// upgrades passes requests on, and can end those that may have taken their connection over: the server leaves them to
// their handlers.
type upgrades struct {
	handler http.Handler
	ctx     context.Context
	end     context.CancelFunc // ends the contexts of all of them
}

func newUpgrades(h http.Handler) *upgrades {
	u := &upgrades{handler: h}
	u.ctx, u.end = context.WithCancel(context.Background())
	return u
}

// ServeHTTP implements [http.Handler].
func (u *upgrades) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		u.handler.ServeHTTP(w, r)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(u.ctx, cancel)()
	cancellable := r.WithContext(ctx)
	defer func() { r.Pattern = cancellable.Pattern }() // the server reads the route from its own request
	u.handler.ServeHTTP(w, cancellable)
}
