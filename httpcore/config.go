package httpcore

import (
	"context"
	"log"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// settings are a Server's fields with the defaults filled in: a copy, so that a running server
// does not see later changes.
type settings struct {
	handler   http.Handler
	sync      SyncHandler
	collector lifecycle.Collector // nil when nobody listens, nor is told the times
	engine    Engine
	workers   int

	readHeaderTimeout, readTimeout, writeTimeout, idleTimeout int64 // nanoseconds; 0 is none

	limits                   http1.Limits
	maxBodyBytes             int64 // -1 is none
	maxConnections           int   // 0 is none
	maxBlockedHandlers       int   // 0 is none
	maxRequestsPerConnection int   // 0 is none

	baseContext func(net.Listener) context.Context
	connContext func(context.Context, net.Conn) context.Context
	errorLog    *log.Logger

	traceFields                             bool // any of the next
	serverTiming, traceResponse, requestIDs bool
	trustedProxies                          []netip.Prefix

	hooks     *instrument.Hooks                                       // guarded; may be nil
	connHooks func(ctx context.Context, c net.Conn) *instrument.Hooks // may be nil

	onWorkerStart func(worker int) error // may be nil
	onWorkerStop  func(worker int)       // may be nil
}

func (s *Server) settings() *settings {
	set := &settings{
		handler:           s.Handler,
		sync:              s.Sync,
		collector:         s.Collector,
		engine:            s.Engine,
		workers:           s.Workers,
		readHeaderTimeout: timeout(s.ReadHeaderTimeout, 10*time.Second),
		readTimeout:       timeout(s.ReadTimeout, 30*time.Second),
		writeTimeout:      timeout(s.WriteTimeout, 30*time.Second),
		idleTimeout:       timeout(s.IdleTimeout, 75*time.Second),
		limits: http1.Limits{
			MaxTargetBytes: positive(s.MaxTargetBytes, 8<<10),
			MaxHeaderBytes: positive(s.MaxHeaderBytes, 64<<10),
			MaxHeaders:     positive(s.MaxHeaders, 100),
		},
		maxBodyBytes:             s.MaxBodyBytes,
		maxConnections:           s.MaxConnections,
		maxBlockedHandlers:       max(s.MaxBlockedHandlers, 0),
		maxRequestsPerConnection: max(s.MaxRequestsPerConnection, 0),
		baseContext:              s.BaseContext,
		connContext:              s.ConnContext,
		errorLog:                 s.ErrorLog,
		traceFields:              s.ServerTiming || s.TraceResponse || s.RequestIDs,
		serverTiming:             s.ServerTiming,
		traceResponse:            s.TraceResponse,
		requestIDs:               s.RequestIDs,
		trustedProxies:           slices.Clone(s.TrustedProxies),
		connHooks:                s.ConnHooks,
		onWorkerStart:            s.OnWorkerStart,
		onWorkerStop:             s.OnWorkerStop,
	}
	if set.handler == nil {
		set.handler = http.DefaultServeMux
	}
	switch {
	case set.serverTiming && set.collector == nil:
		set.collector = lifecycle.Noop // so that the clock is read
	case !set.serverTiming && set.collector == lifecycle.Noop:
		set.collector = nil
	}
	if set.workers <= 0 {
		set.workers = runtime.GOMAXPROCS(0)
	}
	switch {
	case set.maxBodyBytes == 0:
		set.maxBodyBytes = 32 << 20
	case set.maxBodyBytes < 0:
		set.maxBodyBytes = -1
	}
	switch {
	case set.maxConnections == 0:
		set.maxConnections = defaultMaxConnections()
	case set.maxConnections < 0:
		set.maxConnections = 0
	}
	if set.errorLog == nil {
		set.errorLog = log.Default()
	}
	set.hooks = instrument.Guard(s.Hooks, set.errorLog)
	return set
}

// timeout returns d in nanoseconds, the default for 0, and 0 for "none", which is negative.
func timeout(d, byDefault time.Duration) int64 {
	switch {
	case d == 0:
		return int64(byDefault)
	case d < 0:
		return 0
	}
	return int64(d)
}

func positive(n, byDefault int) int {
	if n <= 0 {
		return byDefault
	}
	return n
}
