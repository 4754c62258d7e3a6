package otelcollector_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

func TestReconfigure(t *testing.T) {
	s := &sink{}
	cfg := quiet(t, s)
	cfg.Sampler = sdktrace.NeverSample()
	c := newCollector(t, cfg)
	w := dial(t, c) // the settings change while it is open
	get := func(status int) { w.start("GET", "/a?token=x&sig=y", [2]string{"X-A", "1"}).complete(status) }
	steps := []struct {
		name     string
		settings otelcollector.Settings
		status   int
		want     map[string]any // nil: no span
	}{
		{"sampled", otelcollector.Settings{Sampler: sdktrace.AlwaysSample()}, 200, map[string]any{
			"url.query": "token=x&sig=REDACTED", "http.request.header.x-a": nil,
		}},
		{"not sampled", otelcollector.Settings{Sampler: sdktrace.NeverSample()}, 500, nil},
		{"errors", otelcollector.Settings{Sampler: sdktrace.NeverSample(), KeepErrors: true}, 500, map[string]any{"wirespan.sampling.reason": "error"}},
		{"slow", otelcollector.Settings{Sampler: sdktrace.NeverSample(), KeepSlowerThan: 1}, 200, map[string]any{"wirespan.sampling.reason": "slow"}},
		{"ignored", otelcollector.Settings{Sampler: sdktrace.AlwaysSample(), IgnorePaths: []string{"/a"}}, 200, nil},
		{"headers and secrets", otelcollector.Settings{
			Sampler: sdktrace.AlwaysSample(), CaptureRequestHeaders: []string{"X-A"}, SensitiveQueryParameters: []string{"token"},
		}, 200, map[string]any{"url.query": "token=REDACTED&sig=y", "http.request.header.x-a": `["1"]`}},
		{"no secrets", otelcollector.Settings{Sampler: sdktrace.AlwaysSample(), SensitiveQueryParameters: []string{}}, 200, map[string]any{
			"url.query": "token=x&sig=y",
		}},
	}
	before := 0
	for _, step := range steps {
		if err := c.Reconfigure(step.settings); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		get(step.status)
		spans := received(t, c, s)
		switch {
		case len(spans) == before && step.want == nil:
		case len(spans) == before+1 && step.want != nil:
			checkAttrs(t, spans[before].Attributes, step.want)
		default:
			t.Errorf("%s: %d spans came", step.name, len(spans)-before)
		}
		before = len(spans)
	}
}

// A request that was ignored at its start stays without a span, and one that was not has its own.
func TestReconfigureDuringARequest(t *testing.T) {
	s := &sink{}
	cfg := quiet(t, s)
	cfg.Settings = ignoring
	c := newCollector(t, cfg)
	w := dial(t, c)
	reconfigure := func(settings otelcollector.Settings) {
		if err := c.Reconfigure(settings); err != nil {
			t.Fatal(err)
		}
	}
	x := w.start("GET", "/healthz")
	reconfigure(otelcollector.Settings{Sampler: sdktrace.AlwaysSample()})
	x.complete(200)
	if n := len(received(t, c, s)); n != 0 {
		t.Errorf("%d spans of a request that was ignored", n)
	}
	x = w.start("GET", "/healthz")
	reconfigure(ignoring)
	x.complete(200)
	if n := len(received(t, c, s)); n != 1 {
		t.Errorf("%d spans of a request that was sampled", n)
	}
}

