package otelcollector

import (
	"context"
	"encoding/binary"
	"reflect"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/lifecycle"
)

// sampler makes the head decision. The SDK's own samplers are recognised and reduced to rules, which need neither a
// context nor a slice of attributes; every other one is called.
type sampler struct {
	rules  parentRules
	custom sdktrace.Sampler // nil when the rules decide
}

// parentRules is a rule for each kind of parent that a request can have. Its parent is never local.
type parentRules struct {
	root, remoteSampled, remoteNotSampled rule
}

// rule samples the trace ids whose last 63 bits are below bound.
type rule struct{ bound uint64 }

var (
	always = rule{bound: 1 << 63}
	never  = rule{bound: 0}
)

func (r rule) samples(id *[16]byte) bool {
	return binary.BigEndian.Uint64(id[8:])>>1 < r.bound
}

func (p *parentRules) decide(id *[16]byte, r *remote) bool {
	switch {
	case !r.valid:
		return p.root.samples(id)
	case r.flags&flagSampled != 0:
		return p.remoteSampled.samples(id)
	}
	return p.remoteNotSampled.samples(id)
}

func newSampler(s sdktrace.Sampler) sampler {
	if r, ok := rulesOf(s); ok {
		return sampler{rules: r}
	}
	return sampler{custom: s}
}

// rulesOf reads s from its description, which the specification fixes. Others may describe themselves the same, so a
// sampler made anew from the description has to be deeply equal to s.
func rulesOf(s sdktrace.Sampler) (parentRules, bool) {
	d := s.Description()
	if like, r, ok := leaf(d); ok {
		return parentRules{root: r, remoteSampled: r, remoteNotSampled: r}, reflect.DeepEqual(like, s)
	}
	d, ok := strings.CutPrefix(d, "ParentBased{root:")
	if !ok {
		return parentRules{}, false
	}
	var likes [5]sdktrace.Sampler
	var rules [5]rule
	for i, end := range [5]string{",remoteParentSampled:", ",remoteParentNotSampled:", ",localParentSampled:", ",localParentNotSampled:", "}"} {
		part, rest, ok := strings.Cut(d, end)
		if i == 4 { // the ratio has braces of its own
			part, ok = strings.CutSuffix(d, end)
		}
		if !ok {
			return parentRules{}, false
		}
		if likes[i], rules[i], ok = leaf(part); !ok {
			return parentRules{}, false
		}
		d = rest
	}
	like := sdktrace.ParentBased(likes[0],
		sdktrace.WithRemoteParentSampled(likes[1]), sdktrace.WithRemoteParentNotSampled(likes[2]),
		sdktrace.WithLocalParentSampled(likes[3]), sdktrace.WithLocalParentNotSampled(likes[4]))
	return parentRules{root: rules[0], remoteSampled: rules[1], remoteNotSampled: rules[2]}, reflect.DeepEqual(like, s)
}

// leaf returns the SDK's sampler with this description, if it does not look at the parent.
func leaf(description string) (sdktrace.Sampler, rule, bool) {
	switch description {
	case sdktrace.AlwaysSample().Description():
		return sdktrace.AlwaysSample(), always, true
	case sdktrace.NeverSample().Description():
		return sdktrace.NeverSample(), never, true
	}
	ratio, ok := strings.CutPrefix(description, "TraceIDRatioBased{")
	if !ok {
		return nil, rule{}, false
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(ratio, "}"), 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return nil, rule{}, false
	}
	return sdktrace.TraceIDRatioBased(f), rule{bound: uint64(f * (1 << 63))}, true
}

// ask has the custom sampler decide, in the context of the remote parent.
func (s *sampler) ask(ctx context.Context, id [16]byte, name string, kind trace.SpanKind, attrs []attribute.KeyValue) (sampled bool, r sdktrace.SamplingResult) {
	r = s.custom.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: id, Name: name, Kind: kind, Attributes: attrs})
	return r.Decision == sdktrace.RecordAndSample, r
}

// root makes the identity of a span without a parent and the decision whether it is sampled. attributes is only called
// for a sampler that has to be asked.
func (s *settings) root(name string, kind trace.SpanKind, attributes func() []attribute.KeyValue) (t lifecycle.TraceContext, extra []attribute.KeyValue) {
	t.TraceID, t.SpanID, t.Flags = newTraceID(), newSpanID(), flagRandom
	var sampled bool
	if s.sampler.custom == nil {
		sampled = s.sampler.rules.root.samples(&t.TraceID)
	} else {
		var r sdktrace.SamplingResult
		sampled, r = s.sampler.ask(context.Background(), t.TraceID, name, kind, attributes())
		t.State, extra = r.Tracestate.String(), r.Attributes
	}
	if sampled {
		t.Flags |= flagSampled
	}
	return t, extra
}

// follower decides as the settings in force of its Collector say.
type follower struct{ collector *Collector }

var _ sdktrace.Sampler = follower{}

// ShouldSample implements [sdktrace.Sampler].
func (f follower) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	return f.collector.inForce.Load().of.Sampler.ShouldSample(p)
}

// Description implements [sdktrace.Sampler].
func (f follower) Description() string { return f.collector.inForce.Load().of.Sampler.Description() }
