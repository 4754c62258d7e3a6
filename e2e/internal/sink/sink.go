// Package sink is a receiver of OTLP/gRPC that keeps the spans it gets, decoded by the official protobuf package, which is as strict
// as protobuf is: a string that is not UTF-8 loses the request here as it would at a real backend.
package sink

import (
	"context"
	"net"
	"sync"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // senders may compress
)

// Sink receives spans. Its methods may be called from any goroutine.
type Sink struct {
	collectorpb.UnimplementedTraceServiceServer

	addr   net.Addr
	server *grpc.Server
	served chan error

	mu        sync.Mutex
	byService map[string][]*Span
	ids       map[id]bool
	problems  []string
	changed   chan struct{} // closed, and replaced, when spans arrive
}

type id struct {
	trace [16]byte
	span  [8]byte
}

// Open starts a sink on a free port of 127.0.0.1. The caller closes it.
func Open() (*Sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Sink{
		addr:      l.Addr(),
		server:    grpc.NewServer(),
		served:    make(chan error, 1),
		byService: map[string][]*Span{},
		ids:       map[id]bool{},
		changed:   make(chan struct{}),
	}
	collectorpb.RegisterTraceServiceServer(s.server, s)
	go func() { s.served <- s.server.Serve(l) }()
	return s, nil
}

// Addr returns its host:port.
func (s *Sink) Addr() string { return s.addr.String() }

// Close ends it.
func (s *Sink) Close() error {
	s.server.Stop()
	return <-s.served
}

// Export implements the TraceService of OTLP.
func (s *Sink) Export(_ context.Context, r *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for span := range Decode(r) {
		s.addLocked(span)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

func (s *Sink) addLocked(span *Span) {
	var i id
	copy(i.trace[:], span.TraceId)
	copy(i.span[:], span.SpanId)
	if s.ids[i] {
		s.problems = append(s.problems, "a span came twice: "+span.String())
		return
	}
	s.ids[i] = true
	if what := span.Malformed(); what != "" {
		s.problems = append(s.problems, what+": "+span.String())
	}
	service, _ := span.Resource["service.name"].(string)
	s.byService[service] = append(s.byService[service], span)
}

// Spans returns what came from a service so far, and a channel that is closed when more spans come. Spans are not to
// be changed.
func (s *Sink) Spans(service string) ([]*Span, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.byService[service]
	return list[:len(list):len(list)], s.changed
}

// Problems returns what is wrong with the spans that came: those that came twice, and those that no backend should
// be sent.
func (s *Sink) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problems[:len(s.problems):len(s.problems)]
}
