package main

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collectpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wirespan/wirespan/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

// receiver is an OTLP receiver that keeps the spans.
type receiver struct {
	t *testing.T

	mu      sync.Mutex
	spans   map[string]*tracepb.Span // by name
	service string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
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

func (r *receiver) keep(message *collectpb.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range message.ResourceSpans {
		for _, kv := range resource.Resource.Attributes {
			if kv.Key == "service.name" {
				r.service = kv.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				r.spans[span.Name] = span
			}
		}
	}
}

func TestChildSpanJoinsTheRequest(t *testing.T) {
	received := &receiver{t: t, spans: make(map[string]*tracepb.Span)}
	backend := httptest.NewServer(received)
	defer backend.Close()
	example := exampletest.Start(t, []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + backend.URL,
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
	})
	resp, err := example.Client.Get("http://shop/orders/7")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(body) != "order 7\n" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	if output, err := example.Interrupt(t); err != nil {
		t.Fatalf("the example ended with %v:\n%s", err, output)
	}

	received.mu.Lock()
	defer received.mu.Unlock()
	if received.service != "shop" {
		t.Errorf("service.name is %q, want shop", received.service)
	}
	request, child := received.spans["GET /orders/{id}"], received.spans["load order"]
	if request == nil || child == nil {
		t.Fatalf("a span is missing: %v", received.spans)
	}
	if string(child.TraceId) != string(request.TraceId) || string(child.ParentSpanId) != string(request.SpanId) {
		t.Errorf("%v is not a child of %v", child, request)
	}
	if got := attributeOf(request, "order.id"); got != "7" {
		t.Errorf("order.id is %q, want 7", got)
	}
}

func attributeOf(span *tracepb.Span, key string) string {
	for _, kv := range span.Attributes {
		if kv.Key == key {
			return kv.Value.GetStringValue()
		}
	}
	return ""
}
