package otelcollector

import (
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"
)

// Upload is one attempt to upload a batch with a group for each scope.
type Upload struct{ handOver }

// NewUpload makes an attempt. spans are fields of a ScopeSpans.
func NewUpload(r *resource.Resource, schemaURL string, spans []byte, scopes ...instrumentation.Scope) Upload {
	b := &batch{}
	for i := range scopes {
		b.groups = append(b.groups, group{scope: newScope(&scopes[i]), data: spans})
	}
	m := newMessage(newResource(r), schemaURL)
	m.fill(b)
	return Upload{handOver{m, b}}
}

// Request is what the official client makes of it.
func (u Upload) Request() proto.Message {
	return &collectorpb.ExportTraceServiceRequest{ResourceSpans: u.message.list[:]}
}

// Plain is grpc's own codec.
func (Upload) Plain() encoding.CodecV2 { return plainCodec }

// IsLent reports whether its buffers must not be used again.
func (u Upload) IsLent() bool { return u.batch.isLent() }

// Buffers are the buffers of a pipeline.
type Buffers struct{ buffers }

// Get takes a buffer.
func (b *Buffers) Get() []byte { return b.get() }

// Put gives one back.
func (b *Buffers) Put(buf []byte) { b.put(buf) }

// Trim is what happens at each tick.
func (b *Buffers) Trim() { b.trim() }
