package otelcollector_test

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// receiver is a real OTLP receiver on 127.0.0.1, for both protocols.
type receiver struct {
	collectorpb.UnimplementedTraceServiceServer
	// answer decides about the request with this number, from 1: an HTTP status or a gRPC status, and what was rejected.
	answer func(n int) answer

	mu       sync.Mutex
	n        int
	header   http.Header
	metadata metadata.MD
	spans    []*tracepb.Span
}

type answer struct {
	grpc       *status.Status
	http       int
	retryAfter string
	rejected   int64
	message    string
}

// take keeps the spans of a request that is answered with success.
func (r *receiver) take(req *collectorpb.ExportTraceServiceRequest) answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	var a answer
	if r.answer != nil {
		a = r.answer(r.n)
	}
	if a.grpc == nil && a.http == 0 {
		for _, rs := range req.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				r.spans = append(r.spans, ss.Spans...)
			}
		}
	}
	return a
}

func (r *receiver) received() (requests int, spans []*tracepb.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n, r.spans
}

func response(a answer) *collectorpb.ExportTraceServiceResponse {
	resp := &collectorpb.ExportTraceServiceResponse{}
	if a.rejected != 0 || a.message != "" {
		resp.PartialSuccess = &collectorpb.ExportTracePartialSuccess{RejectedSpans: a.rejected, ErrorMessage: a.message}
	}
	return resp
}

// Export implements the gRPC service.
func (r *receiver) Export(ctx context.Context, req *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	r.mu.Lock()
	r.metadata = md
	r.mu.Unlock()
	a := r.take(req)
	if a.grpc != nil {
		return nil, a.grpc.Err()
	}
	return response(a), nil
}

// ServeHTTP implements POST /v1/traces.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.header = req.Header
	r.mu.Unlock()
	if req.URL.Path != "/v1/traces" || req.Header.Get("Content-Type") != "application/x-protobuf" {
		http.NotFound(w, req)
		return
	}
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = zr
	}
	b, err := io.ReadAll(body)
	var msg collectorpb.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(b, &msg)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a := r.take(&msg)
	if a.http != 0 {
		if a.retryAfter != "" {
			w.Header().Set("Retry-After", a.retryAfter)
		}
		http.Error(w, "not now", a.http)
		return
	}
	out, _ := proto.Marshal(response(a))
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out) // the client's matter
}

// serveGRPC starts the receiver and returns its endpoint.
func serveGRPC(t *testing.T, r *receiver) string {
	t.Helper()
	return "http://" + listenGRPC(t, r, "tcp", "127.0.0.1:0").String()
}

func listenGRPC(t *testing.T, r *receiver, network, address string) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(s, r)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() { s.Stop(); wg.Wait() })
	return l.Addr()
}

func serveHTTP(t *testing.T, r *receiver) string {
	t.Helper()
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return s.URL
}
