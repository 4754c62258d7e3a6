package otelcollector

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// clientFromEnv makes an official client. Its own retry is switched off: it would hold a batch for ten seconds at
// most, and its error does not tell what has happened.
func clientFromEnv() (otlptrace.Client, error) {
	if err := checkEndpoint(); err != nil {
		return nil, err
	}
	protocol, err := protocolFromEnv()
	switch {
	case err != nil:
		return nil, err
	case protocol == protocolGRPC:
		return grpcClient(), nil
	}
	return httpClient()
}

func grpcClient() otlptrace.Client {
	opts := []otlptracegrpc.Option{
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: false}),
		otlptracegrpc.WithDialOption(
			grpc.WithUnaryInterceptor(observeGRPC),
			// grpc's own maximum of two minutes would be too long for spans to wait once the receiver is back.
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
				MinConnectTimeout: 10 * time.Second,
			}),
			// Without this a receiver that vanished silently is noticed by the kernel only, after a quarter of an hour:
			// grpc makes TCP_USER_TIMEOUT of Timeout. Servers take offence at pings more often than every five minutes.
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Minute, Timeout: 20 * time.Second}),
		),
	}
	if _, endpoint := firstSet(envTracesEndpoint, envEndpoint); endpoint == "" {
		if _, insecure := firstSet(envTracesInsecure, envInsecure); insecure == "" {
			// The specification's default is http://localhost:4317, the client's is https.
			opts = append(opts, otlptracegrpc.WithInsecure())
		}
	}
	return &grpcTraces{otlptracegrpc.NewClient(opts...)}
}

// grpcTraces is the official gRPC client.
type grpcTraces struct{ otlptrace.Client }

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
	r.accepted = true
	if answer, ok := reply.(*collectorpb.ExportTraceServiceResponse); ok {
		r.rejected = answer.GetPartialSuccess().GetRejectedSpans()
	}
	return nil
}
