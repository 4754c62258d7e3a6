package exampletest

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	collectpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Receiver is an OTLP receiver that keeps the spans, until the end of the test. Make one with [NewReceiver].
type Receiver struct {
	// Environment has what makes an example send its spans here.
	Environment []string

	t       *testing.T
	mu      sync.Mutex
	spans   []*tracepb.Span
	service string
}

// NewReceiver starts a Receiver.
func NewReceiver(t *testing.T) *Receiver {
	r := &Receiver{t: t}
	backend := httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(backend.Close)
	r.Environment = []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + backend.URL,
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
	}
	return r
}

func (r *Receiver) receive(w http.ResponseWriter, request *http.Request) {
	var body io.Reader = request.Body
	if request.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			r.t.Error(err)
			return
		}
		body = unzipped
	}
	data, err := io.ReadAll(body)
	if err != nil {
		r.t.Error(err)
		return
	}
	var message collectpb.ExportTraceServiceRequest
	if err := proto.Unmarshal(data, &message); err != nil {
		r.t.Error(err)
		return
	}
	r.keep(&message)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (r *Receiver) keep(message *collectpb.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range message.ResourceSpans {
		for _, kv := range resource.Resource.Attributes {
			if kv.Key == "service.name" {
				r.service = kv.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
}

// Span returns the first span with this name. There must be one.
func (r *Receiver) Span(name string) *tracepb.Span {
	r.t.Helper()
	return r.find(name, func(s *tracepb.Span) bool { return s.Name == name })
}

// SpanWithID returns the span with this id. There must be one.
func (r *Receiver) SpanWithID(id []byte) *tracepb.Span {
	r.t.Helper()
	return r.find(hex.EncodeToString(id), func(s *tracepb.Span) bool { return bytes.Equal(s.SpanId, id) })
}

func (r *Receiver) find(what string, is func(*tracepb.Span) bool) *tracepb.Span {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.spans, is)
	if i < 0 {
		r.t.Fatalf("there is no span %q: %v", what, r.spans)
	}
	return r.spans[i]
}

// Service returns the service.name of the last spans.
func (r *Receiver) Service() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.service
}

// AttributeOf returns a text attribute of a span; "" when there is none.
func AttributeOf(span *tracepb.Span, key string) string {
	for _, kv := range span.Attributes {
		if kv.Key == key {
			return kv.Value.GetStringValue()
		}
	}
	return ""
}
