package otelcollector

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// provided is the outlet through Config.TracerProvider.
type provided struct {
	provider trace.TracerProvider
	tracer   trace.Tracer
}

// fieldsOfBoth are the fields of Config that say how spans are made, whoever makes them. The others say what becomes of
// them, which the provider knows.
var fieldsOfBoth = []string{"TracerProvider", "Settings", "Propagator", "TrustedProxies", "KnownMethods"}

// checkProvided refuses what the provider decides.
func (s *Settings) checkProvided() error {
	const allowed = "left out beside Config.TracerProvider, whose own SDK decides what is exported"
	switch {
	case s.Sampler != nil:
		return &SettingError{"Sampler", s.Sampler.Description(), allowed}
	case s.KeepErrors:
		return &SettingError{"KeepErrors", "true", allowed}
	case s.KeepSlowerThan != 0:
		return &SettingError{"KeepSlowerThan", s.KeepSlowerThan.String(), allowed}
	}
	return nil
}

// newProvided is New with Config.TracerProvider.
func newProvided(cfg *Config) (*Collector, error) {
	fields := reflect.ValueOf(cfg).Elem()
	for field, value := range fields.Fields() {
		if !value.IsZero() && !slices.Contains(fieldsOfBoth, field.Name) {
			return nil, fmt.Errorf("otelcollector: Config.%s and Config.TracerProvider are both set, but spans that go through a provider "+
				"are sampled, described and exported by its own SDK: leave one of the two out", field.Name)
		}
	}
	provider := cfg.TracerProvider
	c := &Collector{
		disabled: isDisabled(),
		methods:  knownMethods(cfg.KnownMethods),
		trusted:  slices.Clone(cfg.TrustedProxies),
		provider: func() trace.TracerProvider { return provider },
		provided: &provided{provider, provider.Tracer(scopeName, trace.WithSchemaURL(conventions.SchemaURL))},
	}
	c.limits.AttributeValueLengthLimit = -1 // the provider has its own
	c.stray = &connection{collector: c, stray: true}
	err := c.Reconfigure(cfg.Settings)
	if err != nil {
		return nil, err
	}
	if c.propagator, err = propagatorOf(cfg); err != nil {
		return nil, err
	}
	return c, nil
}

// flush has the provider export what has ended, if it can be asked to.
func (p *provided) flush(ctx context.Context) error {
	if f, ok := p.provider.(interface{ ForceFlush(context.Context) error }); ok {
		return f.ForceFlush(ctx)
	}
	return nil
}

// start starts a span as a child of the one in ctx.
func (p *provided) start(ctx context.Context, s *start) trace.Span {
	_, span := p.tracer.Start(ctx, otlp.Valid(s.name), trace.WithSpanKind(s.kind), trace.WithTimestamp(time.Unix(0, s.atNS)),
		trace.WithAttributes(s.attributes...), trace.WithLinks(s.links...))
	return span
}

// start is what a span is started with.
type start struct {
	name       string
	kind       trace.SpanKind
	atNS       int64 // wall time
	attributes []attribute.KeyValue
	links      []trace.Link
}

// end ends a span. Only an error has a message.
func end(span trace.Span, atNS int64, status otlp.StatusCode, message string) {
	if status != otlp.StatusUnset {
		span.SetStatus(codeOf(status), otlp.Valid(message))
	}
	span.End(trace.WithTimestamp(time.Unix(0, atNS)))
}

// attributesOf returns the attributes that encode appends, as far as want asks for them: what a span has is said once, for
// both outlets.
func attributesOf(encode func(dst []byte) []byte, want func(key []byte) bool) []attribute.KeyValue {
	s := takeScratch()
	defer s.give()
	s.buf = encode(s.buf[:0])
	return otlp.Attributes(s.buf, want)
}

func all([]byte) bool { return true }

// recordProvided is Record.
func (c *Collector) recordProvided(e lifecycle.Event) {
	switch e := e.(type) {
	case *lifecycle.ConnectionRejected:
		c.provided.rejected(e)
	case *lifecycle.TLSHandshakeFailed:
		c.provided.handshakeFailed(e)
	default:
		(&providedConnection{connection: c.stray}).Record(e) // as it keeps nothing of them
	}
}

// rejected makes the span of a connection that was accepted only to be refused.
func (p *provided) rejected(e *lifecycle.ConnectionRejected) {
	at := lifecycle.UnixNano(e.TimestampNS)
	span := p.start(context.Background(), &start{
		name: nameConnection, kind: trace.SpanKindInternal, atNS: at,
		attributes: attributesOf(func(dst []byte) []byte { return appendRejected(dst, e) }, all),
	})
	end(span, at, otlp.StatusError, "")
}

// handshakeFailed makes the spans of a connection that ended with its TLS handshake.
func (p *provided) handshakeFailed(e *lifecycle.TLSHandshakeFailed) {
	accepted, started, ended := handshakeTimes(e)
	attributes := attributesOf(func(dst []byte) []byte { return appendHandshakeFailed(dst, e) }, all)
	s := start{name: nameConnection, kind: trace.SpanKindInternal, atNS: accepted, attributes: attributes}
	connection := p.start(context.Background(), &s)
	s.name, s.atNS = nameHandshake, started
	handshake := p.start(trace.ContextWithSpan(context.Background(), connection), &s)
	end(handshake, ended, otlp.StatusError, messageOf(e.Err))
	end(connection, ended, otlp.StatusError, messageOf(e.Err))
}
