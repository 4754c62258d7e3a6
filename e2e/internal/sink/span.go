package sink

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Span is a span with its attributes as Go values: string, bool, int64, float64, []byte and []any.
type Span struct {
	*tracepb.Span
	Resource map[string]any
	Scope    string
	Attrs    map[string]any
}

// Decode returns the spans of a request.
func Decode(r *collectorpb.ExportTraceServiceRequest) iter.Seq[*Span] {
	return func(yield func(*Span) bool) {
		for _, resource := range r.GetResourceSpans() {
			about := attributes(resource.GetResource().GetAttributes())
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					s := &Span{Span: span, Resource: about, Scope: scope.GetScope().GetName(), Attrs: attributes(span.GetAttributes())}
					if !yield(s) {
						return
					}
				}
			}
		}
	}
}

// TraceID returns the id of its trace in hexadecimal.
func (s *Span) TraceID() string { return hex.EncodeToString(s.TraceId) }

// ID returns its own id in hexadecimal.
func (s *Span) ID() string { return hex.EncodeToString(s.SpanId) }

// ParentID returns the id of its parent in hexadecimal; empty for a root.
func (s *Span) ParentID() string { return hex.EncodeToString(s.ParentSpanId) }

// Start returns when it started.
func (s *Span) Start() time.Time { return time.Unix(0, int64(s.StartTimeUnixNano)) }

// End returns when it ended.
func (s *Span) End() time.Time { return time.Unix(0, int64(s.EndTimeUnixNano)) }

// IsServer reports the span of a request that was served.
func (s *Span) IsServer() bool { return s.Kind == tracepb.Span_SPAN_KIND_SERVER }

// IsClient reports the span of a request that was sent.
func (s *Span) IsClient() bool { return s.Kind == tracepb.Span_SPAN_KIND_CLIENT }

// IsConnection reports the span of a connection.
func (s *Span) IsConnection() bool {
	return s.Kind == tracepb.Span_SPAN_KIND_INTERNAL && strings.HasPrefix(s.Name, "HTTP connection")
}

// Failed reports whether its status is Error.
func (s *Span) Failed() bool { return s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR }

// Malformed says what the protocol forbids about it; empty if nothing.
func (s *Span) Malformed() string {
	switch {
	case len(s.TraceId) != 16 || len(s.SpanId) != 8 || len(s.ParentSpanId) != 0 && len(s.ParentSpanId) != 8:
		return "an id of the wrong length"
	case bytes.Equal(s.TraceId, make([]byte, 16)) || bytes.Equal(s.SpanId, make([]byte, 8)):
		return "an id of zeros"
	case s.Name == "":
		return "a span without a name"
	case s.StartTimeUnixNano == 0 || s.EndTimeUnixNano < s.StartTimeUnixNano:
		return "a span that ends before it starts"
	case len(s.Attrs) != len(s.Attributes):
		return "an attribute that is there twice"
	case s.Resource["service.name"] == nil:
		return "a resource without service.name"
	}
	return ""
}

// String shows it on one line for the message of a test that failed.
func (s *Span) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %v trace=%s span=%s parent=%s status=%v %q", s.Name, s.Kind, s.TraceID(), s.ID(), s.ParentID(), s.Status.GetCode(), s.Status.GetMessage())
	for _, key := range slices.Sorted(maps.Keys(s.Attrs)) {
		fmt.Fprintf(&b, " %s=%v", key, s.Attrs[key])
	}
	for _, l := range s.Links {
		fmt.Fprintf(&b, " link=%x/%x%v", l.TraceId, l.SpanId, attributes(l.Attributes))
	}
	for _, e := range s.Events {
		fmt.Fprintf(&b, " event=%s%v", e.Name, attributes(e.Attributes))
	}
	return b.String()
}

// Attributes returns the attributes of a link or an event as [Span] has its own.
func Attributes(list []*commonpb.KeyValue) map[string]any { return attributes(list) }

func attributes(list []*commonpb.KeyValue) map[string]any {
	m := make(map[string]any, len(list))
	for _, kv := range list {
		m[kv.Key] = value(kv.Value)
	}
	return m
}

func value(v *commonpb.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue
	case *commonpb.AnyValue_BytesValue:
		return v.BytesValue
	case *commonpb.AnyValue_ArrayValue:
		var list []any
		for _, item := range v.ArrayValue.GetValues() {
			list = append(list, value(item))
		}
		return list
	}
	return nil
}
