package otelcollector

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// timeoutsUntilAnew is after how many uploads in a row that were not answered in time the connection is made anew.
const timeoutsUntilAnew = 2

// grpcTraces is the official gRPC client, whose connection is closed when nothing happens on it any more. An upload that is
// not answered in time does not end its connection, and one whose other end acknowledges what comes but does nothing with
// it, as a proxy that has lost the receiver, would be used for ever.
type grpcTraces struct {
	otlptrace.Client
	connections *connections
	receiver    []attribute.KeyValue
	timeouts    atomic.Int32 // in a row
}

// UploadTraces implements [otlptrace.Client].
func (g *grpcTraces) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	err := g.Client.UploadTraces(ctx, spans)
	switch {
	case status.Code(err) != codes.DeadlineExceeded:
		g.timeouts.Store(0)
	case g.timeouts.Add(1) >= timeoutsUntilAnew:
		g.timeouts.Store(0)
		g.connections.close()
	}
	return err
}

// connections are those of a gRPC client.
type connections struct {
	hooks *instrument.Hooks

	mu     sync.Mutex
	latest []net.Conn // some may be closed
}

// maxLatest is more than one client has at once: an address may be tried while the one before it is.
const maxLatest = 4

// dial implements what [grpc.WithContextDialer] wants. grpc asks the connection itself for TCP_USER_TIMEOUT, and so it is not
// wrapped.
func (c *connections) dial(ctx context.Context, address string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", strings.TrimPrefix(path, "//")
	}
	var d net.Dialer
	conn, err := c.hooks.Dial(ctx, network, address, d.DialContext)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.latest) == maxLatest {
		c.latest = slices.Delete(c.latest, 0, 1)
	}
	c.latest = append(c.latest, conn)
	return conn, nil
}

// close closes them: grpc makes another then.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.latest {
		_ = conn.Close() // may be closed already
	}
	c.latest = nil
}

// usesProxy reports whether HTTPS_PROXY and NO_PROXY have grpc go through a proxy to the endpoint. It does not with a dialer
// that is not its own.
func usesProxy() bool {
	_, endpoint := firstSet(envTracesEndpoint, envEndpoint)
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: u.Host}})
	return proxy != nil || err != nil
}

func grpcClient(h *instrument.Hooks) otlptrace.Client {
	g := &grpcTraces{connections: &connections{hooks: h}, receiver: receiverFromEnv(protocolGRPC)}
	dial := []grpc.DialOption{
		grpc.WithUnaryInterceptor(observeGRPC),
		// grpc's own maximum of two minutes would be too long for spans to wait once the receiver is back: with maxPause and the jitter,
		// it is to be less than three seconds.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 800 * time.Millisecond},
			MinConnectTimeout: 10 * time.Second,
		}),
		// Without this a receiver that vanished silently is noticed by the kernel only, after a quarter of an hour:
		// grpc makes TCP_USER_TIMEOUT of Timeout. Servers take offence at pings more often than every five minutes.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Minute, Timeout: 20 * time.Second}),
	}
	if !usesProxy() {
		dial = append(dial, grpc.WithContextDialer(g.connections.dial))
	}
	opts := []otlptracegrpc.Option{
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}), otlptracegrpc.WithDialOption(dial...),
	}
	if _, endpoint := firstSet(envTracesEndpoint, envEndpoint); endpoint == "" {
		if _, insecure := firstSet(envTracesInsecure, envInsecure); insecure == "" {
			// The specification's default is http://localhost:4317, the client's is https.
			opts = append(opts, otlptracegrpc.WithInsecure())
		}
	}
	g.Client = otlptracegrpc.NewClient(opts...)
	return g
}

// observeGRPC hands the spans over and notes how the upload ended.
func observeGRPC(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	r := attemptOf(ctx)
	if r == nil {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	err := invoke(ctx, method, req, reply, cc, append(opts, grpc.ForceCodecV2(r.handOver))...)
	r.known = true
	if err != nil {
		r.grpc(status.Convert(err))
		return err
	}
	r.accepted, r.status = true, attribute.String(rpcStatus, code.Code_OK.String())
	if answer, ok := reply.(*collectorpb.ExportTraceServiceResponse); ok {
		r.partial(answer)
	}
	return nil
}
