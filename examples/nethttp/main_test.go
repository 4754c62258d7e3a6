package main

import (
	"io"
	"testing"

	"github.com/wirespan/wirespan/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestRequestLinksToItsConnection(t *testing.T) {
	received := exampletest.NewReceiver(t)
	example := exampletest.Start(t, received.Environment)
	resp, err := example.Client.Get("http://library/books/Emma")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(body) != "Emma, on the shelf of fiction\n" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	example.Client.CloseIdleConnections()
	if output, err := example.Interrupt(t); err != nil {
		t.Fatalf("the example ended with %v:\n%s", err, output)
	}

	request := received.Span("GET /books/{title}")
	if got := exampletest.AttributeOf(request, "book.shelf"); got != "fiction" {
		t.Errorf("book.shelf is %q, want fiction", got)
	}
	if len(request.Links) != 1 {
		t.Fatalf("the request has the links %v", request.Links)
	}
	connection := received.SpanWithID(request.Links[0].SpanId)
	if connection.Name != "HTTP connection" || string(connection.TraceId) != string(request.Links[0].TraceId) {
		t.Errorf("%v is not linked to %v", request, connection)
	}
}
