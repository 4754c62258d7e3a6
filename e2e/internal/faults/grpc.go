package faults

import (
	"context"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // senders may compress
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// grpcService is the TraceService of OTLP.
type grpcService struct {
	collectorpb.UnimplementedTraceServiceServer
	receiver *Receiver
}

// Export implements [collectorpb.TraceServiceServer].
func (g *grpcService) Export(ctx context.Context, request *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil, status.Error(codes.Internal, "a call without a peer")
	}
	a, err := g.receiver.decide(ctx, request, proto.Size(request), p.Addr.String())
	if err != nil {
		return nil, err
	}
	if err := a.Status.Err(); err != nil {
		return nil, err
	}
	return a.response(), nil
}
