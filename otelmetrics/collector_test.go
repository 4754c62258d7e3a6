package otelmetrics_test

import (
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelmetrics"
)

func TestRequests(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{})
	for worker := range 3 {
		w := open(c, worker)
		users := func(o *lifecycle.Outcome) { o.Route, o.BytesSent, o.BytesReceived = "/users/{id}", 100, 7 }
		w.respond(w.start("GET"), 200, 4*time.Millisecond, users)
		w.respond(w.start("GET"), 200, 6*time.Millisecond, users)
		w.respond(w.start("POST", func(r *lifecycle.Request) { r.HTTPVersion, r.Scheme = "1.0", "https" }), 503, time.Second)
		w.respond(w.start("BREW"), 404, time.Second)
		w.respond(w.start("get"), 404, time.Second) // methods are case-sensitive
		w.fail(w.start("GET"), 500, "handler_panic")
		w.leave(w.start("GET"))
		w.unparsed("invalid_request_line")
		w.close(lifecycle.ReasonError, time.Second)
	}
	all := collect(t, c)
	const get, post = "http.request.method=GET", "http.request.method=POST"
	const v11, plain = " network.protocol.version=1.1", " url.scheme=http"
	const users = get + " http.response.status_code=200 http.route=/users/{id}" + v11 + plain
	const posted = "error.type=503 " + post + " http.response.status_code=503 network.protocol.version=1.0 url.scheme=https"
	const other = "http.request.method=_OTHER http.response.status_code=404" + v11 + plain
	const panicked = "error.type=handler_panic " + get + " http.response.status_code=500" + v11 + plain
	const gone = "error.type=client_disconnect " + get + v11 + plain
	const unparsed = "error.type=invalid_request_line http.request.method=_OTHER http.response.status_code=400" + plain
	expect(t, all, "http.server.request.duration",
		users+": 6, 0.03", posted+": 3, 3", other+": 6, 6", panicked+": 3, 0.003", gone+": 3, 0.003", unparsed+": 3, 0.003")
	expect(t, all, "http.server.request.body.size",
		users+": 6, 42", posted+": 3, 0", other+": 6, 0", panicked+": 3, 0", gone+": 3, 0")
	expect(t, all, "http.server.response.body.size",
		users+": 6, 600", posted+": 3, 0", other+": 6, 0", panicked+": 3, 0", unparsed+": 3, 0")
	expect(t, all, "http.server.active_requests", get+plain+": 0", post+" url.scheme=https: 0", "http.request.method=_OTHER"+plain+": 0")
	for _, p := range all["http.server.request.duration"].Data.(metricdata.Histogram[float64]).DataPoints {
		if attributes(p.Attributes) == users && (p.BucketCounts[0] != 3 || p.BucketCounts[1] != 3 || p.Bounds[0] != 0.005 || len(p.BucketCounts) != len(p.Bounds)+1) {
			t.Errorf("buckets %v to %v", p.BucketCounts, p.Bounds)
		}
	}
}

func TestUnitsAndConventions(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{})
	w := open(c, 0, secured)
	w.respond(w.start("GET"), 200, time.Millisecond)
	w.close(lifecycle.ReasonComplete, time.Second)
	c.Record(&lifecycle.ConnectionRejected{Code: "server_draining"})
	scopes, err := c.Produce(t.Context())
	if err != nil || len(scopes) != 1 {
		t.Fatalf("%d scopes, %v", len(scopes), err)
	}
	if s := scopes[0].Scope; s.Name != "github.com/wirespan/wirespan/otelmetrics" || s.SchemaURL != "https://opentelemetry.io/schemas/1.43.0" {
		t.Errorf("scope %+v", s)
	}
	units := map[string]string{
		"http.server.request.duration": "s", "http.server.request.body.size": "By", "http.server.response.body.size": "By",
		"http.server.active_requests": "{request}", "wirespan.connection.duration": "s", "wirespan.connection.count": "{connection}",
		"wirespan.connection.rejected": "{connection}", "wirespan.tls_handshake.duration": "s",
	}
	for _, m := range scopes[0].Metrics {
		if m.Unit != units[m.Name] || m.Description == "" {
			t.Errorf("%s has the unit %q and the description %q", m.Name, m.Unit, m.Description)
		}
		delete(units, m.Name)
		if s, ok := m.Data.(metricdata.Sum[int64]); ok && s.IsMonotonic != (m.Name == "wirespan.connection.rejected") {
			t.Errorf("%s: monotonic %t", m.Name, s.IsMonotonic)
		}
	}
	if len(units) > 0 {
		t.Errorf("not there: %v", units)
	}
}

