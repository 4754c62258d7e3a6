package otelcollector_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/otelcollector"
)

// captured serves a request with this header and returns its span.
func captured(t *testing.T, settings otelcollector.Settings, request, response lifecycletest.Fields) *tracepb.Span {
	t.Helper()
	s := &sink{}
	cfg := quiet(t, s)
	cfg.Settings = settings
	c := newCollector(t, cfg)
	dial(t, c).start("GET", "/", request...).complete(200, func(o *lifecycle.Outcome) { o.ResponseFields = response })
	return received(t, c, s)[0]
}

func TestCapturedHeaders(t *testing.T) {
	span := captured(t, otelcollector.Settings{
		CaptureRequestHeaders:  []string{"X-Request-ID", "accept", "ACCEPT", "X-Empty", "X-None"},
		CaptureResponseHeaders: []string{"Content-Type", "Vary", "X-Request-Id"},
	}, lifecycletest.Fields{
		{"Accept", "text/html"}, {"x-request-id", "7"}, {"Authorization", "Basic c2VjcmV0"}, {"accept", "*/*"}, {"X-Empty", ""},
	}, lifecycletest.Fields{
		{"Content-Type", "text/plain"}, {"Set-Cookie", "secret"}, {"Vary", "Accept"}, {"Vary", "Origin"}, {"Vary", "Cookie"},
	})
	checkAttrs(t, span.Attributes, map[string]any{
		"http.request.header.x-request-id":  `["7"]`,
		"http.request.header.accept":        `["text/html" "*/*"]`,
		"http.request.header.x-empty":       `[""]`,
		"http.request.header.x-none":        nil,
		"http.request.header.authorization": nil,
		"http.response.header.content-type": `["text/plain"]`,
		"http.response.header.vary":         `["Accept" "Origin" "Cookie"]`,
		"http.response.header.x-request-id": nil,
		"http.response.header.set-cookie":   nil,
	})
}

func TestSecretHeadersWhenNamed(t *testing.T) {
	span := captured(t, otelcollector.Settings{CaptureRequestHeaders: []string{"Authorization"}, CaptureResponseHeaders: []string{"Set-Cookie"}},
		lifecycletest.Fields{{"Authorization", "Basic c2VjcmV0"}}, lifecycletest.Fields{{"Set-Cookie", "a=b"}})
	checkAttrs(t, span.Attributes, map[string]any{
		"http.request.header.authorization": `["Basic c2VjcmV0"]`, "http.response.header.set-cookie": `["a=b"]`,
	})
}

func TestCaptureWithoutHeaders(t *testing.T) {
	s := &sink{}
	cfg := quiet(t, s)
	cfg.CaptureRequestHeaders, cfg.CaptureResponseHeaders = []string{"Accept"}, []string{"Vary"}
	c := newCollector(t, cfg)
	x := dial(t, c).start("GET", "/")
	x.request.Fields = nil
	x.complete(200)
	checkAttrs(t, received(t, c, s)[0].Attributes, map[string]any{"http.request.header.accept": nil, "http.response.header.vary": nil})
}

// A key occurs once, and what the handler says counts.
func TestHandlerSetsCapturedHeader(t *testing.T) {
	s := &sink{}
	cfg := quiet(t, s)
	cfg.CaptureRequestHeaders = []string{"X-User", "Accept"}
	c := newCollector(t, cfg)
	x := dial(t, c).start("GET", "/", [2]string{"X-User", "alice"}, [2]string{"Accept", "*/*"})
	trace.SpanFromContext(x.context()).SetAttributes(attribute.StringSlice("http.request.header.x-user", []string{"somebody"}))
	x.complete(200)
	checkAttrs(t, received(t, c, s)[0].Attributes, map[string]any{
		"http.request.header.x-user": `["somebody"]`, "http.request.header.accept": `["*/*"]`,
	})
}

// The conventions want a sampler to see the captured headers of a request.
func TestSamplerSeesCapturedHeaders(t *testing.T) {
	p := picky{make(chan sdktrace.SamplingParameters, 2)}
	cfg := quiet(t, &sink{})
	cfg.Sampler, cfg.CaptureRequestHeaders = p, []string{"Accept", "X-None"}
	w := dial(t, newCollector(t, cfg))
	<-p.seen
	w.start("GET", "/", [2]string{"Accept", "a"}, [2]string{"accept", "b"})
	set := attribute.NewSet((<-p.seen).Attributes...)
	if v, _ := set.Value("http.request.header.accept"); len(v.AsStringSlice()) != 2 || v.AsStringSlice()[1] != "b" {
		t.Errorf("the sampler sees %v", v)
	}
	if set.HasValue("http.request.header.x-none") {
		t.Error("the sampler sees a header that did not come")
	}
}
