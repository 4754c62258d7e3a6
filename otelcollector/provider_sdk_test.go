package otelcollector_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/otelcollector"
)

// through returns a Collector whose spans go through an SDK with these options to s.
func through(t testing.TB, s *sink, options ...sdktrace.TracerProviderOption) *otelcollector.Collector {
	t.Helper()
	return newCollector(t, otelcollector.Config{TracerProvider: application(t, s, options...)})
}

func TestContractThroughAProvider(t *testing.T) {
	for name, p := range map[string]func(t *testing.T) trace.TracerProvider{
		"of an SDK":                func(t *testing.T) trace.TracerProvider { return application(t, &sink{}) },
		"that can only make spans": func(t *testing.T) trace.TracerProvider { return plain{sdk: application(t, &sink{})} },
		"that makes none":          func(*testing.T) trace.TracerProvider { return noop.NewTracerProvider() },
		"of an SDK that samples nothing": func(t *testing.T) trace.TracerProvider {
			return application(t, &sink{}, sdktrace.WithSampler(sdktrace.NeverSample()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			lifecycletest.TestCollector(t, func(t *testing.T) lifecycle.Collector {
				return newCollector(t, otelcollector.Config{TracerProvider: p(t)})
			})
		})
	}
}

// goesWithAProvider are the fields of Config and of its Settings that say how spans are made, whoever makes them.
var goesWithAProvider = map[string]bool{
	"TracerProvider": true, "Propagator": true, "TrustedProxies": true, "KnownMethods": true,
	"IgnorePaths": true, "CaptureRequestHeaders": true, "CaptureResponseHeaders": true, "SensitiveQueryParameters": true,
}

// otherFields sets the others. What is neither there nor here is not decided upon.
var otherFields = otelcollector.Config{
	ServiceName: "shop", Resource: resource.Empty(), Client: &sink{}, NoExport: true, MaxQueueBytes: 1, SpoolDir: "spool", SpoolMaxBytes: 1, SpoolDeadBytes: 1,
	SpoolMode: otelcollector.SpoolJournal, FlushInterval: 1, ErrorHandler: func(error) {},
	MeterProvider: metricnoop.NewMeterProvider(), Hooks: &instrument.Hooks{},
	Settings: otelcollector.Settings{Sampler: sdktrace.AlwaysSample(), KeepErrors: true, KeepSlowerThan: 1},
}

func TestWhatDoesNotGoWithAProviderIsRefused(t *testing.T) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[otelcollector.Config]()) {
		value := reflect.ValueOf(otherFields).FieldByIndex(field.Index)
		switch {
		case goesWithAProvider[field.Name] || field.Anonymous:
			continue
		case value.IsZero():
			t.Fatalf("does %s go with TracerProvider? Decide it here and in provider.go", field.Name)
		}
		cfg := otelcollector.Config{TracerProvider: noop.NewTracerProvider()}
		reflect.ValueOf(&cfg).Elem().FieldByIndex(field.Index).Set(value)
		_, err := otelcollector.New(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), field.Name) || !strings.Contains(err.Error(), "Config.TracerProvider") {
			t.Errorf("with %s: %v", field.Name, err)
		}
	}
}

func TestSettingsBesideAProvider(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "a die")
	s := &sink{}
	c := through(t, s)
	w := dial(t, c)
	set := c.Settings()
	set.IgnorePaths, set.CaptureRequestHeaders = []string{"/healthz"}, []string{"X-A"}
	if err := c.Reconfigure(set); err != nil {
		t.Fatal(err)
	}
	var wrong *otelcollector.SettingError
	for name, set := range map[string]otelcollector.Settings{
		"Sampler": {Sampler: sdktrace.NeverSample()}, "KeepErrors": {KeepErrors: true}, "KeepSlowerThan": {KeepSlowerThan: 1},
	} {
		if err := c.Reconfigure(set); !errors.As(err, &wrong) || wrong.Setting != name {
			t.Errorf("with %s: %v", name, err)
		}
	}
	x := w.start("GET", "/healthz", [2]string{"traceparent", traceparent + "01"})
	if sc := trace.SpanContextFromContext(x.context()); x.request.Trace.IsValid() || !sc.IsRemote() {
		t.Errorf("want no span of its own for an ignored request, and that of its caller for the handler: %v", sc)
	}
	x.complete(200)
	w.start("GET", "/", [2]string{"X-A", "1"}).complete(200)
	if len(s.spans()) != 1 {
		t.Fatalf("%d spans, want 1", len(s.spans()))
	}
	checkAttrs(t, s.spans()[0].Attributes, map[string]any{"url.path": "/", "http.request.header.x-a": `["1"]`})
}

