package otelcollector

import (
	"context"
	"reflect"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/lifecycle"
)

// remote is the span of the caller.
type remote struct {
	valid   bool
	traceID [16]byte
	spanID  [8]byte
	flags   byte
	state   string // empty when it is still in the header
}

// propagator reads the caller's span from the header of a request.
type propagator struct {
	all propagation.TextMapPropagator
	// w3c is true when the caller's span can only be in traceparent; it is read without calling all.
	w3c bool
}

func newPropagator(p propagation.TextMapPropagator) propagator {
	return propagator{all: p, w3c: isW3C(p)}
}

// isW3C reports whether p consists of the propagators of Trace Context and of Baggage, in any order, the former once.
func isW3C(p propagation.TextMapPropagator) bool {
	switch p.(type) {
	case propagation.TraceContext:
		return true
	case propagation.Baggage, nil:
		return false
	}
	v := reflect.ValueOf(p)
	if v.Type() != reflect.TypeOf(propagation.NewCompositeTextMapPropagator()) || v.Kind() != reflect.Slice {
		return false
	}
	spans := 0
	for i := range v.Len() {
		switch v.Index(i).Interface().(type) {
		case propagation.TraceContext:
			spans++
		case propagation.Baggage:
		default:
			return false
		}
	}
	return spans == 1
}

// parent returns the caller's span. Of a traceparent it leaves out the tracestate; see state.
func (p *propagator) parent(r *lifecycle.Request) remote {
	if !p.w3c {
		return remoteOf(p.context(context.Background(), r))
	}
	if r.Fields == nil {
		return remote{}
	}
	return parseTraceparent(r.Fields.Get("traceparent"))
}

// state returns the tracestate that came with the caller's span. It may be kept, which costs allocations: for a request that
// is not sampled nobody may ever ask.
func (p *propagator) state(r *lifecycle.Request, parent *remote) string {
	if !p.w3c || !parent.valid || r.Fields == nil || r.Fields.Get("tracestate") == "" {
		return parent.state
	}
	// The header may have several lines. A tracestate that cannot be parsed does not spoil the traceparent (W3C Trace
	// Context, 3.3.1.1).
	ts, _ := trace.ParseTraceState(carrier{r.Fields}.Get("tracestate"))
	return ts.String()
}

// context returns ctx with all that the propagators find in the header of r, baggage included.
func (p *propagator) context(ctx context.Context, r *lifecycle.Request) context.Context {
	if r.Fields == nil {
		return ctx
	}
	return p.all.Extract(ctx, carrier{r.Fields})
}

func remoteOf(ctx context.Context) remote {
	sc := trace.SpanContextFromContext(ctx)
	return remote{
		valid:   sc.IsValid(),
		traceID: sc.TraceID(),
		spanID:  sc.SpanID(),
		flags:   byte(sc.TraceFlags()) & (flagSampled | flagRandom),
		state:   sc.TraceState().String(),
	}
}

// parseTraceparent reads the header of W3C Trace Context, 3.2. Its verdict is that of propagation.TraceContext, except
// that a header of version 00 may not end with a hyphen.
func parseTraceparent(h string) (r remote) {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(h) < length || h[2] != '-' || h[35] != '-' || h[52] != '-' {
		return remote{}
	}
	var version, flags [1]byte
	if !unhex(version[:], h[0:2]) || !unhex(r.traceID[:], h[3:35]) || !unhex(r.spanID[:], h[36:52]) || !unhex(flags[:], h[53:55]) {
		return remote{}
	}
	switch {
	case version[0] == 0xff,
		version[0] == 0 && (len(h) != length || flags[0] > flagSampled|flagRandom),
		len(h) > length && h[length] != '-', // a later version may add fields
		r.traceID == [16]byte{} || r.spanID == [8]byte{}:
		return remote{}
	}
	r.flags = flags[0] & (flagSampled | flagRandom)
	r.valid = true
	return r
}

// unhex decodes lower-case hexadecimal digits.
func unhex(dst []byte, s string) bool {
	for i := range dst {
		hi, lo := nibble(s[2*i]), nibble(s[2*i+1])
		if hi|lo > 0xf {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// carrier gives propagators the header of a request. What it returns may be kept.
type carrier struct{ fields lifecycle.Fields }

var _ propagation.ValuesGetter = carrier{}

// Get implements [propagation.TextMapCarrier]. The lines of a tracestate are joined (W3C Trace Context, 3.3).
func (c carrier) Get(key string) string {
	if strings.EqualFold(key, "tracestate") {
		return strings.Join(c.Values(key), ",")
	}
	return strings.Clone(c.fields.Get(key))
}

// Values implements [propagation.ValuesGetter].
func (c carrier) Values(key string) []string {
	var values []string
	for name, value := range c.fields.All() {
		if strings.EqualFold(name, key) {
			values = append(values, strings.Clone(value))
		}
	}
	return values
}

// Keys implements [propagation.TextMapCarrier].
func (c carrier) Keys() []string {
	var keys []string
	for name := range c.fields.All() {
		keys = append(keys, strings.Clone(name))
	}
	return keys
}

// Set implements [propagation.TextMapCarrier]; a request's header is not written to.
func (carrier) Set(string, string) {}
