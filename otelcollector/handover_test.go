package otelcollector_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/wirespan/wirespan/otelcollector"
)

// newUpload has two scopes with two spans each, of a size that grpc's buffers count the references of.
func newUpload(t testing.TB) otelcollector.Upload {
	t.Helper()
	spans, err := proto.Marshal(&tracepb.ScopeSpans{Spans: []*tracepb.Span{{Name: "first"}, {Name: string(make([]byte, 64<<10))}}})
	if err != nil {
		t.Fatal(err)
	}
	return otelcollector.NewUpload(
		resource.NewSchemaless(attribute.String("service.name", "shop")), "https://example.com/1\xff", spans,
		instrumentation.Scope{Name: "server", SchemaURL: "https://example.com/2"},
		instrumentation.Scope{Name: "database", Version: "1", Attributes: attribute.NewSet(attribute.Bool("pool", true))},
	)
}

// What grpc is given is what its own codec would have made of the same request.
func TestHandOverIsTheSameRequest(t *testing.T) {
	u := newUpload(t)
	want, err := u.Plain().Marshal(u.Request())
	if err != nil {
		t.Fatal(err)
	}
	got, err := u.Marshal(u.Request())
	if err != nil {
		t.Fatal(err)
	}
	if got.Len() != want.Len() {
		t.Errorf("%d bytes, want %d", got.Len(), want.Len())
	}
	var a, b collectorpb.ExportTraceServiceRequest
	if err := u.Unmarshal(want, &a); err != nil {
		t.Fatal(err)
	}
	if err := u.Unmarshal(got, &b); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&a, &b) {
		t.Errorf("the requests differ:\n%v\n%v", &a, &b)
	}
	if n := len(b.ResourceSpans[0].ScopeSpans[1].Spans); n != 2 {
		t.Errorf("%d spans in the second scope, want 2", n)
	}
}

// A request that is not the batch's is left to grpc's own codec.
func TestHandOverOfSomethingElse(t *testing.T) {
	u := newUpload(t)
	other := &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{SchemaUrl: "other"}}}
	data, err := u.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	var got collectorpb.ExportTraceServiceRequest
	if err := u.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&got, other) || u.IsLent() {
		t.Errorf("decoded %v", &got)
	}
}

// Buffers that grpc holds after the attempt has ended are not used again. An attempt more lends them once more.
func TestLentUntilFreed(t *testing.T) {
	u := newUpload(t)
	for range 2 {
		first, err := u.Marshal(u.Request())
		if err != nil {
			t.Fatal(err)
		}
		second, err := u.Marshal(u.Request())
		if err != nil {
			t.Fatal(err)
		}
		second.Ref() // as for the connection that sends it
		first.Free()
		second.Free()
		if !u.IsLent() {
			t.Error("not lent while there is a reference")
		}
		second.Free()
		if u.IsLent() {
			t.Error("lent without a reference")
		}
	}
}

// BenchmarkHandOver compares what it costs to encode a batch of half a megabyte with what grpc's own codec would cost.
func BenchmarkHandOver(b *testing.B) {
	u := otelcollector.NewUpload(resource.Empty(), "", make([]byte, 512<<10), instrumentation.Scope{Name: "server"})
	for _, c := range []struct {
		name  string
		codec interface {
			Marshal(any) (mem.BufferSlice, error)
		}
	}{{"lent", u}, {"grpc's own", u.Plain()}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data, err := c.codec.Marshal(u.Request())
				if err != nil {
					b.Fatal(err)
				}
				data.Free()
			}
		})
	}
}
