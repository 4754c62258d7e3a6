package otelcollector_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/otelcollector"
)

// application is an SDK as an application has it, with the official exporter, which sends each span at once.
func application(t testing.TB, s *sink, options ...sdktrace.TracerProviderOption) *sdktrace.TracerProvider {
	t.Helper()
	exporter, err := otlptrace.New(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	p := sdktrace.NewTracerProvider(append([]sdktrace.TracerProviderOption{sdktrace.WithSyncer(exporter)}, options...)...)
	t.Cleanup(func() {
		if err := p.Shutdown(context.Background()); err != nil {
			t.Errorf("shut down the application's SDK: %v", err)
		}
	})
	return p
}

// plain is a provider of which no more is known than that it is one.
type plain struct {
	embedded.TracerProvider
	sdk trace.TracerProvider
}

func (p plain) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return plainTracer{sdk: p.sdk.Tracer(name, options...)}
}

type plainTracer struct {
	embedded.Tracer
	sdk trace.Tracer
}

func (p plainTracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	_, span := p.sdk.Start(ctx, name, options...)
	span = plainSpan{span}
	return trace.ContextWithSpan(ctx, span), span
}

type plainSpan struct{ trace.Span }

// fixed makes two runs of the same events tell the same.
const fixed = 7

// scriptStart is when all scripts start: the same reading of the clock, a second after the process has.
var scriptStart = lifecycle.MonotonicNS()

// begin opens the connection of a script.
func begin(t testing.TB, c *otelcollector.Collector, change ...func(*lifecycle.ConnectionOpened)) *wire {
	w := dial(t, c, append([]func(*lifecycle.ConnectionOpened){func(e *lifecycle.ConnectionOpened) {
		e.ConnectionID, e.TimestampNS, e.AcceptedNS = fixed, scriptStart, scriptStart-500
	}}, change...)...)
	w.clock, w.idleSince = scriptStart, scriptStart
	return w
}

// handle has a handler work on the span of its request.
func (x *exchange) handle(f func(trace.Span)) *exchange {
	f(trace.SpanFromContext(x.context()))
	return x
}

// when is a time in a script.
func when(d time.Duration) trace.EventOption {
	return trace.WithTimestamp(time.Unix(0, lifecycle.UnixNano(scriptStart)).Add(d))
}

