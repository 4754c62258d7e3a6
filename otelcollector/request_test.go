package otelcollector_test

import (
	"bytes"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/lifecycle"
)

func TestRequestSpan(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c)
	w.start("GET", "/").complete(200)
	x := w.start("POST", "/users/42?verbose=1", [2]string{"User-Agent", "curl/8"})
	x.request.RequestID = "id-of-the-request"
	x.complete(201, route("/users/{id}"), func(o *lifecycle.Outcome) { o.BytesReceived = 64 })
	w.close(lifecycle.ReasonComplete)
	span := named(t, received(t, c, s), "POST /users/{id}")

	if span.Kind != tracepb.Span_SPAN_KIND_SERVER || span.Status != nil || len(span.ParentSpanId) != 0 || span.Flags != 0x103 {
		t.Errorf("want a server span without parent and status: %v", span)
	}
	if !bytes.Equal(span.TraceId, x.request.Trace.TraceID[:]) || !bytes.Equal(span.SpanId, x.request.Trace.SpanID[:]) {
		t.Error("the span is not the one that the request names")
	}
	if d := duration(span); d != 15*time.Millisecond {
		t.Errorf("the span lasts %v, want 15 ms from the first byte to the last", d)
	}
	got := attrs(t, span.Attributes)
	for k, want := range map[string]any{
		"http.request.method":               "POST",
		"http.response.status_code":         201,
		"http.route":                        "/users/{id}",
		"http.request.body.size":            64,
		"http.response.body.size":           512,
		"url.path":                          "/users/42",
		"url.query":                         "verbose=1",
		"url.scheme":                        "http",
		"server.address":                    "shop.example",
		"server.port":                       8443,
		"client.address":                    "203.0.113.5",
		"network.peer.address":              "203.0.113.5",
		"network.peer.port":                 50123,
		"network.protocol.version":          "1.1",
		"user_agent.original":               "curl/8",
		"wirespan.connection.id":            int(w.stamp.ConnectionID),
		"wirespan.worker.id":                0,
		"wirespan.connection.request_index": 2,
		"wirespan.connection.reused":        true,
		"wirespan.request.id":               "id-of-the-request",
		"wirespan.timestamp_ns":             int(x.phases.FirstByte),
		"wirespan.connection.age":           got["wirespan.connection.age"],
		"wirespan.request.idle.duration":    got["wirespan.request.idle.duration"],
		"wirespan.request.head.duration":    0.001,
		"wirespan.request.queue.duration":   0.002,
		"wirespan.request.handler.duration": 0.004,
		"wirespan.request.write.duration":   0.008,
	} {
		if got[k] != want || want == nil {
			t.Errorf("attribute %s is %v, want %v", k, got[k], want)
		}
		delete(got, k)
	}
	for k, v := range got {
		t.Errorf("attribute %s = %v is not documented here", k, v)
	}
}

func TestFirstRequestIsNotReused(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	dial(t, c).start("GET", "/").complete(200)
	checkAttrs(t, received(t, c, s)[0].Attributes, map[string]any{"wirespan.connection.reused": false, "wirespan.connection.request_index": 1})
}

// Wall time is taken once, at the end; renewing the anchor in between does not stretch a span.
func TestSpanLiesInWallTime(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	before := time.Now()
	w := dial(t, c)
	x := w.start("GET", "/")
	x.complete(200)
	span := received(t, c, s)[0]
	start := time.Unix(0, int64(span.StartTimeUnixNano))
	if start.Before(before.Add(-time.Second)) || start.After(time.Now().Add(time.Second)) {
		t.Errorf("the span starts at %v, but it is %v", start, before)
	}
	if got, want := int64(span.StartTimeUnixNano), lifecycle.UnixNano(x.phases.FirstByte); got-want > 1e9 || want-got > 1e9 {
		t.Errorf("the span starts at %d, want %d", got, want)
	}
}