// What happens while the connection is upgraded is the connection's: the request ends with the switch.
func TestStreamsAndUpgrades(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{})
	w := open(c, 0)
	r := w.start("GET")
	w.to.Record(&lifecycle.StreamOpened{Stamp: w.stamp, Request: r, Upgraded: true})
	expect(t, collect(t, c), "wirespan.connection.count", states(0, 0, 1)...)
	w.to.Record(&lifecycle.StreamClosed{Stamp: w.stamp, Request: r})
	w.respond(r, 101, time.Hour, func(o *lifecycle.Outcome) {
		o.Streaming, o.Phases.FirstResponseByte = true, o.Phases.FirstByte+int64(time.Millisecond)
	})
	w.close(lifecycle.ReasonUpgrade, time.Hour)

	w = open(c, 0)
	r = w.start("GET")
	w.to.Record(&lifecycle.StreamOpened{Stamp: w.stamp, Request: r})
	expect(t, collect(t, c), "wirespan.connection.count", states(0, 1, 0)...)
	w.to.Record(&lifecycle.StreamClosed{Stamp: w.stamp, Request: r})
	w.respond(r, 200, time.Minute, func(o *lifecycle.Outcome) { o.Streaming = true })
	expect(t, collect(t, c), "wirespan.connection.count", states(1, 0, 0)...)
	w.close(lifecycle.ReasonComplete, time.Minute)

	const stream = " network.protocol.version=1.1 url.scheme=http wirespan.request.streaming=true: 1, "
	all := collect(t, c)
	expect(t, all, "http.server.request.duration",
		"http.request.method=GET http.response.status_code=101"+stream+"0.001", "http.request.method=GET http.response.status_code=200"+stream+"60")
	expect(t, all, "wirespan.connection.duration", "network.protocol.version=1.1 network.transport=tcp network.type=ipv4: 2, 3660")
}

func states(idle, active, upgraded int) []string {
	return []string{
		"wirespan.connection.state=idle: " + itoa(idle), "wirespan.connection.state=active: " + itoa(active),
		"wirespan.connection.state=upgraded: " + itoa(upgraded),
	}
}

func itoa(n int) string { return string(rune('0' + n)) }

func secured(e *lifecycle.ConnectionOpened) {
	e.TLS = &tls.ConnectionState{Version: tls.VersionTLS13}
	e.HandshakeStartNS, e.HandshakeEndNS = e.AcceptedNS, e.AcceptedNS+int64(3*time.Millisecond)
}

func TestConnections(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{Backlog: func() int { return 5 }})
	w := open(c, 0, secured, func(e *lifecycle.ConnectionOpened) { e.ServerAddr = "2001:db8::1" })
	other := open(c, 1)
	other.start("GET")
	other.start("GET") // pipelined
	expect(t, collect(t, c), "wirespan.connection.count", append(states(1, 1, 0), "wirespan.connection.state=queued: 5")...)
	other.fail(&lifecycle.Request{Index: 1, Method: "GET", Scheme: "http"}, 408, "request_body_timeout")
	expect(t, collect(t, c), "wirespan.connection.count", append(states(1, 1, 0), "wirespan.connection.state=queued: 5")...)
	other.fail(&lifecycle.Request{Index: 2, Method: "GET", Scheme: "http"}, 408, "request_body_timeout")
	other.close(lifecycle.ReasonTimeout, 20*time.Second)
	w.close(lifecycle.ReasonTimeout, time.Minute) // idle, which is no error

	w = open(c, 0, func(e *lifecycle.ConnectionOpened) { e.Peers = lifecycle.Peers{ServerAddr: "/run/x", Network: "unix"} })
	w.respond(w.start("GET", func(r *lifecycle.Request) { r.HTTPVersion = "1.0" }), 200, time.Millisecond)
	w.close(lifecycle.ReasonBackpressure, time.Second)

	stamp := lifecycle.Stamp{TimestampNS: lifecycle.MonotonicNS()}
	c.Record(&lifecycle.ConnectionRejected{Stamp: stamp, Peers: peers, Code: "max_concurrent_connections_exceeded"})
	c.Record(&lifecycle.ConnectionRejected{Stamp: stamp, Peers: peers, Code: "max_concurrent_connections_exceeded"})
	at := stamp.TimestampNS - int64(time.Second)
	c.Record(&lifecycle.TLSHandshakeFailed{Stamp: stamp, Peers: peers, AcceptedNS: at, HandshakeStartNS: at + int64(500*time.Millisecond), Err: errors.New("cause")})

	all := collect(t, c)
	expect(t, all, "wirespan.connection.count", append(states(0, 0, 0), "wirespan.connection.state=queued: 5")...)
	expect(t, all, "wirespan.connection.duration",
		"network.protocol.version=1.1 network.transport=tcp network.type=ipv6 tls.protocol.version=1.3: 1, 60",
		"error.type=request_body_timeout network.protocol.version=1.1 network.transport=tcp network.type=ipv4: 1, 20",
		"error.type=backpressure network.protocol.version=1.0 network.transport=unix: 1, 1",
		"error.type=tls_handshake_failed network.transport=tcp network.type=ipv4: 1, 1")
	expect(t, all, "wirespan.tls_handshake.duration",
		"network.transport=tcp network.type=ipv6 tls.protocol.version=1.3: 1, 0.003",
		"error.type=tls_handshake_failed network.transport=tcp network.type=ipv4: 1, 0.5")
	expect(t, all, "wirespan.connection.rejected", "error.type=max_concurrent_connections_exceeded network.transport=tcp network.type=ipv4: 2")
}