// scripts are what happens on a server. Both outlets have to tell the same of it.
var scripts = []struct {
	name    string
	sampler sdktrace.Sampler // nil is the default
	trusted []netip.Prefix
	set     otelcollector.Settings
	env     string // OTEL_PROPAGATORS
	spans   int
	do      func(t testing.TB, c *otelcollector.Collector)
}{
	{name: "routes and errors", spans: 8, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c)
		w.start("GET", "/").complete(200)
		w.start("POST", "/users/42?q=x&sig=secret", [2]string{"User-Agent", "curl/8"}).complete(201, route("/users/{id}"), func(o *lifecycle.Outcome) {
			o.BytesReceived = 64
		})
		w.start("GET", "/none").complete(404)
		w.start("GET", "/broken").complete(503, route("/broken"))
		w.start("BREW", "/pot").complete(418)
		w.start("OPTIONS", "*").complete(204)
		w.start("CONNECT", "shop.example:443").complete(700)
		w.close(lifecycle.ReasonComplete)
	}},
	{name: "failures of the server", spans: 8, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c)
		w.start("GET", "/panic").fail(500, "handler_panic", &lifecycle.PanicError{Value: errors.New("oops\xff"), Stack: []byte("goroutine 1")}, route("/panic"))
		w.start("GET", "/text").fail(500, "handler_panic", &lifecycle.PanicError{Value: "oops", Stack: []byte("goroutine 1")})
		w.start("GET", "/abort").fail(0, "aborted_by_app", nil)
		w.start("PUT", "/large").fail(413, "max_request_body_size_exceeded", errors.New("too large"))
		w.start("GET", "/slow").fail(200, "response_timeout", errors.New("write: timeout\xff"))
		w.start("GET", "/late").fail(404, "min_response_data_rate", nil, func(o *lifecycle.Outcome) { o.Phases.LastByte = 0 })
		w.start("POST", "/body").fail(408, "request_body_timeout", nil)
		w.close(lifecycle.ReasonTimeout)
	}},
	{name: "a failure of long ago", spans: 3, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c)
		w.start("GET", "/panic").fail(500, "handler_panic", nil)
		w.start("GET", "/").complete(200)
		w.close(lifecycle.ReasonTimeout)
	}},
	{name: "the client goes", spans: 3, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c)
		w.start("GET", "/a").disconnect(200, syscall.EPIPE, func(o *lifecycle.Outcome) { o.BytesSent = 100 })
		w.start("GET", "/b").disconnect(0, nil)
		w.close(lifecycle.ReasonClientDisconnect)
	}},
	{name: "a stream and a tunnel", spans: 3, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c)
		x := w.start("GET", "/events")
		w.to.Record(&lifecycle.StreamOpened{Stamp: w.stamp, Request: &x.request})
		w.to.Record(&lifecycle.StreamClosed{Stamp: w.stamp, Request: &x.request, Reason: lifecycle.ReasonComplete})
		x.complete(200, func(o *lifecycle.Outcome) { o.Streaming = true })
		x = w.start("GET", "/ws")
		o := x.outcome(101, nil)
		o.Streaming = true
		w.to.Record(&lifecycle.ResponseCompleted{Stamp: w.at(o.Phases.LastByte + int64(time.Hour)), Outcome: o})
		w.close(lifecycle.ReasonUpgrade)
	}},
	{name: "a head that cannot be parsed", spans: 3, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c)
		w.start("GET", "/").complete(200)
		now := w.now()
		r := lifecycle.Request{Method: "\x00\xff\x01", Scheme: "http", Fields: lifecycletest.Fields{{"traceparent", traceparent + "01"}}}
		w.to.Record(&lifecycle.RequestFailed{
			Stamp: w.at(now), Code: "invalid_request_line", Err: errors.New("method is no token"),
			Outcome: lifecycle.Outcome{Request: &r, Status: 400, Phases: lifecycle.Phases{FirstByte: now - 1000, LastByte: now}},
		})
		w.close(lifecycle.ReasonError)
	}},
	{name: "TLS, and HTTP/2", spans: 4, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c, secured, func(e *lifecycle.ConnectionOpened) { e.Protocol = "h2" })
		first, second := w.start("GET", "/1"), w.start("GET", "/2")
		first.handle(func(s trace.Span) { s.SetAttributes(attribute.Int("mine", 1)) })
		second.handle(func(s trace.Span) { s.SetAttributes(attribute.Int("mine", 2)) }).complete(200)
		first.complete(200)
		w.close(lifecycle.ReasonDrain)
	}},
	{name: "HTTP/1.0 on a Unix socket, with little known", spans: 2, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c, func(e *lifecycle.ConnectionOpened) {
			e.Peers, e.AcceptedNS = lifecycle.Peers{ClientAddr: "unix", ServerAddr: "/run/shop.sock", Network: "unix"}, 0
		})
		r := lifecycle.Request{Index: 1, Method: "GET", Target: "/", HTTPVersion: "1.0"}
		at := w.at(w.now())
		w.to.Record(&lifecycle.RequestStarted{Stamp: at, Request: &r})
		w.to.Record(&lifecycle.ResponseCompleted{Stamp: at, Outcome: lifecycle.Outcome{Request: &r, Status: 200}})
		w.close(lifecycle.ReasonComplete)
	}},
	{
		name: "trusted proxies", trusted: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, spans: 3,
		do: func(t testing.TB, c *otelcollector.Collector) {
			w := begin(t, c)
			w.start("GET", "/", [2]string{"X-Forwarded-For", "6.6.6.6, 198.51.100.9"}, [2]string{"X-Forwarded-Proto", "https"},
				[2]string{"X-Forwarded-Host", "www.example:443"}).complete(200)
			w.start("GET", "/", [2]string{"Forwarded", `for="[2001:db8::1]:80";proto=https;host=a.example`}).complete(200)
			w.close(lifecycle.ReasonComplete)
		},
	},
	{name: "the span of the caller, and its baggage", spans: 3, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c)
		w.start("GET", "/a", [2]string{"traceparent", traceparent + "01"}, [2]string{"tracestate", "a=1,b=2"}, [2]string{"baggage", "k=v"}).complete(200)
		w.start("GET", "/b", [2]string{"traceparent", traceparent + "00"}).complete(200)
		w.start("GET", "/c", [2]string{"traceparent", "garbage"}).complete(200)
		w.close(lifecycle.ReasonComplete)
	}},
	{name: "another propagator", env: "b3", spans: 2, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c)
		w.start("GET", "/", [2]string{"b3", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"}).complete(200)
		w.close(lifecycle.ReasonComplete)
	}},
	{name: "nothing is sampled", sampler: sdktrace.NeverSample(), do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c, secured)
		w.start("GET", "/", [2]string{"traceparent", traceparent + "01"}).handle(useAll).complete(500)
		w.close(lifecycle.ReasonComplete)
		refuse(c)
	}},
	{name: "connections that were refused", spans: 3, do: func(_ testing.TB, c *otelcollector.Collector) { refuse(c) }},
	{name: "events of a connection that was not opened", spans: 3, do: func(_ testing.TB, c *otelcollector.Collector) {
		for i, header := range []string{"", traceparent + "01"} {
			w := &wire{to: c, stamp: lifecycle.Stamp{ConnectionID: fixed, WorkerID: 3}, clock: scriptStart + int64(i)*int64(time.Second)}
			w.start("GET", "/", [2]string{"traceparent", header}).complete(200, route("/\xff"))
		}
		c.Record(&lifecycle.RequestFailed{
			Stamp: lifecycle.Stamp{ConnectionID: fixed, TimestampNS: scriptStart}, Code: "invalid_request_line",
			Outcome: lifecycle.Outcome{Request: &lifecycle.Request{}, Status: 400},
		})
		c.Record(&lifecycle.ConnectionCompleted{Stamp: lifecycle.Stamp{ConnectionID: fixed, TimestampNS: scriptStart}})
	}},
	{name: "what handlers do", spans: 5, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c)
		w.start("GET", "/users/42?q=1").handle(func(s trace.Span) {
			s.SetAttributes(attribute.String("user", "a"), attribute.Int("n", 1), attribute.StringSlice("tags", []string{"a", "b"}))
			s.SetAttributes(attribute.String("user", "b"))
			s.AddEvent("cache miss", when(5), trace.WithAttributes(attribute.Bool("cold", true)))
			s.RecordError(errors.New("oops"), when(6), trace.WithAttributes(attribute.Int("try", 2)))
			s.AddLink(trace.Link{SpanContext: foreign, Attributes: []attribute.KeyValue{attribute.String("why", "batch")}})
			s.AddLink(trace.Link{})
			s.End()
			s.SetAttributes(attribute.Bool("after end", true))
		}).complete(200, route("/users/{id}"))
		w.start("GET", "/users/43").handle(func(s trace.Span) {
			s.SetAttributes(attribute.String("url.path", "/users/…"), attribute.String("error.type", "quota"), attribute.Int("http.response.status_code", 0),
				attribute.String("network.peer.address", "hidden"), attribute.String("client.address", "hidden"))
		}).complete(500)
		w.start("GET", "/users/44").handle(func(s trace.Span) { s.SetName("load user") }).complete(200, route("/users/{id}"))
		w.start("GET", "/users/45").handle(func(s trace.Span) { s.SetAttributes(attribute.String("http.route", "/users/:id")) }).complete(200, route("/"))
		w.close(lifecycle.ReasonComplete)
	}},
	{name: "the status that handlers set", spans: 9, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c)
		ok := func(s trace.Span) { s.SetStatus(codes.Ok, "fine") }
		bad := func(s trace.Span) { s.SetStatus(codes.Error, "half done") }
		w.start("GET", "/error").handle(bad).complete(200)
		w.start("GET", "/error500").handle(bad).complete(500)
		w.start("GET", "/ok500").handle(ok).complete(500)
		w.start("GET", "/unset").handle(func(s trace.Span) { s.SetStatus(codes.Unset, "") }).complete(500)
		w.start("GET", "/ok, error").handle(ok).handle(bad).complete(200)
		w.start("GET", "/error, ok").handle(bad).handle(ok).complete(200)
		w.start("GET", "/ok, gone").handle(ok).disconnect(0, io.ErrUnexpectedEOF)
		w.start("GET", "/error, refused").handle(bad).fail(413, "max_request_body_size_exceeded", nil)
		w.close(lifecycle.ReasonComplete)
	}},
	{
		name: "headers that are captured, secrets, and paths that are ignored", spans: 5,
		set: otelcollector.Settings{
			IgnorePaths: []string{"/healthz"}, CaptureRequestHeaders: []string{"X-A"}, CaptureResponseHeaders: []string{"X-B"},
			SensitiveQueryParameters: []string{"token"},
		},
		do: func(t testing.TB, c *otelcollector.Collector) {
			w := begin(t, c)
			w.start("GET", "/healthz").fail(500, "handler_panic", nil)
			w.start("GET", "/?token=secret&sig=kept", [2]string{"X-A", "1"}, [2]string{"X-A", "2"}).complete(200, func(o *lifecycle.Outcome) {
				o.ResponseFields = lifecycletest.Fields{{"X-B", "3"}}
			})
			w.start("GET", "/healthz").fail(500, "handler_panic", nil) // of which the connection knows nothing
			w.close(lifecycle.ReasonError)
			w = begin(t, c, secured)
			w.start("GET", "/healthz").complete(200)
			w.close(lifecycle.ReasonComplete) // without a span
			begin(t, c).close(lifecycle.ReasonTimeout)
			w = begin(t, c)
			w.start("GET", "/healthz").complete(200)
			w.to.Record(&lifecycle.RequestFailed{
				Stamp: w.at(w.now()), Code: "invalid_request_line", Outcome: lifecycle.Outcome{Request: &lifecycle.Request{}, Status: 400},
			})
			w.close(lifecycle.ReasonError)
			stray := &wire{to: c, stamp: lifecycle.Stamp{ConnectionID: fixed}, clock: scriptStart}
			stray.start("GET", "/healthz").complete(200)
		},
	},
	{name: "bytes that are not UTF-8", spans: 2, do: func(t testing.TB, c *otelcollector.Collector) {
		w := begin(t, c, func(e *lifecycle.ConnectionOpened) { e.ClientAddr = "\xff" })
		w.start("G\xffT", "/\xff?\xfe=\xfd", [2]string{"User-Agent", "\xfc"}, [2]string{"Host", "\xfb"}).
			fail(500, "c\xff", errors.New("m\xff"), route("/\xff"))
		w.close(lifecycle.ReasonComplete)
	}},
}