func TestVariablesOfTheExportAreTheProvidersOwn(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "console")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense")
	s := &sink{}
	c := through(t, s)
	dial(t, c).start("GET", "/").complete(200)
	if len(s.spans()) != 1 {
		t.Errorf("%d spans, want 1", len(s.spans()))
	}
	if c.Resource() != nil || c.Sampler() != nil || c.Propagator() == nil {
		t.Error("want the propagator, and neither a resource nor a sampler")
	}
	if st := c.Stats(); !reflect.DeepEqual(st, otelcollector.Stats{}) {
		t.Errorf("spans that are not exported here are counted: %+v", st)
	}
	t.Setenv("OTEL_PROPAGATORS", "carrier pigeon")
	if _, err := otelcollector.New(t.Context(), otelcollector.Config{TracerProvider: noop.NewTracerProvider()}); err == nil {
		t.Error("an unknown propagator was taken")
	}
}

func TestDisabledThroughAProvider(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	s := &sink{}
	c := through(t, s)
	w := dial(t, c)
	x := w.start("GET", "/", [2]string{"traceparent", traceparent + "01"})
	if sc := trace.SpanContextFromContext(x.context()); x.request.Trace.IsValid() || !sc.IsRemote() || sc.TraceID().String() != parentTrace {
		t.Errorf("want no span, and that of the caller passed on: %v", sc)
	}
	x.complete(200)
	w.close(lifecycle.ReasonComplete)
	refuse(c)
	if n := len(s.spans()); n != 0 {
		t.Errorf("%d spans were made", n)
	}
}

// counted counts what it is asked for.
type counted struct {
	noop.TracerProvider
	flushes, shutdowns int
	err                error
}

func (c *counted) ForceFlush(context.Context) error { c.flushes++; return c.err }
func (c *counted) Shutdown(context.Context) error   { c.shutdowns++; return nil }

func TestTheProviderIsFlushedAndNotShutDown(t *testing.T) {
	p := &counted{err: context.DeadlineExceeded}
	c, err := otelcollector.New(t.Context(), otelcollector.Config{TracerProvider: p})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ForceFlush(t.Context()); err != p.err {
		t.Errorf("flush: %v, want what the provider says", err)
	}
	if err := c.Shutdown(t.Context()); err != p.err {
		t.Errorf("shut down: %v, want what the provider says", err)
	}
	if p.flushes != 2 || p.shutdowns != 0 {
		t.Errorf("%d flushes and %d shutdowns, want 2 and 0", p.flushes, p.shutdowns)
	}
}

// The Collector's own processor in the SDK that the Collector flushes must not go round in circles.
func TestProcessorInTheProvider(t *testing.T) {
	s := &sink{}
	p := application(t, s)
	c := newCollector(t, otelcollector.Config{TracerProvider: p})
	p.RegisterSpanProcessor(c.SpanProcessor())
	dial(t, c).start("GET", "/").complete(200)
	if err := c.ForceFlush(t.Context()); err != nil || len(s.spans()) != 1 {
		t.Errorf("%d spans, %v; want the one that the other processor exported", len(s.spans()), err)
	}
}

// watcher is a processor that sees spans start and end.
type watcher struct {
	start func(ctx context.Context, s sdktrace.ReadWriteSpan)
	end   func(s sdktrace.ReadOnlySpan)
}

func (w watcher) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	if w.start != nil {
		w.start(ctx, s)
	}
}

func (w watcher) OnEnd(s sdktrace.ReadOnlySpan) {
	if w.end != nil {
		w.end(s)
	}
}
func (watcher) Shutdown(context.Context) error   { return nil }
func (watcher) ForceFlush(context.Context) error { return nil }

