package otelcollector_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/contrib/propagators/b3"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

const (
	parentTrace = "0af7651916cd43dd8448eb211c80319c"
	parentSpan  = "b7ad6b7169203331"
)

// parentOf returns the caller's span that the collector found in the header, nil when it found none.
func parentOf(w *wire, fields ...[2]string) *lifecycle.TraceContext {
	t := w.start("GET", "/", fields...).request.Trace
	if t.ParentSpanID == [8]byte{} {
		return nil
	}
	return &t
}

var traceparents = []string{
	traceparent + "01", traceparent + "00", traceparent + "02", traceparent + "03",
	traceparent + "04", traceparent + "ff", // version 00 knows two flags
	"01-" + parentTrace + "-" + parentSpan + "-09", // a later version may have more
	"01-" + parentTrace + "-" + parentSpan + "-01-and-more",
	"01-" + parentTrace + "-" + parentSpan + "-01and-more",
	"ff-" + parentTrace + "-" + parentSpan + "-01",
	traceparent + "01-", traceparent + "0", traceparent, traceparent + "1x",
	"00-0AF7651916CD43DD8448EB211C80319C-" + parentSpan + "-01",
	"00-00000000000000000000000000000000-" + parentSpan + "-01",
	"00-" + parentTrace + "-0000000000000000-01",
	"00_" + parentTrace + "_" + parentSpan + "_01",
	"", "-", "00", "00-", " " + traceparent + "01", "0g-" + parentTrace + "-" + parentSpan + "-01", "\xff",
}

// FuzzTraceparent compares the reader of the header with that of OpenTelemetry.
func FuzzTraceparent(f *testing.F) {
	for _, h := range traceparents {
		f.Add(h, "a=1,b=2")
	}
	f.Add(traceparent+"01", "not a tracestate")
	cfg := otelcollector.Config{NoExport: true, Settings: otelcollector.Settings{Sampler: sdktrace.ParentBased(sdktrace.AlwaysSample())}}
	c, err := otelcollector.New(context.Background(), cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header, state string) {
		if strings.HasPrefix(header, "00-") && strings.HasSuffix(header, "-") {
			return // OpenTelemetry lets it pass; version 00 has a fixed length (W3C Trace Context, 3.2.2)
		}
		h := http.Header{"Traceparent": {header}, "Tracestate": {state}}
		want := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(t.Context(), propagation.HeaderCarrier(h)))
		w := dial(t, c)
		got := parentOf(w, [2]string{"traceparent", header}, [2]string{"tracestate", state})
		if got != nil && !got.Sampled() { // then it is read when somebody asks
			x := w.start("GET", "/", [2]string{"traceparent", header}, [2]string{"tracestate", state})
			got.State = trace.SpanContextFromContext(x.context()).TraceState().String()
		}
		switch {
		case got == nil:
			if want.IsValid() {
				t.Fatalf("found no parent, want %v", want)
			}
		case got.TraceID != want.TraceID() || got.ParentSpanID != want.SpanID() || got.Flags != byte(want.TraceFlags()) || got.State != want.TraceState().String():
			t.Fatalf("found %+v, want %v", got, want)
		}
	})
}

func TestParentBecomesParent(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	w := dial(t, c)
	w.start("GET", "/", [2]string{"Traceparent", traceparent + "01"}, [2]string{"tracestate", "a=1"}, [2]string{"Tracestate", "b=2"}).complete(200)
	span := theSpan(t, received(t, c, s), tracepb.Span_SPAN_KIND_SERVER)
	if string(span.TraceId) != string(unhex(t, parentTrace)) || string(span.ParentSpanId) != string(unhex(t, parentSpan)) {
		t.Errorf("want the caller's trace and span: %v", span)
	}
	if span.Flags != 0x301 || span.TraceState != "a=1,b=2" {
		t.Errorf("flags %#x, tracestate %q; want a remote parent, and both lines of tracestate", span.Flags, span.TraceState)
	}
}

func TestPropagators(t *testing.T) {
	single := [2]string{"b3", parentTrace + "-" + parentSpan + "-1"}
	w3c := [2]string{"traceparent", traceparent + "01"}
	for _, c := range []struct {
		name       string
		env        string
		propagator propagation.TextMapPropagator
		field      [2]string
		found      bool
	}{
		{name: "default", field: w3c, found: true},
		{name: "default ignores b3", field: single},
		{name: "b3 of the environment", env: "b3", field: single, found: true},
		{name: "b3 of the environment ignores traceparent", env: "b3", field: w3c},
		{name: "two of the environment", env: "tracecontext, b3", field: single, found: true},
		{name: "none", env: "none", field: w3c},
		{name: "configuration wins", env: "tracecontext", propagator: b3.New(), field: single, found: true},
		{name: "tracecontext alone", propagator: propagation.TraceContext{}, field: w3c, found: true},
		{name: "baggage alone", propagator: propagation.Baggage{}, field: w3c},
		{name: "composite in composite", propagator: propagation.NewCompositeTextMapPropagator(
			propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}), b3.New()), field: w3c, found: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("OTEL_PROPAGATORS", c.env)
			cfg := quiet(t, &sink{})
			cfg.Propagator = c.propagator
			got := parentOf(dial(t, newCollector(t, cfg)), c.field)
			if found := got != nil; found != c.found {
				t.Fatalf("found a parent: %t, want %t", found, c.found)
			}
		})
	}
}

func TestBaggageIsInTheContext(t *testing.T) {
	c := newCollector(t, quiet(t, &sink{}))
	x := dial(t, c).start("GET", "/", [2]string{"baggage", "user=42"}, [2]string{"Baggage", "tier=gold"})
	b := baggage.FromContext(x.context())
	if b.Member("user").Value() != "42" || b.Member("tier").Value() != "gold" {
		t.Errorf("baggage is %q, want both lines", b)
	}
}

func TestIdentity(t *testing.T) {
	c := newCollector(t, quiet(t, &sink{}))
	w := dial(t, c)
	traces, spans := map[[16]byte]bool{}, map[[8]byte]bool{}
	for range 100 {
		id := w.start("GET", "/").request.Trace
		if !id.IsValid() || !id.Sampled() || id.Flags&2 == 0 || id.ParentSpanID != [8]byte{} {
			t.Fatalf("want a sampled root with a random id: %+v", id)
		}
		traces[id.TraceID], spans[id.SpanID] = true, true
	}
	if len(traces) != 100 || len(spans) != 100 {
		t.Error("an id occurs twice")
	}
}
