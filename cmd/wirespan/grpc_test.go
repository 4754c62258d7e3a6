package main

import (
	"context"
	"net"
	"testing"

	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

// These are a backend's services for gRPC.
type (
	traceBackend struct {
		coltracepb.UnimplementedTraceServiceServer
		*backend
	}
	metricsBackend struct {
		colmetricspb.UnimplementedMetricsServiceServer
		*backend
	}
	logsBackend struct {
		collogspb.UnimplementedLogsServiceServer
		*backend
	}
)

func (b traceBackend) Export(_ context.Context, r *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	b.add(r)
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

func (b metricsBackend) Export(_ context.Context, r *colmetricspb.ExportMetricsServiceRequest) (*colmetricspb.ExportMetricsServiceResponse, error) {
	b.addMetrics(r)
	return &colmetricspb.ExportMetricsServiceResponse{}, nil
}

func (b logsBackend) Export(_ context.Context, r *collogspb.ExportLogsServiceRequest) (*collogspb.ExportLogsServiceResponse, error) {
	b.addLogs(r)
	return &collogspb.ExportLogsServiceResponse{}, nil
}

// newGRPCBackend is newBackend for OTLP over gRPC.
func newGRPCBackend(t *testing.T) *backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{url: "http://" + l.Addr().String()}
	s := grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(s, traceBackend{backend: b})
	colmetricspb.RegisterMetricsServiceServer(s, metricsBackend{backend: b})
	collogspb.RegisterLogsServiceServer(s, logsBackend{backend: b})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(l)
	}()
	t.Cleanup(func() { s.Stop(); <-ended })
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", b.url)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	return b
}

// All three signals go to one receiver, and name the same instance of the service.
func TestAllSignalsOverGRPC(t *testing.T) {
	b := newGRPCBackend(t)
	s := start(t, nil, "demo", "--metrics", "otlp", "--logs", "otlp")
	s.get("/users/42")
	s.stop()
	b.one(t, "GET /users/{id}", serverKind, nil)
	b.metric(t, "http.server.request.duration")
	b.record(t, "stopped")
	instances := map[string]int{}
	for _, m := range b.metrics {
		instances[textOf(m.GetResource().GetAttributes(), "service.instance.id")]++
	}
	for _, l := range b.logs {
		instances[textOf(l.GetResource().GetAttributes(), "service.instance.id")]++
	}
	for _, s := range b.spans {
		instances[s.instance]++
	}
	if len(instances) != 1 || instances[""] > 0 {
		t.Errorf("the signals are of the instances %v", instances)
	}
}