// What the conventions want at the start is there, and the baggage of the caller, for samplers and processors.
func TestWhatSamplersAndProcessorsSee(t *testing.T) {
	var kinds []trace.SpanKind
	check := func(where string, kind trace.SpanKind, got []attribute.KeyValue, links []trace.Link, ctx context.Context) {
		t.Helper()
		if kind != trace.SpanKindServer {
			return
		}
		want := attribute.NewSet(
			attribute.String("http.request.method", "GET"), attribute.String("url.path", "/a"), attribute.String("url.query", "q=1"),
			attribute.String("url.scheme", "http"), attribute.String("server.address", "shop.example"), attribute.Int("server.port", 8443),
			attribute.String("client.address", "203.0.113.5"), attribute.String("user_agent.original", "curl/8"),
			attribute.StringSlice("http.request.header.x-a", []string{"1"}),
		)
		if set := attribute.NewSet(got...); !set.Equals(&want) {
			t.Errorf("%s sees %v", where, got)
		}
		if len(links) != 1 {
			t.Errorf("%s sees the links %v, want that to the connection", where, links)
		}
		if b := baggage.FromContext(ctx).Member("k").Value(); b != "v" {
			t.Errorf("%s sees the baggage %q, want v", where, b)
		}
	}
	sampler := samplerFunc(func(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
		kinds = append(kinds, p.Kind)
		check("the sampler", p.Kind, p.Attributes, p.Links, p.ParentContext)
		return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
	})
	seen := 0
	processor := watcher{start: func(ctx context.Context, s sdktrace.ReadWriteSpan) {
		seen++
		links := make([]trace.Link, len(s.Links()))
		check("the processor", s.SpanKind(), s.Attributes(), links, ctx)
		s.SetAttributes(attribute.String("url.path", "/hidden"), attribute.String("by", "processor"))
	}}
	s := &sink{}
	c := newCollector(t, otelcollector.Config{
		TracerProvider: application(t, s, sdktrace.WithSampler(sampler), sdktrace.WithSpanProcessor(processor)),
		Settings:       otelcollector.Settings{CaptureRequestHeaders: []string{"X-A"}},
	})
	w := dial(t, c)
	w.start("GET", "/a?q=1", [2]string{"User-Agent", "curl/8"}, [2]string{"X-A", "1"}, [2]string{"baggage", "k=v"}).complete(200)
	w.close(lifecycle.ReasonComplete)
	if seen != 2 || len(kinds) != 2 {
		t.Errorf("the processor saw %d spans and the sampler %d, want 2", seen, len(kinds))
	}
	checkAttrs(t, named(t, s.spans(), "GET").Attributes, map[string]any{"url.path": "/hidden", "by": "processor", "network.peer.port": 50123})
}

type samplerFunc func(sdktrace.SamplingParameters) sdktrace.SamplingResult

func (f samplerFunc) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult { return f(p) }

func (samplerFunc) Description() string { return "of the test" }

// A span that is recorded but not sampled is for processors: it has all attributes, and nobody links to it.
func TestRecordOnly(t *testing.T) {
	var ended []sdktrace.ReadOnlySpan
	c := through(t, &sink{},
		sdktrace.WithSampler(samplerFunc(func(sdktrace.SamplingParameters) sdktrace.SamplingResult {
			return sdktrace.SamplingResult{Decision: sdktrace.RecordOnly}
		})),
		sdktrace.WithSpanProcessor(watcher{end: func(s sdktrace.ReadOnlySpan) { ended = append(ended, s) }}))
	w := dial(t, c, secured)
	x := w.start("GET", "/")
	if x.request.Trace.Sampled() || !trace.SpanFromContext(x.context()).IsRecording() {
		t.Error("want a span that records and is not sampled")
	}
	x.complete(200, route("/"))
	w.close(lifecycle.ReasonComplete)
	if len(ended) != 3 {
		t.Fatalf("%d spans ended, want 3", len(ended))
	}
	if s := ended[1]; s.Name() != "GET /" || len(s.Links()) != 0 || !s.EndTime().After(s.StartTime()) {
		t.Errorf("%q with links %v from %v to %v", s.Name(), s.Links(), s.StartTime(), s.EndTime())
	}
}

