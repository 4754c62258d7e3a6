package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

func TestWhereMetricsGo(t *testing.T) {
	const all, alone, exporter = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_METRICS_EXPORTER"
	const here = "http://127.0.0.1:4318"
	for name, c := range map[string]struct {
		flag    string
		env     map[string]string
		noAdmin bool
		page    bool
		otlp    string
		says    string
		refused string
	}{
		"nothing configured":            {flag: "auto", page: true, says: "ADMIN/metrics"},
		"nothing, and no admin port":    {flag: "auto", noAdmin: true, says: "none: there is no admin port"},
		"endpoint of all signals":       {flag: "auto", env: map[string]string{all: here}, page: true},
		"endpoint of metrics":           {flag: "auto", env: map[string]string{all: here, alone: here + "/m"}, page: true, otlp: here + "/m", says: "ADMIN/metrics, " + here + "/m (http/protobuf)"},
		"exporter otlp":                 {flag: "auto", env: map[string]string{all: here, exporter: "otlp"}, page: true, otlp: here + "/v1/metrics"},
		"exporter otlp, no admin port":  {flag: "auto", noAdmin: true, env: map[string]string{exporter: "otlp"}, otlp: "http://localhost:4318/v1/metrics"},
		"exporter prometheus":           {flag: "auto", env: map[string]string{alone: here, exporter: "prometheus"}, page: true},
		"exporter none":                 {flag: "auto", env: map[string]string{alone: here, exporter: "none"}, says: "none: they are switched off (OTEL_METRICS_EXPORTER none)"},
		"exporter, and the flag first":  {flag: "otlp,prometheus", env: map[string]string{all: here, exporter: "none"}, page: true, otlp: here + "/v1/metrics"},
		"none":                          {flag: "none", env: map[string]string{alone: here}, says: "switched off (--metrics none)"},
		"switched off":                  {flag: "otlp", env: map[string]string{"OTEL_SDK_DISABLED": "true"}, says: "none: OTEL_SDK_DISABLED is true"},
		"grpc":                          {flag: "otlp", env: map[string]string{"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc", all: here}, page: true, otlp: here, says: "(grpc)"},
		"prometheus, and no admin port": {flag: "prometheus", noAdmin: true, refused: "--metrics prometheus needs the admin port"},
		"exporter unknown":              {flag: "auto", env: map[string]string{exporter: "console"}, refused: `OTEL_METRICS_EXPORTER "console" is not allowed: use otlp, prometheus, none, or otlp,prometheus`},
		"endpoint without such a port":  {flag: "otlp", env: map[string]string{alone: "http://localhost:99999"}, refused: alone + ` "http://localhost:99999" is not allowed: use a URL such as`},
		"endpoint that is none":         {flag: "otlp", env: map[string]string{alone: "localhost:4318"}, refused: alone + ` "localhost:4318" is not allowed: use a URL such as`},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parseMetrics(c.flag)
			if err != nil {
				t.Fatal(err)
			}
			d, err := o.resolve(variables(c.env), !c.noAdmin)
			if c.refused != "" || err != nil {
				if err == nil || c.refused == "" || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("the error is %v, want %q", err, c.refused)
				}
				return
			}
			otlp := ""
			if d.otlp != nil {
				otlp = d.otlp.String()
			}
			if d.page != c.page || otlp != c.otlp || d.made() != (c.page || c.otlp != "") {
				t.Errorf("page %t, otlp %q, made %t", d.page, otlp, d.made())
			}
			if said := d.describe("ADMIN"); !strings.Contains(said, c.says) {
				t.Errorf("it says %q, want %q in it", said, c.says)
			}
		})
	}
	if _, err := parseMetrics("console"); err == nil {
		t.Error("--metrics console is taken")
	}
}