func TestStatus(t *testing.T) {
	const unset, failed = tracepb.Status_STATUS_CODE_UNSET, tracepb.Status_STATUS_CODE_ERROR
	for _, c := range []struct {
		name      string
		do        func(x *exchange)
		status    tracepb.Status_StatusCode
		errorType any
	}{
		{"1xx", func(x *exchange) { x.complete(101) }, unset, nil},
		{"2xx", func(x *exchange) { x.complete(204) }, unset, nil},
		{"3xx", func(x *exchange) { x.complete(302) }, unset, nil},
		{"4xx", func(x *exchange) { x.complete(404) }, unset, nil},
		{"5xx", func(x *exchange) { x.complete(503) }, failed, "503"},
		{"beyond 5xx", func(x *exchange) { x.complete(700) }, failed, "700"},
		{"the server refuses the body", func(x *exchange) { x.fail(413, "max_request_body_size_exceeded", nil) }, unset, "max_request_body_size_exceeded"},
		{"the server gives up, after 200", func(x *exchange) { x.fail(200, "response_timeout", nil) }, failed, "response_timeout"},
		{"the server gives up, before anything", func(x *exchange) { x.fail(0, "write_canceled", nil) }, failed, "write_canceled"},
		{"a 4xx that could not be sent", func(x *exchange) {
			x.fail(404, "min_response_data_rate", nil, func(o *lifecycle.Outcome) { o.Phases.LastByte = 0 })
		}, failed, "min_response_data_rate"},
		{"a 4xx whose client went", func(x *exchange) { x.disconnect(404, nil) }, failed, "client_disconnect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{}
			col := newCollector(t, quiet(t, s))
			c.do(dial(t, col).start("GET", "/"))
			span := received(t, col, s)[0]
			if got := span.Status.GetCode(); got != c.status {
				t.Errorf("status is %v, want %v", got, c.status)
			}
			checkAttrs(t, span.Attributes, map[string]any{"error.type": c.errorType})
			if span.EndTimeUnixNano < span.StartTimeUnixNano {
				t.Error("the span ends before it starts")
			}
		})
	}
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		method, target string
		path, query    any
	}{
		{"GET", "/a/b?c=d?e", "/a/b", "c=d?e"},
		{"GET", "/a?", "/a", nil},
		{"GET", "http://host:80/a?b", "/a", "b"},
		{"GET", "http://host", "/", nil},
		{"GET", "http://host?q=1", "/", "q=1"},
		{"GET", "/a?u=http://b/c", "/a", "u=http://b/c"},
		{"OPTIONS", "*", "*", nil},
		{"CONNECT", "host:443", "", nil},
	} {
		s := &sink{}
		col := newCollector(t, quiet(t, s))
		dial(t, col).start(c.method, c.target).complete(200)
		checkAttrs(t, received(t, col, s)[0].Attributes, map[string]any{"url.path": c.path, "url.query": c.query})
	}
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		host          string
		address, port any
	}{
		{"a.example", "a.example", nil},
		{"a.example:81", "a.example", 81},
		{"[2001:db8::1]:81", "2001:db8::1", 81},
		{"[2001:db8::1]", "2001:db8::1", nil},
		{"a.example:", "a.example", nil},
		{"a.example:99999", "a.example", nil},
		{"2001:db8::1", "2001:db8::1", nil},
		{"[oops", "[oops", nil},
		{"", nil, nil},
	} {
		s := &sink{}
		col := newCollector(t, quiet(t, s))
		x := dial(t, col).start("GET", "/")
		x.request.Host = c.host
		x.complete(200)
		checkAttrs(t, received(t, col, s)[0].Attributes, map[string]any{"server.address": c.address, "server.port": c.port})
	}
}

func TestValueLengthLimit(t *testing.T) {
	t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4")
	s := &sink{}
	col := newCollector(t, quiet(t, s))
	dial(t, col).start("GET", "/äöü?abcdef").complete(200)
	checkAttrs(t, received(t, col, s)[0].Attributes, map[string]any{"url.path": "/äöü", "url.query": "abcd"})
}

// Events that reach the Collector without OpenConnection, such as those behind a collector that hides it.
func TestConnectionThatWasNotOpened(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := &wire{t: t, to: lifecycle.CollectorFunc(c.Record), stamp: lifecycle.Stamp{ConnectionID: 7, WorkerID: 3}}
	w.start("GET", "/").complete(200)
	w.close(lifecycle.ReasonComplete)
	spans := received(t, c, s)
	if len(spans) != 1 || len(spans[0].Links) != 0 {
		t.Fatalf("want one span without a link: %v", spans)
	}
	checkAttrs(t, spans[0].Attributes, map[string]any{"wirespan.connection.id": 7, "wirespan.worker.id": 3, "client.address": nil})
}
