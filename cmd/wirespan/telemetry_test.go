package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// backend receives spans, metrics and log records over OTLP.
type backend struct {
	url string

	mu      sync.Mutex
	spans   []*span
	metrics []*metricspb.ResourceMetrics
	logs    []*logspb.ResourceLogs
}

// span is a span with what its resource and attributes say.
type span struct {
	*tracepb.Span
	service    string
	instance   string
	attributes map[string]any
}

// list returns the elements of an attribute that is a list of texts.
func (s *span) list(key string) (list []string) {
	for _, a := range s.Attributes {
		if a.Key == key {
			for _, v := range a.Value.GetArrayValue().GetValues() {
				list = append(list, v.GetStringValue())
			}
		}
	}
	return list
}

func (s *span) trace() string  { return hex.EncodeToString(s.TraceId) }
func (s *span) id() string     { return hex.EncodeToString(s.SpanId) }
func (s *span) parent() string { return hex.EncodeToString(s.ParentSpanId) }

// newBackend starts one, and lets the servers of this test send to it.
func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := b.take(r.URL.Path, body); err != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	b.url = s.URL
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL)
	return b
}

func (b *backend) take(path string, body []byte) error {
	switch path {
	case "/v1/metrics":
		var batch colmetricspb.ExportMetricsServiceRequest
		err := proto.Unmarshal(body, &batch)
		b.addMetrics(&batch)
		return err
	case "/v1/logs":
		var batch collogspb.ExportLogsServiceRequest
		err := proto.Unmarshal(body, &batch)
		b.addLogs(&batch)
		return err
	}
	var batch coltracepb.ExportTraceServiceRequest
	err := proto.Unmarshal(body, &batch)
	b.add(&batch)
	return err
}

func (b *backend) addMetrics(batch *colmetricspb.ExportMetricsServiceRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.metrics = append(b.metrics, batch.GetResourceMetrics()...)
}

func (b *backend) addLogs(batch *collogspb.ExportLogsServiceRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.logs = append(b.logs, batch.GetResourceLogs()...)
}

// textOf returns the attribute with this key, which is a text.
func textOf(attributes []*commonpb.KeyValue, key string) string {
	for _, a := range attributes {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

func (b *backend) add(batch *coltracepb.ExportTraceServiceRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, rs := range batch.GetResourceSpans() {
		of := rs.GetResource().GetAttributes()
		service, instance := textOf(of, "service.name"), textOf(of, "service.instance.id")
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				attributes := map[string]any{}
				for _, a := range s.GetAttributes() {
					v := a.GetValue()
					switch {
					case v.GetStringValue() != "":
						attributes[a.GetKey()] = v.GetStringValue()
					case v.GetIntValue() != 0:
						attributes[a.GetKey()] = v.GetIntValue()
					default:
						attributes[a.GetKey()] = v.GetDoubleValue()
					}
				}
				b.spans = append(b.spans, &span{s, service, instance, attributes})
			}
		}
	}
}

// one returns the only span of this name and kind that a test accepts; it is called when the servers have ended.
func (b *backend) one(t *testing.T, name string, kind tracepb.Span_SpanKind, accept func(*span) bool) *span {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []*span
	var names []string
	for _, s := range b.spans {
		names = append(names, s.Name)
		if s.Name == name && s.Kind == kind && (accept == nil || accept(s)) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("there are %d spans %q, want 1; all: %q", len(found), name, names)
	}
	return found[0]
}

const (
	serverKind   = tracepb.Span_SPAN_KIND_SERVER
	clientKind   = tracepb.Span_SPAN_KIND_CLIENT
	internalKind = tracepb.Span_SPAN_KIND_INTERNAL
)

func childOf(t *testing.T, child, parent *span) {
	t.Helper()
	if child.trace() != parent.trace() || child.parent() != parent.id() {
		t.Errorf("%q (trace %s, parent %s) is not the child of %q (trace %s, id %s)",
			child.Name, child.trace(), child.parent(), parent.Name, parent.trace(), parent.id())
	}
}