// serial makes ids that can be told.
type serial struct{ last uint64 }

func (s *serial) NewIDs(ctx context.Context) (id trace.TraceID, _ trace.SpanID) {
	s.last++
	binary.BigEndian.PutUint64(id[8:], s.last)
	return id, s.NewSpanID(ctx, id)
}

func (s *serial) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	s.last++
	binary.BigEndian.PutUint64(id[:], s.last)
	return id
}

func TestRequestsHaveTheIDsOfTheProvider(t *testing.T) {
	s := &sink{}
	w := dial(t, through(t, s, sdktrace.WithIDGenerator(&serial{})))
	root := w.start("GET", "/")
	if got := root.request.Trace; got.TraceID != [16]byte{15: 3} || got.SpanID != [8]byte{7: 4} || got.ParentSpanID != [8]byte{} || !got.Sampled() {
		t.Errorf("the request is %+v, want trace 3 and span 4, after those of the connection", got)
	}
	root.complete(200)
	child := w.start("GET", "/", [2]string{"traceparent", traceparent + "01"}, [2]string{"tracestate", "a=1"})
	got := child.request.Trace
	if trace.TraceID(got.TraceID).String() != parentTrace || got.SpanID != [8]byte{7: 5} || trace.SpanID(got.ParentSpanID).String() != "b7ad6b7169203331" || got.State != "a=1" {
		t.Errorf("the request is %+v, want span 5 in the trace of its caller", got)
	}
	child.complete(200)
}

// A link that leads nowhere helps nobody: the connection decides for itself here, and is linked to if it is exported.
func TestLinksNeverDangleThroughAProvider(t *testing.T) {
	for _, c := range []struct {
		name    string
		sampler sdktrace.Sampler
		spans   int
		links   int
	}{
		{"only the requests", sdktrace.ParentBased(sdktrace.NeverSample()), 2, 0},
		{"all", sdktrace.AlwaysSample(), 4, 2},
		{"none", sdktrace.NeverSample(), 0, 0},
		{"all but the connection", samplerFunc(func(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
			if p.Name == "HTTP connection" {
				return sdktrace.SamplingResult{Decision: sdktrace.Drop}
			}
			return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
		}), 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{}
			w := dial(t, through(t, s, sdktrace.WithSampler(c.sampler)), secured)
			for range 2 {
				w.start("GET", "/", [2]string{"traceparent", traceparent + "01"}).complete(200)
			}
			w.close(lifecycle.ReasonComplete)
			links := 0
			for _, span := range s.spans() {
				for _, l := range span.Links {
					links++
					if conn := named(t, s.spans(), "HTTP connection"); !bytes.Equal(l.SpanId, conn.SpanId) || !bytes.Equal(l.TraceId, conn.TraceId) {
						t.Errorf("%v leads nowhere", l)
					}
				}
			}
			if len(s.spans()) != c.spans || links != c.links {
				t.Errorf("%d spans with %d links, want %d with %d", len(s.spans()), links, c.spans, c.links)
			}
		})
	}
}

