package otelcollector

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// message is what an upload passes to the client, made once and filled for each batch.
type message struct {
	head   []byte                    // the ResourceSpans without scopes, encoded
	list   [1]*tracepb.ResourceSpans // own or replay
	own    *tracepb.ResourceSpans
	replay *tracepb.ResourceSpans
	scopes []*tracepb.ScopeSpans // all that were ever needed at once
}

func newMessage(r *resourcepb.Resource, schemaURL string) *message {
	own := &tracepb.ResourceSpans{Resource: r, SchemaUrl: otlp.Valid(schemaURL)}
	return &message{head: encoded(own), own: own, replay: &tracepb.ResourceSpans{}}
}

// encoded returns a message whose strings are valid, encoded.
func encoded(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		return nil
	}
	return b
}

// fill puts a batch into the message. The spans are the unknown fields of their ScopeSpans: protobuf marshals unknown
// fields as they are, after the known ones, and to the receiver they are ordinary spans. What comes from the spool is a whole
// ResourceSpans, that of another process perhaps.
func (m *message) fill(b *batch) {
	if b.isReplay() {
		m.replay.ProtoReflect().SetUnknown(b.raw)
		m.list[0] = m.replay
		return
	}
	for len(m.scopes) < len(b.groups) {
		m.scopes = append(m.scopes, &tracepb.ScopeSpans{})
	}
	for i, g := range b.groups {
		s := m.scopes[i]
		s.Scope, s.SchemaUrl = g.scope.proto, g.scope.schemaURL
		s.ProtoReflect().SetUnknown(g.data)
	}
	m.own.ScopeSpans = m.scopes[:len(b.groups)]
	m.list[0] = m.own
}

// empty lets go of the batch.
func (m *message) empty() {
	for _, s := range m.own.ScopeSpans {
		s.ProtoReflect().SetUnknown(nil)
	}
	m.own.ScopeSpans = nil
	m.replay.ProtoReflect().SetUnknown(nil)
	m.list[0] = nil
}

// scope is an instrumentation scope.
type scope struct {
	proto     *commonpb.InstrumentationScope
	schemaURL string
	head      []byte // the ScopeSpans without spans, encoded
}

// scopeKey tells scopes apart.
type scopeKey struct {
	name, version, schemaURL string
	attributes               attribute.Distinct
}

func keyOfScope(s *instrumentation.Scope) scopeKey {
	return scopeKey{s.Name, s.Version, s.SchemaURL, s.Attributes.Equivalent()}
}

func newScope(s *instrumentation.Scope) *scope {
	var b []byte
	for i := s.Attributes.Iter(); i.Next(); {
		b = otlp.AppendKeyValue(b, otlp.ScopeAttribute, i.Attribute(), -1)
	}
	p := &commonpb.InstrumentationScope{}
	if err := proto.Unmarshal(b, p); err != nil {
		p.Reset()
	}
	p.Name, p.Version = otlp.Valid(s.Name), otlp.Valid(s.Version)
	url := otlp.Valid(s.SchemaURL)
	return &scope{proto: p, schemaURL: url, head: encoded(&tracepb.ScopeSpans{Scope: p, SchemaUrl: url})}
}

func ownScope() *scope {
	return newScope(&instrumentation.Scope{Name: scopeName, SchemaURL: conventions.SchemaURL})
}

func newResource(r *resource.Resource) *resourcepb.Resource {
	var b []byte
	for i := r.Iter(); i.Next(); {
		b = otlp.AppendKeyValue(b, otlp.ResourceAttribute, i.Attribute(), -1)
	}
	p := &resourcepb.Resource{}
	if err := proto.Unmarshal(b, p); err != nil {
		p.Reset()
	}
	return p
}