func TestSettingsInForce(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
	c := newCollector(t, quiet(t, &sink{}))
	got := c.Settings()
	want := otelcollector.Settings{
		Sampler: sdktrace.TraceIDRatioBased(0.25),
		SensitiveQueryParameters: []string{
			"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the settings are %+v, want %+v", got, want)
	}
	got.SensitiveQueryParameters[0] = "changed outside"
	if c.Settings().SensitiveQueryParameters[0] != "X-Amz-Signature" {
		t.Error("the settings can be changed from outside")
	}
	mine := otelcollector.Settings{
		Sampler: sdktrace.NeverSample(), KeepErrors: true, KeepSlowerThan: time.Second, IgnorePaths: []string{"/a"},
		CaptureRequestHeaders: []string{"X-A"}, CaptureResponseHeaders: []string{"X-B"}, SensitiveQueryParameters: []string{},
	}
	if err := c.Reconfigure(mine); err != nil {
		t.Fatal(err)
	}
	mine.IgnorePaths[0] = "/changed/outside"
	got, mine.IgnorePaths[0] = c.Settings(), "/a"
	if !reflect.DeepEqual(got, mine) {
		t.Errorf("the settings are %+v, want %+v", got, mine)
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	c := newCollector(t, quiet(t, &sink{}))
	before := c.Settings()
	for _, s := range []struct {
		settings       otelcollector.Settings
		field, element string
	}{
		{otelcollector.Settings{KeepSlowerThan: -time.Second}, "KeepSlowerThan", "-1s"},
		{otelcollector.Settings{IgnorePaths: []string{"/a", "healthz"}}, "IgnorePaths", "healthz"},
		{otelcollector.Settings{IgnorePaths: []string{""}}, "IgnorePaths", ""},
		{otelcollector.Settings{IgnorePaths: []string{"*"}}, "IgnorePaths", "*"},
		{otelcollector.Settings{IgnorePaths: []string{"/a*b"}}, "IgnorePaths", "/a*b"},
		{otelcollector.Settings{IgnorePaths: []string{"/a?b"}}, "IgnorePaths", "/a?b"},
		{otelcollector.Settings{CaptureRequestHeaders: []string{"X-A", "X B"}}, "CaptureRequestHeaders", "X B"},
		{otelcollector.Settings{CaptureRequestHeaders: []string{""}}, "CaptureRequestHeaders", ""},
		{otelcollector.Settings{CaptureResponseHeaders: []string{"X-Ä"}}, "CaptureResponseHeaders", "X-Ä"},
		{otelcollector.Settings{SensitiveQueryParameters: []string{"a=b"}}, "SensitiveQueryParameters", "a=b"},
		{otelcollector.Settings{SensitiveQueryParameters: []string{""}}, "SensitiveQueryParameters", ""},
	} {
		cfg := quiet(t, &sink{})
		cfg.Settings = s.settings
		_, newErr := otelcollector.New(t.Context(), cfg)
		for how, err := range map[string]error{"Validate": s.settings.Validate(), "Reconfigure": c.Reconfigure(s.settings), "New": newErr} {
			var e *otelcollector.SettingError
			if !errors.As(err, &e) || e.Setting != s.field || e.Value != s.element || e.Allowed == "" {
				t.Errorf("%s of %+v: %v", how, s.settings, err)
				continue
			}
			if text := err.Error(); !strings.HasPrefix(text, "otelcollector: "+s.field+" is ") || !strings.HasSuffix(text, e.Allowed) {
				t.Errorf("the error is %q", text)
			}
		}
	}
	if !reflect.DeepEqual(c.Settings(), before) {
		t.Errorf("the settings have changed: %+v", c.Settings())
	}
	t.Setenv("OTEL_TRACES_SAMPLER", "sometimes")
	if err := c.Reconfigure(otelcollector.Settings{}); err == nil || !strings.Contains(err.Error(), "OTEL_TRACES_SAMPLER") {
		t.Errorf("the error is %v", err)
	}
}

// An application's own SDK, and the provider of live spans, follow the settings too.
func TestSamplerFollowsTheSettings(t *testing.T) {
	cfg := quiet(t, &sink{})
	cfg.Sampler = sdktrace.NeverSample()
	c := newCollector(t, cfg)
	own := sdktrace.NewTracerProvider(sdktrace.WithSampler(c.Sampler()))
	x := dial(t, c).start("GET", "/")
	live := trace.SpanFromContext(x.context()).TracerProvider()
	check := func(want bool) {
		t.Helper()
		for name, p := range map[string]trace.TracerProvider{"own": own, "live": live} {
			_, span := p.Tracer("t").Start(context.Background(), "root")
			if span.SpanContext().IsSampled() != want {
				t.Errorf("%s: a span is sampled: %t, want %t", name, !want, want)
			}
			span.End()
		}
	}
	check(false)
	for range 2 { // its own sampler stands for the one in force
		s := c.Settings()
		s.Sampler = c.Sampler()
		if err := c.Reconfigure(s); err != nil {
			t.Fatal(err)
		}
		check(false)
	}
	if err := c.Reconfigure(otelcollector.Settings{Sampler: sdktrace.AlwaysSample()}); err != nil {
		t.Fatal(err)
	}
	check(true)
	if d := c.Sampler().Description(); d != "AlwaysOnSampler" {
		t.Errorf("it describes itself as %s", d)
	}
}

// A sampler of another Collector is asked, and not taken for what it describes.
func TestSamplerOfAnotherCollector(t *testing.T) {
	cfg := quiet(t, &sink{})
	cfg.Sampler = sdktrace.AlwaysSample()
	leader := newCollector(t, cfg)
	cfg = quiet(t, &sink{})
	cfg.Sampler = leader.Sampler()
	c := newCollector(t, cfg)
	if err := leader.Reconfigure(otelcollector.Settings{Sampler: sdktrace.NeverSample()}); err != nil {
		t.Fatal(err)
	}
	if dial(t, c).start("GET", "/").request.Trace.Sampled() {
		t.Error("the request is sampled, although the other collector samples nothing any more")
	}
}

// Settings may change at any time, from any goroutine.
func TestReconfigureBesideRequests(t *testing.T) {
	c := newCollector(t, quiet(t, &sink{}))
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			w := dial(t, c)
			for i := range 300 {
				x := w.start("GET", "/healthz", [2]string{"X-A", "1"})
				useAll(trace.SpanFromContext(w.to.(lifecycle.ContextProvider).Context(context.Background(), &lifecycle.RequestStarted{Request: &x.request})))
				x.complete(200 + i%2*300)
			}
			w.close(lifecycle.ReasonComplete)
		})
	}
	for i := range 300 {
		settings := []otelcollector.Settings{{}, ignoring, {Sampler: sdktrace.NeverSample(), KeepErrors: true, CaptureRequestHeaders: []string{"X-A"}}}
		if err := c.Reconfigure(settings[i%len(settings)]); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func TestSamplerNames(t *testing.T) {
	for _, text := range []string{
		"always_on", "always_off", "traceidratio=0.1", "traceidratio=0", "traceidratio=1", "traceidratio=1e-09",
		"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio=0.25",
	} {
		s, err := otelcollector.ParseSampler(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := otelcollector.SamplerName(s); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	if s, err := otelcollector.ParseSampler("ParentBased_TraceIDRatio"); err != nil || otelcollector.SamplerName(s) != "parentbased_traceidratio=1" {
		t.Errorf("without a ratio: %v, %v", s, err)
	}
	for _, text := range []string{"", "sometimes", "always_on=1", "traceidratio=", "traceidratio=2", "traceidratio=-1", "traceidratio=NaN", "parentbased_"} {
		_, err := otelcollector.ParseSampler(text)
		var e *otelcollector.SettingError
		if !errors.As(err, &e) || e.Setting != "Sampler" || e.Value != text || !strings.Contains(e.Allowed, "traceidratio=RATIO") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Another sampler than those with names has the name of its description, which no sampler is made from.
func TestNamesOfOtherSamplers(t *testing.T) {
	for _, s := range []sdktrace.Sampler{
		recordOnly{},
		calls{Sampler: sdktrace.AlwaysSample()},
		sdktrace.ParentBased(calls{Sampler: sdktrace.AlwaysSample()}),
		sdktrace.ParentBased(sdktrace.AlwaysSample(), sdktrace.WithRemoteParentNotSampled(sdktrace.AlwaysSample())),
	} {
		if got := otelcollector.SamplerName(s); got != s.Description() {
			t.Errorf("%s has the name %s", s.Description(), got)
		}
	}
}
