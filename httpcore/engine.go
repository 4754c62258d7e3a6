package httpcore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Engine says how connections wait for bytes.
type Engine int

// The engines. All serve the same requests with the same events.
const (
	// EngineAuto, the zero value, takes the best engine that the system and the listener allow.
	EngineAuto Engine = iota
	// EngineEpoll polls many connections from each worker, and runs the handlers of most requests without a goroutine of their
	// own. It is for TCP and Unix listeners, without TLS, on Linux; Serve fails with others.
	EngineEpoll
	// EngineGoroutine gives each connection a goroutine that blocks in its reads.
	EngineGoroutine
)

var engineNames = [...]string{EngineAuto: "auto", EngineEpoll: "epoll", EngineGoroutine: "goroutine"}

// String returns the name that [ParseEngine] takes.
func (e Engine) String() string {
	if e < 0 || int(e) >= len(engineNames) {
		return fmt.Sprintf("Engine(%d)", int(e))
	}
	return engineNames[e]
}

// ParseEngine returns the engine with this name: auto, epoll or goroutine.
func ParseEngine(name string) (Engine, error) {
	for e, n := range engineNames {
		if n == name {
			return Engine(e), nil
		}
	}
	return 0, fmt.Errorf("engine %q is not known: allowed are auto, epoll and goroutine", name)
}

// engine is an Engine at work, for one Serve.
type engine interface {
	// acceptor returns what accepts from l; ctx is the context of its connections.
	acceptor(ctx context.Context, l net.Listener) (acceptor, error)
	// release is called when Serve returns. Connections may outlast it.
	release()
}

// acceptor accepts connections from one socket. It belongs to one goroutine, but for the methods that say so.
type acceptor interface {
	// accept waits for one connection and starts its life at the worker that to returns. It fails with an error that matches
	// os.ErrDeadlineExceeded at the time that until has set.
	accept(to func() *worker) error
	// turnAway takes one connection if one waits, and tells it that it is not served, in no more than tellTime; false: there
	// was none. It needs one descriptor.
	turnAway(code string) bool
	// until bounds how long accept waits, also one in progress; zero is for ever. False: it cannot, and the only end of an
	// accept is that of the listener. Any goroutine may call it, also when accept is over.
	until(t time.Time) bool
	// look ends accept if the listener was closed. Any goroutine may call it, also when accept is over.
	look()
	// close is called when accept is not called any longer.
	close()
}

var (
	errNoEpoll    = errors.New("httpcore: the epoll engine serves TCP and Unix listeners on Linux only: use EngineAuto or EngineGoroutine")
	errNoEpollTLS = errors.New("httpcore: the epoll engine does not serve TLS: use EngineAuto or EngineGoroutine")
)

// engineFor returns the engine that is to serve l.
func (s *server) engineFor(l net.Listener, config *tls.Config) (engine, error) {
	switch {
	case s.set.engine == EngineEpoll && config != nil:
		return nil, errNoEpollTLS
	case s.set.engine == EngineEpoll && !canPoll(l):
		return nil, errNoEpoll
	case s.set.engine == EngineGoroutine, config != nil, !canPoll(l):
		return &goroutineEngine{server: s, config: config}, nil
	}
	return s.useEpoll()
}