// foreign is a span of somebody else.
var foreign = trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true, TraceFlags: 1})

// refuse reports connections that were never opened.
func refuse(c *otelcollector.Collector) {
	at := lifecycle.Stamp{ConnectionID: fixed, WorkerID: 1, TimestampNS: scriptStart + 5000}
	c.Record(&lifecycle.ConnectionRejected{Stamp: at, Peers: testPeers, Status: 503, Code: "max_concurrent_connections_exceeded"})
	c.Record(&lifecycle.TLSHandshakeFailed{
		Stamp: at, Peers: testPeers, AcceptedNS: scriptStart + 1000, HandshakeStartNS: scriptStart + 2000, Err: errors.New("tls: no certificate\xff"),
	})
}

func TestBothOutletsTellTheSame(t *testing.T) {
	for _, c := range scripts {
		t.Run(c.name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("OTEL_PROPAGATORS", c.env)
			}
			direct := &sink{}
			cfg := quiet(t, direct)
			cfg.Settings, cfg.TrustedProxies = c.set, c.trusted
			cfg.Sampler = c.sampler
			col := newCollector(t, cfg)
			c.do(t, col)
			want := described(t, received(t, col, direct))
			if len(want) != c.spans {
				t.Errorf("%d spans, want %d", len(want), c.spans)
			}
			for _, hidden := range []bool{false, true} {
				var options []sdktrace.TracerProviderOption
				if c.sampler != nil {
					options = append(options, sdktrace.WithSampler(c.sampler))
				}
				s := &sink{}
				var p trace.TracerProvider = application(t, s, options...)
				if hidden {
					p = plain{sdk: p}
				}
				c.do(t, newCollector(t, otelcollector.Config{TracerProvider: p, Settings: c.set, TrustedProxies: c.trusted}))
				got := described(t, s.spans())
				for _, text := range missing(got, want) {
					t.Errorf("through a provider (that can only make spans: %t) there is no\n%s", hidden, text)
				}
				for _, text := range missing(want, got) {
					t.Errorf("through a provider (that can only make spans: %t) there is\n%s", hidden, text)
				}
			}
		})
	}
}