// The numbers are those of the process, whichever of its workers has counted.
func TestWorkersAreToldTogether(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{})
	for worker := range 3 {
		w := open(c, worker)
		w.respond(w.start("GET"), 200, time.Second)
		w.start("GET")
	}
	all := collect(t, c)
	expect(t, all, "http.server.request.duration",
		"http.request.method=GET http.response.status_code=200 network.protocol.version=1.1 url.scheme=http: 3, 3")
	expect(t, all, "http.server.active_requests", "http.request.method=GET url.scheme=http: 3")
	expect(t, all, "wirespan.connection.count", states(0, 3, 0)...)
}

// A negative backlog is not known.
func TestBacklogThatIsNotKnown(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{Backlog: func() int { return -1 }})
	expect(t, collect(t, c), "wirespan.connection.count", states(0, 0, 0)...)
}

func TestExemplarsAreTheLastSampledRequestOfTheirBucket(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{})
	for _, worker := range []int{1, 0} { // the first worker is the last one
		w := open(c, worker)
		for i, took := range []time.Duration{time.Millisecond, 2 * time.Millisecond, time.Second} {
			r := w.start("GET")
			r.Trace = lifecycle.TraceContext{TraceID: [16]byte{byte(worker), byte(i), 1}, SpanID: [8]byte{byte(worker), byte(i), 2}, Flags: 1}
			w.stamp.TimestampNS++
			w.respond(r, 200, took)
		}
		r := w.start("GET")
		r.Trace = lifecycle.TraceContext{TraceID: [16]byte{9}, SpanID: [8]byte{9}} // not sampled
		w.respond(r, 200, time.Second)
	}
	points := collect(t, c)["http.server.request.duration"].Data.(metricdata.Histogram[float64]).DataPoints
	if len(points) != 1 || len(points[0].Exemplars) != 2 {
		t.Fatalf("got %+v", points)
	}
	for i, want := range []struct {
		value float64
		trace [16]byte
	}{{0.002, [16]byte{0, 1, 1}}, {1, [16]byte{0, 2, 1}}} {
		e := points[0].Exemplars[i]
		if e.Value != want.value || [16]byte(e.TraceID) != want.trace || e.SpanID[2] != 2 || time.Since(e.Time).Abs() > time.Hour {
			t.Errorf("exemplar %d is %+v", i, e)
		}
	}
}

func TestExemplarsCanBeSwitchedOff(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXEMPLAR_FILTER", "always_off")
	c := otelmetrics.New(otelmetrics.Config{})
	newHot(open(c, 0), "/").serve()
	points := collect(t, c)["http.server.request.duration"].Data.(metricdata.Histogram[float64]).DataPoints
	if len(points) != 1 || points[0].Count != 1 || points[0].Exemplars != nil {
		t.Errorf("got %+v", points)
	}
}

func TestKnownMethods(t *testing.T) {
	t.Setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", " BREW, GET,")
	for name, cfg := range map[string]otelmetrics.Config{"environment": {}, "configuration": {KnownMethods: []string{"GET", "BREW"}}} {
		t.Run(name, func(t *testing.T) {
			c := otelmetrics.New(cfg)
			w := open(c, 0)
			for _, m := range []string{"BREW", "GET", "POST", ""} {
				w.start(m)
			}
			expect(t, collect(t, c), "http.server.active_requests", "http.request.method=BREW url.scheme=http: 1",
				"http.request.method=GET url.scheme=http: 1", "http.request.method=_OTHER url.scheme=http: 2")
		})
	}
}

// Requests of a connection that was not opened with OpenConnection are counted, and connections are not.
func TestStrayRequests(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{})
	w := &wire{to: lifecycle.CollectorFunc(c.Record)}
	w.respond(w.start("GET"), 200, time.Second)
	w.start("PUT")
	w.close(lifecycle.ReasonComplete, time.Second)
	all := collect(t, c)
	expect(t, all, "http.server.request.duration", "http.request.method=GET http.response.status_code=200 network.protocol.version=1.1 url.scheme=http: 1, 1")
	expect(t, all, "http.server.active_requests", "http.request.method=GET url.scheme=http: 0", "http.request.method=PUT url.scheme=http: 1")
	expect(t, all, "wirespan.connection.duration")
	expect(t, all, "wirespan.connection.count", states(0, 0, 0)...)
}