func TestSpansOfChain(t *testing.T) {
	b := newBackend(t)
	s := start(t, nil, "demo")
	expect(t, "standard error", s.stderr.String(), `traces +`+b.url+`/v1/traces \(http/protobuf\)`)
	s.get("/chain")
	s.stop()
	outer := b.one(t, "GET /chain", serverKind, nil)
	call := b.one(t, "GET", clientKind, nil)
	inner := b.one(t, "GET /users/{id}", serverKind, nil)
	load := b.one(t, "load user", internalKind, nil)
	childOf(t, call, outer)
	childOf(t, inner, call)
	childOf(t, load, inner)
	if load.attributes["user.id"] != "42" || load.service != "wirespan" || outer.service != "wirespan" {
		t.Errorf("%v of %s, beside %s", load.attributes, load.service, outer.service)
	}
	expect(t, "standard error", s.stderr.String(), `msg=stopped spans_exported=[6-9] spans_rejected=0 spans_dropped=0`)
}

func TestSpansOfProxy(t *testing.T) {
	b := newBackend(t)
	var header http.Header
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		io.WriteString(w, greeting)
	})
	s := start(t, nil, "proxy", app.URL)
	r := request(t, http.MethodGet, s.url+"/a?sig=secret", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	r.Header.Set("Tracestate", "vendor=1")
	r.Header.Set("Baggage", "who=me")
	s.do(r)
	s.stop()
	in := b.one(t, "GET", serverKind, nil)
	out := b.one(t, "GET", clientKind, nil)
	if in.trace() != "0af7651916cd43dd8448eb211c80319c" || in.parent() != "b7ad6b7169203331" {
		t.Errorf("the request is in trace %s under %s, not in its caller's", in.trace(), in.parent())
	}
	childOf(t, out, in)
	if want := "00-" + out.trace() + "-" + out.id() + "-0"; !strings.HasPrefix(header.Get("Traceparent"), want) {
		t.Errorf("the application gets traceparent %q, want %q", header.Get("Traceparent"), want)
	}
	if header.Get("Tracestate") != "vendor=1" || header.Get("Baggage") != "who=me" {
		t.Errorf("the application gets tracestate %q and baggage %q", header.Get("Tracestate"), header.Get("Baggage"))
	}
	for _, key := range []string{"wirespan.client.connect.duration", "wirespan.client.first_byte.duration"} {
		if v, ok := out.attributes[key].(float64); !ok || v <= 0 {
			t.Errorf("%s is %v", key, out.attributes[key])
		}
	}
	if out.attributes["url.full"] != app.URL+"/a?sig=REDACTED" || out.attributes["http.response.status_code"] != int64(200) {
		t.Errorf("attributes %v", out.attributes)
	}
}

func TestSpansOfProxyWithoutApplication(t *testing.T) {
	b := newBackend(t)
	s := start(t, nil, "proxy", "http://127.0.0.1:"+freePort(t))
	s.get("/")
	s.stop()
	in, out := b.one(t, "GET", serverKind, nil), b.one(t, "GET", clientKind, nil)
	childOf(t, out, in)
	if out.attributes["error.type"] != "connection_refused" || in.attributes["error.type"] != "502" {
		t.Errorf("error.type is %v for the call and %v for the request", out.attributes["error.type"], in.attributes["error.type"])
	}
}

// The spans of connections that were still upgraded when the server drained arrive too.
func TestSpansOfUpgrade(t *testing.T) {
	b := newBackend(t)
	app := start(t, nil, "demo", "--traces", "none")
	s := start(t, nil, "proxy", app.url)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, s.url+"/ws", &websocket.DialOptions{HTTPClient: s.client})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	s.stop()
	in, out := b.one(t, "GET", serverKind, nil), b.one(t, "GET", clientKind, nil)
	childOf(t, out, in)
	if in.attributes["http.response.status_code"] != int64(101) || out.attributes["http.response.status_code"] != int64(101) {
		t.Errorf("status %v, and %v of the call", in.attributes["http.response.status_code"], out.attributes["http.response.status_code"])
	}
}

