package sink

import (
	"slices"
	"strings"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func request(spans ...*tracepb.Span) *collectorpb.ExportTraceServiceRequest {
	return &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "s")}},
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "scope"}, Spans: spans}},
	}}}
}

func good(id byte) *tracepb.Span {
	return &tracepb.Span{
		TraceId: slices.Repeat([]byte{1}, 16), SpanId: slices.Repeat([]byte{id}, 8), Name: "n",
		StartTimeUnixNano: 1, EndTimeUnixNano: 2, Attributes: []*commonpb.KeyValue{text("a", "x")},
	}
}

// send exports over the wire.
func send(t *testing.T, s *Sink, r *collectorpb.ExportTraceServiceRequest) {
	t.Helper()
	conn, err := grpc.NewClient(s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := collectorpb.NewTraceServiceClient(conn).Export(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *Sink {
	t.Helper()
	s, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSinkKeepsSpans(t *testing.T) {
	s := open(t)
	before, changed := s.Spans("s")
	send(t, s, request(good(1), good(2)))
	<-changed
	spans, _ := s.Spans("s")
	if len(before) != 0 || len(spans) != 2 || spans[1].Attrs["a"] != "x" || spans[1].Scope != "scope" || spans[1].Resource["service.name"] != "s" {
		t.Errorf("%v, then %v", before, spans)
	}
	if p := s.Problems(); len(p) != 0 {
		t.Errorf("problems %q", p)
	}
}

func TestSinkFindsProblems(t *testing.T) {
	twice := good(3)
	twice.Attributes = append(twice.Attributes, text("a", "y"))
	backwards := good(4)
	backwards.EndTimeUnixNano = 0
	nameless := good(5)
	nameless.Name = ""
	for want, spans := range map[string][]*tracepb.Span{
		"came twice":             {good(1), good(1)},
		"is there twice":         {twice},
		"before it starts":       {backwards},
		"without a name":         {nameless},
		"an id of zeros":         {good(0)},
		"an id of the wrong len": {{TraceId: []byte{1}, SpanId: []byte{1}, Name: "n", StartTimeUnixNano: 1, EndTimeUnixNano: 1}},
	} {
		s := open(t)
		send(t, s, request(spans...))
		if p := s.Problems(); len(p) != 1 || !strings.Contains(p[0], want) {
			t.Errorf("problems %q, want one with %q", p, want)
		}
	}
}
