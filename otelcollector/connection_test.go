package otelcollector_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/lifecycle"
)

func TestConnectionSpan(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c, func(e *lifecycle.ConnectionOpened) { e.AcceptedNS -= int64(time.Minute) })
	w.start("GET", "/a").complete(200)
	w.start("GET", "/b").complete(200)
	w.close(lifecycle.ReasonDrain)
	spans := received(t, c, s)
	conn := theSpan(t, spans, tracepb.Span_SPAN_KIND_INTERNAL)

	if conn.Name != "HTTP connection" || len(conn.ParentSpanId) != 0 || conn.Status != nil || duration(conn) < time.Minute {
		t.Errorf("want a root without a status that lasts from accept to close: %v", conn)
	}
	checkAttrs(t, conn.Attributes, map[string]any{
		"network.peer.address": "203.0.113.5", "network.peer.port": 50123, "network.local.address": "192.0.2.1", "network.local.port": 8080,
		"network.transport": "tcp", "network.type": "ipv4", "network.protocol.name": "http", "network.protocol.version": "1.1",
		"wirespan.connection.id": int(w.stamp.ConnectionID), "wirespan.worker.id": 0, "wirespan.connection.request_count": 2,
		"wirespan.connection.sent_bytes": 1024, "wirespan.connection.close_reason": "drain", "error.type": nil, "client.address": nil,
	})
	traces := map[string]bool{string(conn.TraceId): true}
	for _, span := range spans {
		if span.Kind != tracepb.Span_SPAN_KIND_SERVER {
			continue
		}
		if traces[string(span.TraceId)] {
			t.Error("a request shares the trace of its connection or of another request")
		}
		traces[string(span.TraceId)] = true
		if len(span.Links) != 1 {
			t.Fatalf("a request has %d links, want 1", len(span.Links))
		}
		link := span.Links[0]
		if !bytes.Equal(link.TraceId, conn.TraceId) || !bytes.Equal(link.SpanId, conn.SpanId) || link.Flags != conn.Flags {
			t.Errorf("%v does not link to the connection", span)
		}
		checkAttrs(t, link.Attributes, map[string]any{"wirespan.link.type": "connection"})
	}
	if len(traces) != 3 {
		t.Errorf("%d traces, want 3", len(traces))
	}
}

func TestConnectionEndings(t *testing.T) {
	for _, c := range []struct {
		name      string
		do        func(w *wire)
		reason    lifecycle.Reason
		errorType any
	}{
		{"complete", nil, lifecycle.ReasonComplete, nil},
		{"idle for too long", nil, lifecycle.ReasonTimeout, nil},
		{"drain", nil, lifecycle.ReasonDrain, nil},
		{"enough requests", nil, lifecycle.ReasonLimit, nil},
		{"upgrade", nil, lifecycle.ReasonUpgrade, nil},
		{"backpressure", nil, lifecycle.ReasonBackpressure, "backpressure"},
		{"client disconnect", nil, lifecycle.ReasonClientDisconnect, "client_disconnect"},
		{"a request timed out", func(w *wire) { w.start("GET", "/").fail(408, "request_body_timeout", nil) }, lifecycle.ReasonTimeout, "request_body_timeout"},
		{"a head too large", func(w *wire) { w.start("GET", "/").fail(413, "max_request_body_size_exceeded", nil) }, lifecycle.ReasonLimit, "max_request_body_size_exceeded"},
		{"a panic", func(w *wire) { w.start("GET", "/").fail(0, "handler_panic", nil) }, lifecycle.ReasonError, "handler_panic"},
		{"a panic, long ago", func(w *wire) {
			w.start("GET", "/").fail(500, "handler_panic", nil)
			w.start("GET", "/").complete(200)
		}, lifecycle.ReasonTimeout, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{}
			col := newCollector(t, quiet(t, s))
			w := dial(t, col)
			if c.do != nil {
				c.do(w)
			}
			w.close(c.reason)
			conn := theSpan(t, received(t, col, s), tracepb.Span_SPAN_KIND_INTERNAL)
			checkAttrs(t, conn.Attributes, map[string]any{"error.type": c.errorType, "wirespan.connection.close_reason": string(c.reason)})
			if failed := conn.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR; failed != (c.errorType != nil) {
				t.Errorf("status is %v with error.type %v", conn.Status, c.errorType)
			}
		})
	}
}

func secured(e *lifecycle.ConnectionOpened) {
	e.TLS = &tls.ConnectionState{
		Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, DidResume: true, NegotiatedProtocol: "http/1.1", ServerName: "shop.example",
	}
	e.HandshakeStartNS = e.AcceptedNS + 1000
	e.HandshakeEndNS = e.AcceptedNS + 5000
}

