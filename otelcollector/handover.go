package otelcollector

import (
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// handOver is grpc's codec for one attempt. It gives grpc the spans where they lie, in the buffers of their batch, which
// the batch counts as lent until grpc has let go of them. grpc's own codec takes a buffer of one megabyte for each
// batch, clears all of it and copies the spans there: 0.1 us a span, by BenchmarkUpload, and a megabyte less in the
// processor's caches.
type handOver struct {
	message *message
	batch   *batch
}

var _ encoding.CodecV2 = handOver{}

// plainCodec is grpc's own.
var plainCodec = encoding.GetCodecV2(proto.Name)

// Name implements [encoding.CodecV2]. It is a part of the content-type, and that stays as it is without this codec.
func (handOver) Name() string { return "" }

// Marshal implements [encoding.CodecV2].
func (h handOver) Marshal(v any) (mem.BufferSlice, error) {
	request, ok := v.(*collectorpb.ExportTraceServiceRequest)
	if !ok || len(request.ResourceSpans) != 1 || request.ResourceSpans[0] != h.message.list[0] {
		return plainCodec.Marshal(v) // not the message that the client was given
	}
	return h.pieces(), nil
}

// Unmarshal implements [encoding.CodecV2].
func (h handOver) Unmarshal(data mem.BufferSlice, v any) error { return plainCodec.Unmarshal(data, v) }

const resourceSpans, scopeSpans = 1, 2 // in the request and in its ResourceSpans

// pieces returns the request: the spans of each scope after a piece with all that has to stand before them.
func (h handOver) pieces() mem.BufferSlice {
	if raw := &h.batch.raw; h.batch.isReplay() {
		b := protowire.AppendTag(nil, resourceSpans, protowire.BytesType)
		return mem.BufferSlice{mem.SliceBuffer(protowire.AppendVarint(b, uint64(len(*raw)))), h.batch.lend(raw)}
	}
	groups := h.batch.groups
	room, body := 0, len(h.message.head)
	for i := range groups {
		room += maxTagAndLength + len(groups[i].scope.head)
		body += protowire.SizeTag(scopeSpans) + protowire.SizeBytes(groups[i].size())
	}
	b := make([]byte, 0, room+maxTagAndLength+len(h.message.head))
	b = protowire.AppendVarint(protowire.AppendTag(b, resourceSpans, protowire.BytesType), uint64(body))
	b = append(b, h.message.head...)
	pieces := make(mem.BufferSlice, 0, 2*len(groups))
	for i := range groups {
		g := &groups[i]
		b = protowire.AppendVarint(protowire.AppendTag(b, scopeSpans, protowire.BytesType), uint64(g.size()))
		b = append(b, g.scope.head...)
		pieces = append(pieces, mem.SliceBuffer(b), h.batch.lend(&g.data))
		b = b[len(b):]
	}
	return pieces
}

// maxTagAndLength is enough for the tag and the length of a field.
const maxTagAndLength = 11

// size is the length of the ScopeSpans message.
func (g *group) size() int { return len(g.scope.head) + len(g.data) }

// lend returns a part of the batch as a buffer that grpc frees.
func (b *batch) lend(part *[]byte) mem.Buffer {
	b.lent.Add(1)
	return mem.NewBuffer(part, lender{b})
}

// isLent reports whether grpc may still read the spans. Those of an upload that was given up may wait for the connection.
func (b *batch) isLent() bool { return b.lent.Load() != 0 }

// lender gets back what grpc has let go of.
type lender struct{ batch *batch }

var _ mem.BufferPool = lender{}

// Get implements [mem.BufferPool]; nobody calls it.
func (lender) Get(length int) *[]byte { b := make([]byte, length); return &b }

// Put implements [mem.BufferPool].
func (l lender) Put(*[]byte) { l.batch.lent.Add(-1) }
