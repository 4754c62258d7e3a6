package faults

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// Options configure a [Receiver]. The zero value takes all calls, over gRPC, on a free port of 127.0.0.1.
type Options struct {
	Addr   string // host:port
	Script Script
	HTTP   bool // OTLP/HTTP rather than gRPC
	TLS    *tls.Config
	Server []grpc.ServerOption
	// Oracle is that of another receiver whose spans these are as well; nil is a new one.
	Oracle *Oracle
	// Listen opens the listener; nil is net.Listen. A test gives one of another network namespace.
	Listen func(network, address string) (net.Listener, error)
}

// Receiver receives spans. Its methods may be called from any goroutine, but Listen and Shut only in turns.
type Receiver struct {
	*Oracle
	options Options

	mu     sync.Mutex
	script Script
	addr   string
	conns  *connections
	stop   func() // what listens now; nil when nothing does
}

// New makes a receiver that does not listen yet.
func New(o Options) *Receiver {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Script == nil {
		o.Script = OK
	}
	if o.Listen == nil {
		o.Listen = net.Listen
	}
	if o.Oracle == nil {
		o.Oracle = newOracle()
	}
	return &Receiver{Oracle: o.Oracle, options: o, script: o.Script, addr: o.Addr}
}

// Open is New and Listen.
func Open(o Options) (*Receiver, error) {
	r := New(o)
	return r, r.Listen()
}

// Addr returns its host:port, which is the same whenever it listens.
func (r *Receiver) Addr() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addr
}

// SpeaksHTTP reports whether it is to be spoken to over OTLP/HTTP.
func (r *Receiver) SpeaksHTTP() bool { return r.options.HTTP }

// Act has another script decide from now on.
func (r *Receiver) Act(s Script) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = s
}

// Secure has it speak TLS when it listens the next time; nil is not to.
func (r *Receiver) Secure(config *tls.Config) { r.options.TLS = config }

// ListenAt is Listen at another host:port from now on.
func (r *Receiver) ListenAt(addr string) error {
	r.mu.Lock()
	r.addr = addr
	r.mu.Unlock()
	return r.Listen()
}

// Listen begins to take connections.
func (r *Receiver) Listen() error {
	l, err := listen(r.options.Listen, r.Addr())
	if err != nil {
		return err
	}
	conns := newConnections(l)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addr, r.conns = l.Addr().String(), conns
	if r.options.HTTP {
		r.stop = r.serveHTTP(conns)
	} else {
		r.stop = r.serveGRPC(conns)
	}
	return nil
}

// listen waits for the port to be free: an outgoing connection may have it for a moment.
func listen(open func(network, address string) (net.Listener, error), addr string) (net.Listener, error) {
	deadline := time.Now().Add(5 * time.Second)
	for {
		l, err := open("tcp", addr)
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return l, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Shut stops listening and ends all connections. It does nothing when nothing listens.
func (r *Receiver) Shut() {
	r.mu.Lock()
	stop := r.stop
	r.stop = nil
	r.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// Reset ends all connections with RST, and goes on listening.
func (r *Receiver) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns != nil {
		r.conns.resetAll()
	}
}

func (r *Receiver) serveGRPC(l *connections) (stop func()) {
	options := append([]grpc.ServerOption{grpc.WaitForHandlers(true)}, r.options.Server...)
	if r.options.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(r.options.TLS)))
	}
	s := grpc.NewServer(options...)
	collectorpb.RegisterTraceServiceServer(s, &grpcService{receiver: r})
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(l) }) // it ends when it is stopped
	return func() { s.Stop(); running.Wait() }
}

func (r *Receiver) serveHTTP(l *connections) (stop func()) {
	s := &http.Server{Handler: httpService{r}, TLSConfig: r.options.TLS, ErrorLog: log.New(io.Discard, "", 0)} // failures are its purpose
	var running sync.WaitGroup
	running.Go(func() {
		if r.options.TLS != nil {
			_ = s.ServeTLS(l, "", "") // it ends when it is stopped
		} else {
			_ = s.Serve(l)
		}
	})
	return func() {
		_ = s.Close() // of listeners and connections: they are gone either way
		running.Wait()
	}
}

// errBroken is a call whose connection was ended.
var errBroken = errors.New("connection ended by the script")

// decide has the script decide on a call, waits as long as the answer has it, and does the accounts.
func (r *Receiver) decide(ctx context.Context, request *collectorpb.ExportTraceServiceRequest, bytes int, remote string) (Answer, error) {
	c := newCall(bytes)
	for s := range sink.Decode(request) {
		c.Spans = append(c.Spans, s)
	}
	if len(c.Spans) == 0 {
		return Answer{}, errors.New("a request without spans")
	}
	r.arrive(c)
	defer r.forget(c)
	r.mu.Lock()
	script, conns := r.script, r.conns
	r.mu.Unlock()
	a := script(c)
	if err := a.wait(ctx); err != nil {
		return a, err
	}
	switch {
	case a.Break:
		conns.reset(remote)
		return a, errBroken
	case a.refuses():
		return a, nil
	}
	r.take(c, int(min(max(a.Rejected, 0), int64(len(c.Spans)))))
	if a.Lose {
		conns.reset(remote)
		return a, errBroken
	}
	return a, nil
}

func (a Answer) refuses() bool { return a.Status.Err() != nil || a.HTTP != 0 }

// wait returns an error when the client has gone first.
func (a Answer) wait(ctx context.Context) error {
	t := time.NewTimer(a.Delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return fmt.Errorf("while the script has it wait: %w", context.Cause(ctx))
	}
	if a.Until == nil {
		return nil
	}
	select {
	case <-a.Until:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("while the script holds it: %w", context.Cause(ctx))
	}
}

func (a Answer) response() *collectorpb.ExportTraceServiceResponse {
	response := &collectorpb.ExportTraceServiceResponse{}
	if a.Rejected != 0 || a.Message != "" {
		response.PartialSuccess = &collectorpb.ExportTracePartialSuccess{RejectedSpans: a.Rejected, ErrorMessage: a.Message}
	}
	return response
}