// The handler has the span of the application's SDK, can read it, and cannot end it.
func TestHandlersSeeTheProvidersSpan(t *testing.T) {
	s := &sink{}
	p := application(t, s)
	c := newCollector(t, otelcollector.Config{TracerProvider: p})
	type ofTheServer struct{}
	x := dial(t, c).start("GET", "/users/42", [2]string{"baggage", "k=v"})
	ctx := x.w.to.(lifecycle.ContextProvider).Context(context.WithValue(t.Context(), ofTheServer{}, 1), &lifecycle.RequestStarted{Request: &x.request})
	if baggage.FromContext(ctx).Member("k").Value() != "v" || ctx.Value(ofTheServer{}) != 1 {
		t.Error("the context has lost the baggage, or what the server had in it")
	}
	span := trace.SpanFromContext(ctx)
	if span != trace.SpanFromContext(x.context()) {
		t.Error("asked twice, there are two spans")
	}
	if span.TracerProvider() != trace.TracerProvider(p) {
		t.Error("its provider is not that of the application")
	}
	readable, ok := span.(sdktrace.ReadWriteSpan)
	if !ok {
		t.Fatalf("a %T cannot be read", span)
	}
	if readable.Name() != "GET" || readable.SpanKind() != trace.SpanKindServer || readable.Parent().IsValid() || readable.InstrumentationScope().SchemaURL == "" {
		t.Errorf("read %q, %v, %v", readable.Name(), readable.SpanKind(), readable.Parent())
	}
	for _, code := range []codes.Code{codes.Unset, codes.Error, codes.Ok} {
		span.SetStatus(code, "why")
		if got := readable.Status().Code; got != code {
			t.Errorf("set to %v, the status is %v", code, got)
		}
	}
	_, child := span.TracerProvider().Tracer("shop").Start(ctx, "load user")
	child.End()
	span.End()
	if !span.IsRecording() || len(s.spans()) != 1 {
		t.Error("the handler has ended the span of its request")
	}
	x.complete(200, route("/users/{id}"))
	if span.IsRecording() {
		t.Error("the span records after the outcome")
	}
	request, loaded := named(t, s.spans(), "GET /users/{id}"), named(t, s.spans(), "load user")
	if !bytes.Equal(loaded.ParentSpanId, request.SpanId) || !bytes.Equal(loaded.TraceId, request.TraceId) || loaded.Flags&0x200 != 0 {
		t.Errorf("%v is no local child of %v", loaded, request)
	}
}

func TestProvidersSpanAfterTheOutcome(t *testing.T) {
	s := &sink{}
	p := application(t, s)
	w := dial(t, newCollector(t, otelcollector.Config{TracerProvider: p}))
	x := w.start("GET", "/")
	early := trace.SpanFromContext(x.context())
	x.complete(200)
	ended := w.to.(lifecycle.ContextProvider).Context(t.Context(), &lifecycle.RequestStarted{
		Request: &lifecycle.Request{Trace: x.request.Trace}, Ended: true,
	})
	late := trace.SpanFromContext(x.context())
	if _, held := late.(sdktrace.ReadOnlySpan); held {
		t.Error("the connection holds on to a span that has ended")
	}
	for _, span := range []trace.Span{early, late, trace.SpanFromContext(ended)} {
		if span.IsRecording() || span.SpanContext().SpanID() != x.request.Trace.SpanID || span.TracerProvider() != trace.TracerProvider(p) {
			t.Errorf("want the id of the request on a span of the application that does not record: %v", span.SpanContext())
		}
		useAll(span)
	}
	if got := s.spans(); len(got) != 1 || len(got[0].Events) != 0 || got[0].Name != "GET" {
		t.Errorf("want the span as it was at the outcome: %v", got)
	}
}

// What a handler records while the outcome comes is on the span or is not.
func TestProvidersSpanRacesWithTheOutcome(t *testing.T) {
	s := &sink{}
	w := dial(t, through(t, s))
	p := w.to.(lifecycle.ContextProvider)
	for range 200 {
		x := w.start("GET", "/")
		stamp := w.stamp
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				useAll(trace.SpanFromContext(p.Context(context.Background(), &lifecycle.RequestStarted{Stamp: stamp, Request: &x.request})))
			})
		}
		x.complete(200)
		wg.Wait()
		if trace.SpanFromContext(x.context()).IsRecording() {
			t.Fatal("a span records after its outcome")
		}
	}
	if n := len(s.spans()); n != 200 {
		t.Errorf("%d spans were sent, want 200", n)
	}
}

