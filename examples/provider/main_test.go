package main

import (
	"io"
	"testing"

	"github.com/wirespan/wirespan/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestTheServersSpansGoThroughTheSDK(t *testing.T) {
	received := exampletest.NewReceiver(t)
	example := exampletest.Start(t, append(received.Environment, "OTEL_SERVICE_NAME=shop"))
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

	if got := received.Service(); got != "shop" {
		t.Errorf("service.name is %q, want shop", got)
	}
	request, child := received.Span("GET /orders/{id}"), received.Span("load order")
	if string(child.TraceId) != string(request.TraceId) || string(child.ParentSpanId) != string(request.SpanId) {
		t.Errorf("%v is not a child of %v", child, request)
	}
	if got := exampletest.AttributeOf(request, "order.id"); got != "7" {
		t.Errorf("order.id is %q, want 7", got)
	}
	if len(request.Links) != 1 || received.SpanWithID(request.Links[0].SpanId).Name != "HTTP connection" {
		t.Errorf("%v does not link to its connection", request)
	}
	for _, name := range []string{"GET /orders/{id}", "load order", "HTTP connection"} {
		if got := exampletest.AttributeOf(received.Span(name), "tenant"); got != "acme" {
			t.Errorf("the SDK's processor has not seen %q: tenant is %q", name, got)
		}
	}
}