func TestSpanOfWebSocketHasItsRoute(t *testing.T) {
	b := newBackend(t)
	s := start(t, nil, "demo")
	echoes(t, s, "/ws")
	s.stop()
	b.one(t, "GET /ws", serverKind, nil)
}

// What the caller sent passes where no span is made.
func TestProxyWithoutTraces(t *testing.T) {
	b := newBackend(t)
	var header http.Header
	app := application(t, func(_ http.ResponseWriter, r *http.Request) { header = r.Header })
	s := start(t, nil, "proxy", app.URL, "--traces", "none")
	r := request(t, http.MethodPost, s.url, bytes.NewReader(nil))
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r.Header.Set("Traceparent", parent)
	r.Header.Set("Tracestate", "vendor=1")
	s.do(r)
	s.stop()
	if header.Get("Traceparent") != parent || header.Get("Tracestate") != "vendor=1" {
		t.Errorf("the application gets traceparent %q and tracestate %q", header.Get("Traceparent"), header.Get("Tracestate"))
	}
	if len(b.spans) != 0 {
		t.Errorf("%d spans were sent", len(b.spans))
	}
}

// A collector that is down, or says nothing, costs no request, and not more than its deadline at the end.
func TestCollectorThatIsDown(t *testing.T) {
	for name, addr := range map[string]string{"down": "127.0.0.1:" + freePort(t), "silent": silence(t)} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:secret@"+addr)
			s := start(t, nil, "demo", "--flush-timeout", "300ms")
			for range 10 {
				if resp, _ := s.get("/"); resp.StatusCode != 200 {
					t.Errorf("status %s", resp.Status)
				}
			}
			s.stop()
			expect(t, "standard error", s.stderr.String(), `msg=stopped spans_exported=0 spans_rejected=0 spans_dropped=[1-9]`)
			if strings.Contains(s.stderr.String(), "secret") {
				t.Errorf("standard error tells the password:\n%s", s.stderr)
			}
		})
	}
}

func TestTrustedProxiesNameTheClient(t *testing.T) {
	b := newBackend(t)
	s := start(t, nil, "demo", "--trusted-proxies", "127.0.0.0/8")
	r := request(t, http.MethodGet, s.url+"/users/1", nil)
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	s.do(r)
	s.stop()
	if got := b.one(t, "GET /users/{id}", serverKind, nil).attributes["client.address"]; got != "192.0.2.1" {
		t.Errorf("client.address is %v", got)
	}
}

// What goes as it should is told at the level debug alone, what goes wrong at warn.
func TestEventsAreLoggedAtTheirLevel(t *testing.T) {
	for level, want := range map[string]struct{ started, failed bool }{
		"":      {false, true},
		"debug": {true, true},
		"warn":  {false, true},
		"error": {false, false},
	} {
		args := []string{"demo", "--traces", "none", "--error-log", filepath.Join(t.TempDir(), "log")}
		if level != "" {
			args = append(args, "--log-level", level)
		}
		s := start(t, nil, args...)
		s.get("/status/204")
		s.raw("nonsense\r\n\r\n")
		s.stop()
		log := readFile(t, args[4])
		for event, want := range map[string]bool{
			"event=ConnectionOpened": want.started, "event=RequestStarted": want.started, "event=ResponseCompleted": want.started,
			"event=RequestFailed": want.failed,
		} {
			if strings.Contains(log, event) != want {
				t.Errorf("--log-level %q: %s is there: %t, want %t, in\n%s", level, event, !want, want, log)
			}
		}
	}
}

func TestHealthCheckPathIsNotLogged(t *testing.T) {
	s := start(t, nil, "demo", "--log-level", "debug", "--health-check-path", "/status/200")
	s.get("/status/200")
	s.get("/status/204")
	s.stop()
	log := s.stderr.String()
	if strings.Contains(log, "/status/200") || !strings.Contains(log, "/status/204") {
		t.Errorf("the log is\n%s", log)
	}
}