// A provider that makes no spans hands on what the caller sent.
func TestProviderThatMakesNoSpans(t *testing.T) {
	c := newCollector(t, otelcollector.Config{TracerProvider: noop.NewTracerProvider()})
	w := dial(t, c, secured)
	for header, valid := range map[string]bool{"": false, traceparent + "01": true} {
		x := w.start("GET", "/", [2]string{"traceparent", header}, [2]string{"baggage", "k=v"})
		ctx := x.context()
		if sc := trace.SpanContextFromContext(ctx); sc.IsValid() != valid || valid && sc.SpanID().String() != "b7ad6b7169203331" {
			t.Errorf("the handler sees %v", sc)
		}
		if baggage.FromContext(ctx).Member("k").Value() != "v" {
			t.Error("the baggage was lost")
		}
		if x.request.Trace != (lifecycle.TraceContext{}) {
			t.Errorf("a request without a span is %+v", x.request.Trace)
		}
		useAll(trace.SpanFromContext(ctx))
		x.complete(200)
		x.request.Trace.TraceID = [16]byte{1}
		if w.to.Record(&lifecycle.RequestStarted{Stamp: w.stamp, Request: &x.request}); x.request.Trace != (lifecycle.TraceContext{}) {
			t.Error("a request has the identity of the one that was there before")
		}
		x.complete(200)
	}
	w.close(lifecycle.ReasonComplete)
	refuse(c)
}

// The wall clock may be set while a request is served. Its span lasts as long as it did, event and all.
func TestDurationThroughAProvider(t *testing.T) {
	s := &sink{}
	w := dial(t, through(t, s))
	x := w.start("GET", "/")
	for before := lifecycle.UnixNano(1); lifecycle.UnixNano(1) == before; {
		lifecycle.RenewAnchor() // no two readings of the clocks are the same for long
	}
	x.fail(500, "handler_panic", &lifecycle.PanicError{Value: "oops"})
	w.close(lifecycle.ReasonError)
	span := named(t, s.spans(), "GET")
	if d := duration(span); d != 15*time.Millisecond {
		t.Errorf("the span lasts %v, want 15 ms from the first byte to the last", d)
	}
	if at := span.Events[0].TimeUnixNano - span.StartTimeUnixNano; at != uint64(7*time.Millisecond) {
		t.Errorf("the event is %d ns after the start, want the 7 ms to the end of the handler", at)
	}
}

func TestPropagatorBesideAProvider(t *testing.T) {
	s := &sink{}
	c := newCollector(t, otelcollector.Config{
		TracerProvider: application(t, s), Propagator: propagation.Baggage{}, KnownMethods: []string{"PURGE"},
	})
	w := dial(t, c)
	w.start("PURGE", "/", [2]string{"traceparent", traceparent + "01"}).complete(200)
	if span := named(t, s.spans(), "PURGE"); len(span.ParentSpanId) != 0 || span.Kind != tracepb.Span_SPAN_KIND_SERVER {
		t.Errorf("want a root by a propagator that reads no traceparent: %v", span)
	}
}

// The limits are those of the SDK, and count what the server sets as well.
func TestLimitsOfTheProvider(t *testing.T) {
	t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2")
	limits := sdktrace.SpanLimits{
		AttributeValueLengthLimit: 5, AttributeCountLimit: 9, EventCountLimit: 1, LinkCountLimit: -1, AttributePerEventCountLimit: -1, AttributePerLinkCountLimit: -1,
	}
	s := &sink{}
	x := dial(t, through(t, s, sdktrace.WithRawSpanLimits(limits))).start("GET", "/long/path?q=1", [2]string{"User-Agent", "a browser"})
	x.handle(func(span trace.Span) {
		span.SetAttributes(attribute.String("mine", "kept for me"))
		span.AddEvent("first")
		span.AddEvent("second")
	}).complete(200)
	span := named(t, s.spans(), "GET")
	checkAttrs(t, span.Attributes, map[string]any{"url.path": "/long", "user_agent.original": "a bro", "mine": "kept "})
	if len(span.Attributes) != 9 || span.DroppedAttributesCount == 0 || span.DroppedEventsCount != 1 {
		t.Errorf("%d attributes, dropped %d and %d events", len(span.Attributes), span.DroppedAttributesCount, span.DroppedEventsCount)
	}
}

func BenchmarkRequestThroughAProvider(b *testing.B) {
	for _, c := range []struct {
		name     string
		provider trace.TracerProvider
	}{
		{"sampled", sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(watcher{}))},
		{"unsampled", sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()), sdktrace.WithSpanProcessor(watcher{}))},
		{"no spans", noop.NewTracerProvider()},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := newHot(dial(b, newCollector(b, otelcollector.Config{TracerProvider: c.provider})))
			b.ReportAllocs()
			for b.Loop() {
				h.serve()
			}
		})
	}
}
