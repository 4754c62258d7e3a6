package otelcollector

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// SpanProcessor returns a processor for an application's own SDK: its spans take the way of the Collector's, through
// the same queue, client and accounts. They carry the Collector's resource, whatever that of the SDK is.
//
// With [Config.TracerProvider] there is no such way, and the processor does nothing.
//
// Shutdown of the processor, and so of the SDK's provider, flushes; the Collector goes on until it is shut down itself.
func (c *Collector) SpanProcessor() sdktrace.SpanProcessor { return processor{c} }

type processor struct{ c *Collector }

// OnStart implements [sdktrace.SpanProcessor].
func (processor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements [sdktrace.SpanProcessor].
func (p processor) OnEnd(s sdktrace.ReadOnlySpan) {
	if p.c.pipeline == nil || !s.SpanContext().IsSampled() {
		return
	}
	scope := s.InstrumentationScope()
	buf := takeScratch()
	defer buf.give()
	buf.buf = appendSDKSpan(buf.buf[:0], s)
	p.c.pipeline.scoped(&scope).add(buf.buf)
}

// ForceFlush implements [sdktrace.SpanProcessor].
func (p processor) ForceFlush(ctx context.Context) error {
	if p.c.provided != nil {
		return nil // it has no spans, and the Collector's ForceFlush may be what calls this one
	}
	return p.c.ForceFlush(ctx)
}

// Shutdown implements [sdktrace.SpanProcessor].
func (p processor) Shutdown(ctx context.Context) error { return p.ForceFlush(ctx) }

// scoped returns the shard of a scope.
func (p *pipeline) scoped(s *instrumentation.Scope) *shard {
	key := keyOfScope(s)
	p.grow.RLock()
	sh := p.scopes[key]
	p.grow.RUnlock()
	if sh != nil {
		return sh
	}
	p.grow.Lock()
	defer p.grow.Unlock()
	if sh = p.scopes[key]; sh == nil {
		sh = &shard{pipeline: p, scope: newScope(s), ledger: p.disk.ledger(0), closed: p.closed}
		p.scopes[key] = sh
	}
	return sh
}

// appendSDKSpan appends a span of the SDK, which has kept its limits already, as a field of ScopeSpans.
func appendSDKSpan(dst []byte, s sdktrace.ReadOnlySpan) []byte {
	sc, parent, status := s.SpanContext(), s.Parent(), s.Status()
	dst, mark := otlp.Open(dst, otlp.ScopeSpansSpan)
	dst = otlp.AppendHead(dst, &otlp.Head{
		TraceID: sc.TraceID(), SpanID: sc.SpanID(), ParentSpanID: parent.SpanID(), ParentIsRemote: parent.IsRemote(),
		TraceFlags: byte(sc.TraceFlags()), TraceState: sc.TraceState().String(),
		Name: s.Name(), Kind: kindOf(s.SpanKind()), StartNS: s.StartTime().UnixNano(), EndNS: s.EndTime().UnixNano(),
	})
	for _, kv := range s.Attributes() {
		dst = otlp.AppendKeyValue(dst, otlp.SpanAttribute, kv, -1)
	}
	for _, e := range s.Events() {
		dst = otlp.AppendEvent(dst, &otlp.Event{
			Name: e.Name, TimeNS: e.Time.UnixNano(), Attributes: e.Attributes, Dropped: e.DroppedAttributeCount,
		}, -1)
	}
	for _, l := range s.Links() {
		lc := l.SpanContext
		dst = otlp.AppendLink(dst, &otlp.Link{
			TraceID: lc.TraceID(), SpanID: lc.SpanID(), TraceFlags: byte(lc.TraceFlags()), TraceState: lc.TraceState().String(),
			IsRemote: lc.IsRemote(), Attributes: l.Attributes, Dropped: l.DroppedAttributeCount,
		}, -1)
	}
	dst = otlp.AppendDropped(dst, s.DroppedAttributes(), s.DroppedEvents(), s.DroppedLinks())
	dst = otlp.AppendStatus(dst, statusOf(status.Code), status.Description)
	return otlp.Close(dst, mark)
}

func statusOf(c codes.Code) otlp.StatusCode {
	switch c {
	case codes.Ok:
		return otlp.StatusOK
	case codes.Error:
		return otlp.StatusError
	}
	return otlp.StatusUnset
}

func kindOf(k trace.SpanKind) otlp.Kind {
	switch k {
	case trace.SpanKindServer:
		return otlp.KindServer
	case trace.SpanKindClient:
		return otlp.KindClient
	case trace.SpanKindProducer:
		return otlp.KindProducer
	case trace.SpanKindConsumer:
		return otlp.KindConsumer
	}
	return otlp.KindInternal
}