func TestTLS(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c, secured)
	x := w.start("GET", "/")
	x.request.Scheme = ""
	x.complete(200)
	w.close(lifecycle.ReasonComplete)
	spans := received(t, c, s)
	conn, handshake, request := named(t, spans, "HTTP connection"), named(t, spans, "TLS server handshake"), named(t, spans, "GET")

	if handshake.Kind != tracepb.Span_SPAN_KIND_INTERNAL || !bytes.Equal(handshake.ParentSpanId, conn.SpanId) || !bytes.Equal(handshake.TraceId, conn.TraceId) {
		t.Errorf("the handshake is no child of the connection: %v", handshake)
	}
	if handshake.Flags&0x200 != 0 || duration(handshake) != 4000 || handshake.StartTimeUnixNano != conn.StartTimeUnixNano+1000 {
		t.Errorf("the handshake is not local, or not from 1000 to 5000 ns after accept: %v", handshake)
	}
	secure := map[string]any{
		"tls.protocol.name": "tls", "tls.protocol.version": "1.3", "tls.cipher": "TLS_AES_128_GCM_SHA256", "tls.resumed": true,
		"tls.next_protocol": "http/1.1",
	}
	for _, span := range spans {
		checkAttrs(t, span.Attributes, secure)
	}
	checkAttrs(t, handshake.Attributes, map[string]any{"server.address": "shop.example", "network.peer.address": nil})
	checkAttrs(t, conn.Attributes, map[string]any{"server.address": "shop.example"})
	checkAttrs(t, request.Attributes, map[string]any{"server.address": "shop.example", "url.scheme": "https"})
}

func TestTLSHandshakeFailed(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	now := lifecycle.MonotonicNS()
	c.Record(&lifecycle.TLSHandshakeFailed{
		Stamp: lifecycle.Stamp{ConnectionID: 9, TimestampNS: now}, Peers: testPeers, AcceptedNS: now - 3000, HandshakeStartNS: now - 2000,
		Err: errors.New("tls: no certificate"),
	})
	spans := received(t, c, s)
	conn, handshake := named(t, spans, "HTTP connection"), named(t, spans, "TLS server handshake")
	if duration(conn) != 3000 || duration(handshake) != 2000 || !bytes.Equal(handshake.ParentSpanId, conn.SpanId) || len(conn.ParentSpanId) != 0 {
		t.Errorf("want a connection of 3000 ns with a handshake of 2000 ns: %v", spans)
	}
	for _, span := range spans {
		checkAttrs(t, span.Attributes, map[string]any{
			"error.type": "tls_handshake_failed", "network.peer.address": "203.0.113.5", "network.local.port": 8080, "wirespan.connection.id": 9,
		})
		if span.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || span.Status.GetMessage() != "tls: no certificate" {
			t.Errorf("status is %v", span.Status)
		}
	}
}

func TestConnectionRejected(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	c.Record(&lifecycle.ConnectionRejected{
		Stamp: lifecycle.Stamp{ConnectionID: 9, TimestampNS: lifecycle.MonotonicNS()}, Peers: testPeers, Status: 503, Code: "max_concurrent_connections_exceeded",
	})
	conn := theSpan(t, received(t, c, s), tracepb.Span_SPAN_KIND_INTERNAL)
	checkAttrs(t, conn.Attributes, map[string]any{"error.type": "max_concurrent_connections_exceeded", "http.response.status_code": 503})
	if conn.Name != "HTTP connection" || conn.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || duration(conn) != 0 {
		t.Errorf("want a connection without duration that failed: %v", conn)
	}
}

// A connection is exported when it was sampled itself or one of its requests was: a link never leads nowhere.
func TestLinksNeverDangle(t *testing.T) {
	for _, c := range []struct {
		name    string
		sampler sdktrace.Sampler
		parent  string
		spans   int
	}{
		{"neither", sdktrace.ParentBased(sdktrace.NeverSample()), "", 0},
		{"only the request, by its parent", sdktrace.ParentBased(sdktrace.NeverSample()), traceparent + "01", 2},
		{"only the connection", sdktrace.ParentBased(sdktrace.AlwaysSample()), traceparent + "00", 1},
		{"all", sdktrace.AlwaysSample(), "", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{}
			cfg := quiet(t, s)
			cfg.Sampler = c.sampler
			col := newCollector(t, cfg)
			w := dial(t, col)
			w.start("GET", "/", [2]string{"traceparent", c.parent}).complete(200)
			w.start("GET", "/", [2]string{"traceparent", traceparent + "00"}).complete(200)
			w.close(lifecycle.ReasonComplete)
			spans := received(t, col, s)
			if len(spans) != c.spans {
				t.Errorf("%d spans, want %d", len(spans), c.spans)
			}
			for _, span := range spans {
				if span.Flags&1 == 0 {
					t.Errorf("%v was exported, but is not sampled", span)
				}
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c, func(e *lifecycle.ConnectionOpened) {
		e.Peers = lifecycle.Peers{ClientAddr: "unix", ServerAddr: "/run/shop.sock", Network: "unix"}
	})
	w.start("GET", "/").complete(200)
	w.close(lifecycle.ReasonComplete)
	spans := received(t, c, s)
	checkAttrs(t, named(t, spans, "GET").Attributes, map[string]any{"client.address": nil, "network.peer.address": nil, "network.peer.port": nil})
	checkAttrs(t, named(t, spans, "HTTP connection").Attributes, map[string]any{
		"network.local.address": "/run/shop.sock", "network.transport": "unix", "network.type": nil, "network.local.port": nil,
	})
}

func TestHTTP10Connection(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c)
	w.index++
	r := lifecycle.Request{Index: 1, Method: "GET", Target: "/", HTTPVersion: "1.0"}
	w.to.Record(&lifecycle.RequestStarted{Stamp: w.stamp, Request: &r})
	w.to.Record(&lifecycle.ResponseCompleted{Stamp: w.stamp, Outcome: lifecycle.Outcome{Request: &r, Status: 200}})
	w.close(lifecycle.ReasonComplete)
	for _, span := range received(t, c, s) {
		checkAttrs(t, span.Attributes, map[string]any{"network.protocol.version": "1.0"})
	}
}
