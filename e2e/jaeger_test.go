package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/process"
)

// jaeger is Jaeger, all in one, with its storage in memory.
type jaeger struct {
	*process.Process
	otlp  string // host:port
	query string // URL
}

func startJaeger(t *testing.T) *jaeger {
	t.Helper()
	path := jaegerProgram.path(t)
	var err error
	for range 3 { // a free port may be taken before Jaeger takes it
		var j *jaeger
		if j, err = tryJaeger(path); err == nil {
			t.Cleanup(func() {
				if err := j.Stop(); err != nil {
					t.Error(err)
				}
			})
			return j
		}
	}
	t.Fatal(err)
	return nil
}

func tryJaeger(path string) (*jaeger, error) {
	free, err := process.FreePorts(3)
	if err != nil {
		return nil, err
	}
	at := func(i int) string { return "127.0.0.1:" + strconv.Itoa(free[i]) }
	const any = "127.0.0.1:0" // what the suite does not use
	j := &jaeger{otlp: at(0), query: localURL(free[1])}
	j.Process, err = process.Start("Jaeger", path, environment("SPAN_STORAGE_TYPE=memory"),
		"--collector.otlp.enabled=true",
		"--collector.otlp.grpc.host-port="+at(0),
		"--query.http-server.host-port="+at(1),
		"--admin.http.host-port="+at(2),
		"--collector.otlp.http.host-port="+any,
		"--collector.grpc-server.host-port="+any,
		"--collector.http-server.host-port="+any,
		"--query.grpc-server.host-port="+any,
		"--http-server.host-port="+any,
		"--processor.jaeger-binary.server-host-port="+any,
		"--processor.jaeger-compact.server-host-port="+any,
		"--processor.zipkin-compact.server-host-port="+any,
	)
	if err != nil {
		return nil, err
	}
	if err := untilOK(localURL(free[2])+"/", j.Process); err != nil {
		return nil, errors.Join(err, j.Stop())
	}
	return j, nil
}

// The part of Jaeger's query API that the test asks.
type (
	jaegerTrace struct {
		TraceID   string
		Spans     []jaegerSpan
		Processes map[string]struct {
			ServiceName string
		}
	}
	jaegerSpan struct {
		TraceID       string
		SpanID        string
		OperationName string
		ProcessID     string
		References    []jaegerReference
		Tags          []struct {
			Key   string
			Value any
		}
	}
	jaegerReference struct{ RefType, TraceID, SpanID string }
)

func (t *jaegerTrace) span(operation string) *jaegerSpan {
	for i := range t.Spans {
		if t.Spans[i].OperationName == operation {
			return &t.Spans[i]
		}
	}
	return nil
}

func (s *jaegerSpan) tag(key string) any {
	for _, tag := range s.Tags {
		if tag.Key == key {
			return tag.Value
		}
	}
	return nil
}

func (s *jaegerSpan) reference(kind string) jaegerReference {
	for _, r := range s.References {
		if r.RefType == kind {
			return r
		}
	}
	return jaegerReference{}
}

// ask asks the query API until enough accepts the answer.
func ask[T any](t *testing.T, j *jaeger, path string, enough func(T) bool) T {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.Now().Add(patience)
	for {
		var answer struct {
			Data   T
			Errors []struct{ Msg string }
		}
		resp, err := client.Get(j.query + path)
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		if err == nil && enough(answer.Data) {
			return answer.Data
		}
		if time.Now().After(deadline) {
			t.Fatalf("GET %s: %s, %v: %+v", path, resp.Status, err, answer)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// traceOf returns the trace with an operation of a service, once it has so many spans.
func (j *jaeger) traceOf(t *testing.T, service, operation string, spans int) *jaegerTrace {
	t.Helper()
	path := "/api/traces?" + url.Values{"service": {service}, "operation": {operation}, "limit": {"20"}}.Encode()
	traces := ask(t, j, path, func(traces []jaegerTrace) bool { return len(traces) == 1 && len(traces[0].Spans) == spans })
	return &traces[0]
}

// What a user sees in Jaeger: the service, the request with the span of the application under it, and, by the link, the
// connection, which is a trace of its own.
func TestJaeger(t *testing.T) {
	t.Parallel()
	j := startJaeger(t)
	c, err := startCollector(collectorProgram.path(t), j.otlp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	p := &pipeline{collector: c}
	app := p.start(t, "grpc", "shop", nil, "demo")
	w := p.start(t, "http/protobuf", "edge", nil, "proxy", app.url)
	w.get(t, 200, "/users/42")
	app.get(t, 500, "/panic")
	w.stop(t)
	app.stop(t)

	ask(t, j, "/api/services", func(services []string) bool {
		return slices.Contains(services, "shop") && slices.Contains(services, "edge")
	})
	trace := j.traceOf(t, "shop", "GET /users/{id}", 4)
	request, child := trace.span("GET /users/{id}"), trace.span("load user")
	if request == nil || child == nil {
		t.Fatalf("spans %+v", trace.Spans)
	}
	if service := trace.Processes[request.ProcessID].ServiceName; service != "shop" {
		t.Errorf("service %q", service)
	}
	if parent := child.reference("CHILD_OF"); parent.SpanID != request.SpanID {
		t.Errorf("the child's references: %+v", child.References)
	}
	call := request.reference("CHILD_OF")
	if i := slices.IndexFunc(trace.Spans, func(s jaegerSpan) bool { return s.SpanID == call.SpanID }); i < 0 ||
		trace.Processes[trace.Spans[i].ProcessID].ServiceName != "edge" || trace.Spans[i].tag("span.kind") != "client" {
		t.Errorf("the request is not under the proxy's call: %+v", trace.Spans)
	}
	for key, want := range map[string]any{
		"span.kind":                 "server",
		"http.route":                "/users/{id}",
		"http.response.status_code": 200.0,
	} {
		if got := request.tag(key); got != want {
			t.Errorf("tag %s = %v, want %v", key, got, want)
		}
	}

	link := request.reference("FOLLOWS_FROM")
	if link.TraceID == "" || link.TraceID == trace.TraceID {
		t.Fatalf("the link to the connection: %+v", request.References)
	}
	connection := ask(t, j, "/api/traces/"+link.TraceID, func(traces []jaegerTrace) bool { return len(traces) == 1 })[0]
	if s := connection.span("HTTP connection"); s == nil || s.SpanID != link.SpanID || s.tag("wirespan.connection.id") != request.tag("wirespan.connection.id") {
		t.Errorf("the trace of the connection: %+v", connection.Spans)
	}

	failed := j.traceOf(t, "shop", "GET /panic", 1).span("GET /panic")
	if failed.tag("error") != true || failed.tag("otel.status_code") != "ERROR" || failed.tag("error.type") != "handler_panic" {
		t.Errorf("tags of the request that failed: %s", fmt.Sprint(failed.Tags))
	}
}
