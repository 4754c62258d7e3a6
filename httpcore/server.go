package httpcore

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// Server is an HTTP/1.1 server. Its fields have the names that they have in [http.Server]; the zero value listens on
// ":http" and serves http.DefaultServeMux.
//
// The fields are read when a Serve method is called, and must not be changed while one runs. A Server serves until
// Shutdown or Close; after that it cannot be used again.
type Server struct {
	// Addr is "host:port", or "unix:/path" for a Unix socket; ":http" when empty (":https" for TLS).
	Addr string
	// Handler serves the requests; nil is http.DefaultServeMux.
	Handler http.Handler
	// Sync, when not nil, is offered each request before Handler.
	Sync SyncHandler
	// Collector receives the lifecycle events; nil is lifecycle.Noop. The server does not close it.
	Collector lifecycle.Collector
	// Hooks are called for what goes on below the requests, on every connection and at the listeners; nil is nobody. A
	// request that comes without them costs the check that there are none.
	Hooks *instrument.Hooks
	// ConnHooks, when not nil, returns hooks for one connection, which are called before Hooks; nil is none. It is called with
	// the context of the listener when the connection has been accepted, by the goroutine that accepts, which it holds up. It
	// must leave c's bytes alone. Connections that are turned away for want of a descriptor have Hooks only.
	ConnHooks func(ctx context.Context, c net.Conn) *instrument.Hooks
	// TLSConfig is for ServeTLS and ListenAndServeTLS; it is cloned. ALPN is set to http/1.1.
	TLSConfig *tls.Config
	// Engine says how connections wait for bytes.
	Engine Engine
	// Workers is how many sets of connections there are, each of them polled for itself by EngineEpoll; 0 is GOMAXPROCS.
	Workers int
	// Accept says how new connections come to the workers. Listen makes its sockets accordingly.
	Accept AcceptMode

	// SharePort has Listen bind a TCP port although another process listens there, if both have SharePort and are the same
	// user's (SO_REUSEPORT, Linux): a new process can begin before the old one drains, and the kernel spreads new
	// connections over both meanwhile. By default such a port is "already in use". With net.ipv4.tcp_migrate_req=1 (since
	// Linux 5.14) what waits at the old one's sockets when they are closed goes to the new one, without it a connection that
	// is being opened just then is reset; Listen logs a hint about that. With [SystemdListeners] none is. Where a port
	// cannot be shared, Listen fails with an error that matches errors.ErrUnsupported.
	SharePort bool

	// ReadHeaderTimeout bounds the head of a request from its first byte to its last; 0 is 10 s, negative is none.
	ReadHeaderTimeout time.Duration
	// ReadTimeout is how long the body of a request may make no progress; 0 is 30 s, negative is none and lifts the
	// minimum rate too: 240 bytes a second once a body has been waited for for 5 s in all.
	ReadTimeout time.Duration
	// WriteTimeout is how long the client may make no progress in reading the response; 0 is 30 s, negative is none.
	// The minimum rate holds for each write that lasts longer than 5 s.
	WriteTimeout time.Duration
	// IdleTimeout bounds the wait for the first byte of a request; 0 is 75 s, negative is none.
	IdleTimeout time.Duration

	// MaxHeaderBytes bounds a head as a whole; 0 is 64 KiB. Over it: 431.
	MaxHeaderBytes int
	// MaxHeaders bounds the number of header fields; 0 is 100. Over it: 431.
	MaxHeaders int
	// MaxTargetBytes bounds the request target; 0 is 8 KiB. Over it: 414.
	MaxTargetBytes int
	// MaxBodyBytes bounds the body of a request; 0 is 32 MiB, negative is no limit. Over it: 413, and
	// *http.MaxBytesError for a handler that is reading.
	MaxBodyBytes int64
	// MaxConnections bounds the open connections; 0 is nine tenths of the descriptors that the process may open, negative
	// is no limit. Over it: 503.
	MaxConnections int
	// MaxBlockedHandlers bounds the handlers of EngineEpoll that have goroutines of their own, because they block or have
	// lately been slow; 0 is no limit but MaxConnections. While there are so many, new connections are told 503.
	MaxBlockedHandlers int
	// MaxRequestsPerConnection ends a connection after so many requests; 0 is no limit.
	MaxRequestsPerConnection int

	// ServerTiming has each final response but 101 say in a Server-Timing field (W3C Server Timing) how long the phases took that
	// were over when its head was written, and which span is the request's:
	//
	//	Server-Timing: head;dur=0.1, queue;dur=0.0, handler;dur=3.2, traceparent;desc="00-<trace id>-<span id>-01"
	//
	// In milliseconds, to a tenth: the time from the first byte of the request's head to the last, the time until its handler
	// was called, and the time in the handler until the head was written, which is when it returned, or when it flushed or had
	// written more than the server gathers. What comes after that cannot be in it: the rest of a stream, a pipelined response
	// that waits for others, and the sending. The span is there when the Collector has started one; agents in browsers read it
	// there, which for the page itself they can nowhere else. What a handler has in Server-Timing fields of its own is sent
	// before it.
	//
	// Anybody who can send a request can read it, and measure without the noise of the network how long a handler takes. A page
	// of another origin can when the response has Timing-Allow-Origin, or Access-Control-Expose-Headers, which are the handler's
	// to set. A cache keeps it with the response.
	ServerTiming bool
	// TraceResponse has each final response but 101 name the request's span in a traceresponse field (W3C Trace Context, draft of
	// level 2), when the Collector has started one: traceresponse: 00-<trace id>-<span id>-<flags>. It replaces the
	// handler's. The ids are random and tell nothing by themselves.
	TraceResponse bool
	// RequestIDs gives each request an id, a UUID of version 7, and puts it into the X-Request-ID of the Handler's request and
	// of each final response but 101, in place of what the client and the handler have there, and into the RequestID of the
	// events. It has nothing to do with the trace: it is there without a Collector too. That of one of the TrustedProxies is kept
	// when it is as [lifecycle.ValidRequestID] has it, and the only one. A response made up for a head that was not understood
	// has a new id. A connection that is refused, and a client that does not speak TLS where it should, has sent no request, and
	// is given none.
	RequestIDs bool
	// TrustedProxies are the networks of the peers whose X-Request-ID is kept. Where any is trusted, the peers of a Unix socket
	// are, too. Nil is nobody.
	TrustedProxies []netip.Prefix

	// BaseContext returns the context of all requests that come through the listener; nil: context.Background.
	BaseContext func(net.Listener) context.Context
	// ConnContext returns the context of all requests of the connection; nil: the base context. It must leave c's bytes alone;
	// with EngineEpoll they are out of its reach.
	ConnContext func(ctx context.Context, c net.Conn) context.Context
	// ErrorLog is for what no caller can be told: handlers that panic, accepts that fail; nil is the log package's
	// standard logger.
	ErrorLog *log.Logger

	// OnWorkerStart is called once for each worker, from 0 to Workers-1, before the first connection is accepted: by the
	// goroutine that calls the first Serve, one after the other. An error ends that Serve, and every other, with an error
	// that wraps it. Nil is nothing. It must not wait for Shutdown.
	OnWorkerStart func(worker int) error
	// OnWorkerStop is called once for each worker that has started, when the server drains or is closed and the worker's
	// last connection has ended, or when another worker could not start. Each call has a goroutine of its own; Shutdown
	// waits for it, Close does not. Nil is nothing. It must not wait for Shutdown.
	OnWorkerStop func(worker int)

	once    sync.Once
	running *server
}