// families parses the metrics of the admin port with Prometheus' own parser.
func families(t *testing.T, s *served) map[string]*dto.MetricFamily {
	t.Helper()
	status, text := fetch(t, s.admin+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return all
}

func labels(m *dto.Metric) string {
	var list []string
	for _, l := range m.GetLabel() {
		list = append(list, l.GetName()+"="+l.GetValue())
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// find returns the metric of a family with these labels.
func find(t *testing.T, all map[string]*dto.MetricFamily, name, want string) *dto.Metric {
	t.Helper()
	var there []string
	for _, m := range all[name].GetMetric() {
		if labels(m) == want {
			return m
		}
		there = append(there, labels(m))
	}
	t.Fatalf("there is no %s with %s, but %q", name, want, there)
	return nil
}

// closing is a request with the last response of its connection: when that has ended, the request is counted.
func closing(method string) string {
	return method + " /users/42 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
}

func TestMetricsPage(t *testing.T) {
	s := start(t, nil, "demo")
	for range 3 {
		s.raw(closing("GET"))
	}
	s.raw(closing("BREW"))
	all := families(t, s)
	const rest = " network_protocol_version=1.1 url_scheme=http"
	const users = "http_request_method=GET http_response_status_code=200 http_route=/users/{id}" + rest
	if n := find(t, all, "http_server_request_duration_seconds", users).GetHistogram().GetSampleCount(); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
	if n := find(t, all, "http_server_response_body_size_bytes", users).GetHistogram().GetSampleSum(); n <= 0 {
		t.Errorf("the responses have %v bytes", n)
	}
	find(t, all, "http_server_request_body_size_bytes", users)
	find(t, all, "http_server_request_duration_seconds", "http_request_method=_OTHER http_response_status_code=200 http_route=/users/{id}"+rest)
	if n := find(t, all, "http_server_active_requests", "http_request_method=GET url_scheme=http").GetGauge().GetValue(); n != 0 {
		t.Errorf("%v requests are active", n)
	}
	for _, state := range []string{"idle", "active", "upgraded"} {
		find(t, all, "wirespan_connection_count", "wirespan_connection_state="+state)
	}
	for _, name := range []string{"go_goroutine_count", "target_info"} {
		if all[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
}

// Whoever asks for OpenMetrics is given the trace of a request for each bucket.
func TestExemplarsLeadToTraces(t *testing.T) {
	b := newBackend(t)
	s := start(t, nil, "demo")
	s.raw(closing("GET"))
	r := request(t, http.MethodGet, s.admin+"/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	resp, text := s.do(r)
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/openmetrics-text") || !strings.HasSuffix(text, "# EOF\n") {
		t.Errorf("%s:\n%s", resp.Header.Get("Content-Type"), text)
	}
	s.stop()
	in := b.one(t, "GET /users/{id}", serverKind, nil)
	for _, label := range []string{`trace_id="` + in.trace() + `"`, `span_id="` + in.id() + `"`} { // in either order
		expect(t, "the page", text, `http_route="/users/\{id\}".*# \{.*`+label)
	}
}

func TestMetricsPageIsLikeTheRestOfTheAdminPort(t *testing.T) {
	s := start(t, nil, "demo")
	r := request(t, http.MethodGet, s.admin+"/metrics", nil)
	r.Host = "evil.example"
	if resp, _ := s.do(r); resp.StatusCode != http.StatusForbidden {
		t.Errorf("under another name: %s", resp.Status)
	}
	if resp, _ := s.get("/metrics"); resp.StatusCode != http.StatusNotFound {
		t.Error("the served port answers metrics")
	}
	off := start(t, nil, "demo", "--metrics", "none")
	if status, body := fetch(t, off.admin+"/metrics"); status != http.StatusNotFound || !strings.Contains(body, "switched off") {
		t.Errorf("without metrics: %d, %s", status, body)
	}
	expect(t, "standard error", off.stderr.String(), `metrics +none: they are switched off`)
}

// The last metrics are sent at the end: of requests, of the export of traces, and of the runtime.
func TestMetricsOverOTLP(t *testing.T) {
	b := newBackend(t)
	s := start(t, map[string]string{"OTEL_METRICS_EXPORTER": "otlp"}, "demo")
	expect(t, "standard error", s.stderr.String(), `metrics +\S+/metrics, `+b.url+`/v1/metrics \(http/protobuf\)`)
	s.get("/users/42")
	s.get("/users/43")
	s.stop()
	in := b.one(t, "GET /users/{id}", serverKind, func(s *span) bool { return s.attributes["url.path"] == "/users/42" })
	m, resource := b.metric(t, "http.server.request.duration")
	point := m.GetHistogram().GetDataPoints()[0]
	if point.GetCount() != 2 || m.GetUnit() != "s" || len(point.GetExplicitBounds()) != 14 {
		t.Errorf("got %v", m)
	}
	if resource != in.service {
		t.Errorf("the metrics are of the service %q, the spans of %q", resource, in.service)
	}
	exemplars := 0
	for _, e := range point.GetExemplars() {
		if len(e.GetTraceId()) == 16 && len(e.GetSpanId()) == 8 {
			exemplars++
		}
	}
	if exemplars == 0 {
		t.Errorf("there is no exemplar in %v", point)
	}
	for _, name := range []string{"wirespan.connection.count", "otel.sdk.processor.span.processed", "wirespan.spans.ended", "go.goroutine.count"} {
		b.metric(t, name)
	}
}

// What is lost at the end is in the last metrics, though the receiver of the traces takes all the time that there is for them.
func TestLastMetricsTellOfTheLastSpans(t *testing.T) {
	b := newBackend(t)
	hangs := make(chan struct{})
	traces := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs }))
	t.Cleanup(traces.Close)
	t.Cleanup(func() { close(hangs) })
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces.URL)
	s := start(t, map[string]string{"OTEL_METRICS_EXPORTER": "otlp"}, "demo", "--flush-timeout", "4s")
	s.get("/users/42")
	s.stop()
	lost := map[string]int64{}
	m, _ := b.metric(t, "wirespan.spans.dropped")
	for _, p := range m.GetSum().GetDataPoints() {
		lost[textOf(p.GetAttributes(), "wirespan.drop.reason")] = p.GetAsInt()
	}
	made, _ := b.metric(t, "wirespan.spans.ended")
	if n := made.GetSum().GetDataPoints()[0].GetAsInt(); n == 0 || lost["shutdown"] != n {
		t.Errorf("of %d spans were lost, by the last metrics, %v; the log:\n%s", n, lost, s.stderr.String())
	}
}

// metric returns the last that was received under a name, and whose it is.
func (b *backend) metric(t *testing.T, name string) (found *metricspb.Metric, service string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, rm := range b.metrics {
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				names = append(names, m.GetName())
				if m.GetName() != name {
					continue
				}
				found, service = m, textOf(rm.GetResource().GetAttributes(), "service.name")
			}
		}
	}
	if found == nil {
		t.Fatalf("there is no %s among %q", name, names)
	}
	return found, service
}

// A receiver of traces alone is not bothered with metrics.
func TestMetricsAreNotSentWhereTracesAre(t *testing.T) {
	b := newBackend(t)
	s := start(t, nil, "demo")
	s.get("/")
	s.stop()
	if len(b.spans) == 0 || len(b.metrics) != 0 || len(b.logs) != 0 {
		t.Errorf("%d spans, %d metrics, %d logs", len(b.spans), len(b.metrics), len(b.logs))
	}
}

func TestMetricsThatMakeNoSense(t *testing.T) {
	for want, args := range map[string][]string{
		`^wirespan: --metrics "console" is not allowed: use auto, otlp, prometheus, none, or otlp,prometheus\n$`:                      {"--metrics", "console"},
		`^wirespan: --metrics prometheus needs the admin port, which answers /metrics: give --admin \(WIRESPAN_ADMIN\) an address\n$`: {"--metrics", "prometheus", "--admin", "off"},
	} {
		code, _, stderr := once(t, nil, append([]string{"demo", "--addr", "127.0.0.1:0"}, args...)...)
		if code != exitUsage {
			t.Errorf("%q: exit code %d", args, code)
		}
		expect(t, "standard error", stderr, want)
	}
}