// missing returns those of want that are not among got, as often as they are not.
func missing(got, want []string) []string {
	left := slices.Clone(want)
	for _, text := range got {
		if i := slices.Index(left, text); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return left
}

// described puts the spans into words that do not depend on their ids, each in one text.
func described(t testing.TB, spans []*tracepb.Span) []string {
	t.Helper()
	names := map[string]string{}
	for _, s := range spans {
		names[string(s.SpanId)] = "the span " + s.Name
	}
	who := func(trace, span []byte) string {
		if name, ok := names[string(span)]; ok {
			return name
		}
		return fmt.Sprintf("%x %x", trace, span)
	}
	texts := make([]string, 0, len(spans))
	for _, s := range spans {
		const random = 2 // of the flags, and by whom ids are made
		var b strings.Builder
		fmt.Fprintf(&b, "%q %v from %d to %d, flags %x state %q, %v %q, dropped %d %d %d\n", s.Name, s.Kind, s.StartTimeUnixNano, s.EndTimeUnixNano,
			s.Flags&^random, s.TraceState, s.Status.GetCode(), s.Status.GetMessage(), s.DroppedAttributesCount, s.DroppedEventsCount, s.DroppedLinksCount)
		if len(s.ParentSpanId) > 0 {
			fmt.Fprintf(&b, "  parent %s\n", who(s.TraceId, s.ParentSpanId))
		}
		fmt.Fprintf(&b, "  %v\n", attrs(t, s.Attributes))
		for _, e := range s.Events {
			fmt.Fprintf(&b, "  event %q at %d: %v, dropped %d\n", e.Name, e.TimeUnixNano, attrs(t, e.Attributes), e.DroppedAttributesCount)
		}
		for _, l := range s.Links {
			fmt.Fprintf(&b, "  link to %s, flags %x state %q: %v\n", who(l.TraceId, l.SpanId), l.Flags&^random, l.TraceState, attrs(t, l.Attributes))
		}
		texts = append(texts, b.String())
	}
	return texts
}
