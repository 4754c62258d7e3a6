package main

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// upgrades keeps track of the requests that may take their connection over: the server does not wait for those.
type upgrades struct {
	handler http.Handler
	ctx     context.Context // ends when they have to
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newUpgrades(h http.Handler) *upgrades {
	u := &upgrades{handler: h}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	return u
}

// ServeHTTP implements [http.Handler].
func (u *upgrades) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		u.handler.ServeHTTP(w, r)
		return
	}
	u.running.Add(1)
	defer u.running.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(u.ctx, cancel)()
	cancellable := r.WithContext(ctx)
	defer func() { r.Pattern = cancellable.Pattern }() // the server reads the route from its own request
	u.handler.ServeHTTP(w, cancellable)
}

// end returns when none is left: they may take grace to end themselves, then their contexts end. It gives up when ctx
// ends. No request may come any more.
func (u *upgrades) end(ctx context.Context, grace time.Duration) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		u.running.Wait()
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	case <-ctx.Done():
	}
	u.cancel()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