// ListenAndServe listens on addr and serves handler, as [http.ListenAndServe] does.
func ListenAndServe(addr string, handler http.Handler) error {
	return (&Server{Addr: addr, Handler: handler}).ListenAndServe()
}

// ListenAndServeTLS is ListenAndServe with TLS; see [Server.ListenAndServeTLS].
func ListenAndServeTLS(addr, certFile, keyFile string, handler http.Handler) error {
	return (&Server{Addr: addr, Handler: handler}).ListenAndServeTLS(certFile, keyFile)
}

// ListenAndServe listens on Addr and serves until Shutdown or Close; then it returns [ErrServerClosed].
func (s *Server) ListenAndServe() error {
	l, err := s.Listen()
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// ListenAndServeTLS is ListenAndServe with TLS. The files are read anew when they change; certFile and keyFile may be
// empty when TLSConfig has certificates.
func (s *Server) ListenAndServeTLS(certFile, keyFile string) error {
	addr := s.Addr
	if addr == "" {
		addr = ":https"
	}
	l, err := s.listen(addr)
	if err != nil {
		return err
	}
	return s.ServeTLS(l, certFile, keyFile)
}

// Listen binds Addr, so that a caller can see the address, or the error, before it serves. The listener is for Serve or
// ServeTLS of the same Server; with [AcceptReusePort] it holds one socket for each worker where the system can share a port among them.
func (s *Server) Listen() (net.Listener, error) {
	addr := s.Addr
	if addr == "" {
		addr = ":http"
	}
	return s.listen(addr)
}

func (s *Server) listen(addr string) (net.Listener, error) {
	sockets := 1
	if s.Accept == AcceptReusePort {
		sockets = s.settings().workers
	}
	if s.SharePort {
		if hint := migrationHint(migrateSetting); hint != "" {
			s.settings().errorLog.Print("http: SharePort: " + hint)
		}
	}
	return listen(context.Background(), addr, sockets, s.SharePort)
}

// Serve accepts connections from l, which it closes, until Shutdown or Close; then it returns [ErrServerClosed].
// It may be called for several listeners at once.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, nil, nil) }

// ServeTLS is Serve with TLS; see ListenAndServeTLS.
func (s *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	config, cert, err := s.tlsConfig(certFile, keyFile)
	if err != nil {
		_ = l.Close()
		return err
	}
	return s.serve(l, config, cert)
}

func (s *Server) tlsConfig(certFile, keyFile string) (*tls.Config, *Certificate, error) {
	config := s.TLSConfig.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	config.NextProtos = []string{"http/1.1"}
	if certFile == "" && keyFile == "" {
		if len(config.Certificates) == 0 && config.GetCertificate == nil && config.GetConfigForClient == nil {
			return nil, nil, errors.New("httpcore: TLS needs a certificate: give files, or set it in TLSConfig")
		}
		return config, nil, nil
	}
	cert, err := LoadCertificate(certFile, keyFile)
	if err != nil {
		return nil, nil, err
	}
	config.GetCertificate = cert.GetCertificate
	return config, cert, nil
}

func (s *Server) serve(l net.Listener, config *tls.Config, cert *Certificate) error {
	running := s.state()
	running.configure(s)
	return running.serve(l, config, cert)
}

func (s *Server) state() *server {
	s.once.Do(func() { s.running = newServer() })
	return s.running
}

// StartDraining begins to end the server without cutting off anybody, and returns at once. Idle connections are closed.
// Connections that the system has queued for the listeners are accepted still, until there have been none for a moment,
// or for a second; then the listeners are closed, and Serve returns. A connection that has not sent anything may begin its
// first request within a second. Requests in progress get their response, with Connection: close; streams may go on until
// their handlers end them.
//
// A listener of a type that has no SetDeadline method is closed at once, whatever is queued. StartDraining may be called
// from any goroutine and more than once.
func (s *Server) StartDraining() { s.state().startDraining() }

// Idle reports whether no request is in hand: each connection that is open waits for the first byte of one. A connection
// that is being set up or closed counts as a request, an upgraded one, which is its handler's, does not. Of a server that
// does not drain, Idle may be out of date as soon as it returns. It may be called from any goroutine.
func (s *Server) Idle() bool { return s.state().idle() }

// Shutdown is StartDraining, and waits: it returns when all connections and listeners are closed, or with the error of ctx
// when that ends first; then Close ends the rest. Upgraded connections are their handlers' and not waited for.
// Shutdown may be called from any goroutine and more than once.
func (s *Server) Shutdown(ctx context.Context) error { return s.state().shutdown(ctx) }

// Close ends the server at once, and every connection but the upgraded ones. Handlers that still run see their
// context end. Close may be called from any goroutine and more than once.
func (s *Server) Close() error { return s.state().close() }

// RegisterOnShutdown has f called, in its own goroutine, when the server begins to drain: for connections that handlers
// have taken over, and for streams.
func (s *Server) RegisterOnShutdown(f func()) { s.state().onShutdownCall(f) }
