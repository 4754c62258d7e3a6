package lifecycle

import "context"

// StampKey is the key under which the context of a request has the [Stamp] of its [RequestStarted]: a server answers for it
// by itself, without a collector. See [StampFromContext].
type StampKey struct{}

// StampFromContext returns the Stamp of the RequestStarted of the request that ctx belongs to, also when that has ended: which
// connection it came on, and whose worker's that is. It returns false where ctx belongs to no request of a server that
// emits lifecycle events. Where the server has no collector, its TimestampNS is 0. It takes one small allocation. Any
// goroutine may call it.
func StampFromContext(ctx context.Context) (Stamp, bool) {
	s, ok := ctx.Value(StampKey{}).(Stamp)
	return s, ok
}
