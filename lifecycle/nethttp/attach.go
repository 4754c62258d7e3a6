package nethttp

import (
	"context"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// Attach makes server report to collector, and returns it as the [Server] to serve with. It sets Handler, ConnContext and
// ConnState of server, which call what was there before. Call it once, when the fields are as they are to be and before anything
// is served; several collectors are one [lifecycle.Tee].
//
// A collector that is nil or [lifecycle.Noop] leaves server as it is. Nobody but the caller closes the collector, after the
// server.
func Attach(server *http.Server, collector lifecycle.Collector) *Server {
	s := &Server{Server: server}
	if collector == nil || collector == lifecycle.Noop {
		return s
	}
	a := &attachment{
		site: s, server: server, collector: collector,
		next: server.Handler, connContext: server.ConnContext, connState: server.ConnState,
	}
	s.attached = a
	server.Handler, server.ConnContext, server.ConnState = a, a.withConn, a.changed
	if base := server.BaseContext; base != nil {
		server.BaseContext = func(l net.Listener) context.Context { return base(original(l)) }
	}
	return s
}

// Server is an http.Server whose connections are reported. Its other fields and methods are those of the http.Server,
// and may be used as ever; only the Serve methods and Shutdown must be the Server's own, so that it sees the connections, and
// their ends. One that came another way is served without an event, and ErrorLog is told once. Make a Server with [Attach].
type Server struct {
	*http.Server

	// ServerTiming, TraceResponse, RequestIDs and TrustedProxies are what they are in package httpcore: they have each final
	// response that a handler gives tell its client how long the phases took, which span is the request's and under which id
	// the handler and the collector know it, that of a trusted proxy or a new one. They are to be set before anything is
	// served, and do nothing where nothing is reported.
	ServerTiming   bool
	TraceResponse  bool
	RequestIDs     bool
	TrustedProxies []netip.Prefix

	attached *attachment // nil when nothing is reported
}

// ListenAndServe is [http.Server.ListenAndServe].
func (s *Server) ListenAndServe() error {
	l, err := net.Listen("tcp", addrOr(s.Addr, ":http"))
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// ListenAndServeTLS is [http.Server.ListenAndServeTLS].
func (s *Server) ListenAndServeTLS(certFile, keyFile string) error {
	l, err := net.Listen("tcp", addrOr(s.Addr, ":https"))
	if err != nil {
		return err
	}
	defer l.Close()
	return s.ServeTLS(l, certFile, keyFile)
}

func addrOr(addr, otherwise string) string {
	if addr == "" {
		return otherwise
	}
	return addr
}

// Serve is [http.Server.Serve]. A listener of TLS connections is for [http.Server.Serve] itself, made of what Listener
// returns: tls.NewListener(s.Listener(l), config).
func (s *Server) Serve(l net.Listener) error { return s.Server.Serve(s.Listener(l)) }

// ServeTLS is [http.Server.ServeTLS].
func (s *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	return s.Server.ServeTLS(s.Listener(l), certFile, keyFile)
}

// Listener returns l with its connections reported, for a Serve method of the [http.Server] itself. What else is to wrap the
// connections comes below it, in l; only TLS comes on top.
func (s *Server) Listener(l net.Listener) net.Listener {
	if s.attached == nil {
		return l
	}
	return &listener{Listener: l, attached: s.attached}
}

// attachment is what a server and its connections share.
type attachment struct {
	site      *Server
	server    *http.Server
	collector lifecycle.Collector

	// What was set before.
	next        http.Handler
	connContext func(context.Context, net.Conn) context.Context
	connState   func(net.Conn, http.ConnState)

	draining   atomic.Bool
	unreported census       // of the connections of which more than the beginning is to be reported
	anchored   atomic.Int64 // when the anchor of the wall clock was renewed last
	stranger   sync.Once    // tells of a connection that did not come through a listener of ours
}

// contextKey is the key of the *conn in the context of a connection, and of the *exchange in that of a request.
type contextKey struct{}

// withConn is the server's ConnContext.
func (a *attachment) withConn(ctx context.Context, nc net.Conn) context.Context {
	if a.connContext != nil {
		if ctx = a.connContext(ctx, asAccepted(nc)); ctx == nil {
			return nil // which net/http has words for
		}
	}
	c := connOf(nc)
	if c == nil {
		a.stranger.Do(a.logStranger)
		return ctx
	}
	c.parent = ctx
	return context.WithValue(ctx, contextKey{}, c)
}

func (a *attachment) logStranger() {
	const line = "nethttp: a connection is not reported, because it was not accepted by way of Attach(...).Serve or Listener"
	if a.server.ErrorLog != nil {
		a.server.ErrorLog.Print(line)
		return
	}
	log.Print(line)
}

// changed is the server's ConnState.
func (a *attachment) changed(nc net.Conn, state http.ConnState) {
	if c := connOf(nc); c != nil {
		c.changed(nc, state)
	}
	if a.connState != nil {
		a.connState(asAccepted(nc), state)
	}
}

// handler is what the server would serve without us.
func (a *attachment) handler() http.Handler {
	if a.next == nil {
		return http.DefaultServeMux
	}
	return a.next
}

// renewAnchor does once a second, when there are requests, what a server of events does: see [lifecycle.RenewAnchor].
func (a *attachment) renewAnchor(now int64) {
	last := a.anchored.Load()
	if now-last >= int64(time.Second) && a.anchored.CompareAndSwap(last, now) {
		lifecycle.RenewAnchor()
	}
}
