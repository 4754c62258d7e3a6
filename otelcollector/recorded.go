package otelcollector

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// recorded is what a handler put on the span of its request. Its attributes are bounded by the limits of the
// OTEL_SPAN_* variables; those of the server, whose number is fixed, come on top.
type recorded struct {
	name          string
	status        otlp.StatusCode
	message       string
	attributes    []attribute.KeyValue
	events        []otlp.Event
	links         []otlp.Link
	droppedAttrs  int
	droppedEvents int
	droppedLinks  int
}

func (r *recorded) isEmpty() bool {
	return r.name == "" && r.status == otlp.StatusUnset && len(r.attributes) == 0 && len(r.events) == 0 && len(r.links) == 0 &&
		r.droppedAttrs == 0 && r.droppedEvents == 0 && r.droppedLinks == 0
}

// set sets an attribute. The last value of a key is what counts.
func (r *recorded) set(kv attribute.KeyValue, limit int) {
	if !kv.Valid() {
		r.droppedAttrs++
		return
	}
	for i := range r.attributes {
		if r.attributes[i].Key == kv.Key {
			r.attributes[i] = kv
			return
		}
	}
	if limit >= 0 && len(r.attributes) >= limit {
		r.droppedAttrs++
		return
	}
	r.attributes = append(r.attributes, kv)
}

// setStatus sets the status, by the SDK's rules.
func (r *recorded) setStatus(code codes.Code, description string) {
	switch {
	case r.status == otlp.StatusOK:
	case code == codes.Ok:
		r.status, r.message = otlp.StatusOK, ""
	case code == codes.Error:
		r.status, r.message = otlp.StatusError, description
	}
}

// takeRoute removes http.route from the attributes and returns it: the server writes that itself.
func (r *recorded) takeRoute() string {
	for i, kv := range r.attributes {
		if string(kv.Key) == keyRoute.Name() {
			r.attributes = slices.Delete(r.attributes, i, i+1)
			return kv.Value.AsString()
		}
	}
	return ""
}

// append appends it to a span, whose other attributes begin at from. Those that have been set here too are removed: a
// key occurs once in a span.
func (r *recorded) append(dst []byte, from, valueLimit int) []byte {
	if slices.ContainsFunc(r.attributes, isRequestKey) {
		dst = otlp.DropAttributes(dst, from, r.has)
	}
	for _, kv := range r.attributes {
		dst = otlp.AppendKeyValue(dst, otlp.SpanAttribute, kv, valueLimit)
	}
	for i := range r.events {
		dst = otlp.AppendEvent(dst, &r.events[i], valueLimit)
	}
	for i := range r.links {
		dst = otlp.AppendLink(dst, &r.links[i], valueLimit)
	}
	return otlp.AppendDropped(dst, r.droppedAttrs, r.droppedEvents, r.droppedLinks)
}

func isRequestKey(kv attribute.KeyValue) bool {
	return requestKeys[string(kv.Key)] || isCaptured(string(kv.Key))
}

func (r *recorded) has(key []byte) bool {
	for _, kv := range r.attributes {
		if string(kv.Key) == string(key) {
			return true
		}
	}
	return false
}

// limited returns a copy of at most limit attributes, and how many there were beyond.
func limited(attrs []attribute.KeyValue, limit int) (kept []attribute.KeyValue, dropped int) {
	if limit >= 0 && len(attrs) > limit {
		dropped = len(attrs) - limit
		attrs = attrs[:limit]
	}
	return slices.Clone(attrs), dropped
}

// push appends to a list of at most limit elements, of which the oldest gives way.
func push[E any](list []E, e E, limit, dropped int) ([]E, int) {
	switch {
	case limit == 0:
		return list, dropped + 1
	case limit > 0 && len(list) >= limit:
		return append(slices.Delete(list, 0, 1), e), dropped + 1
	}
	return append(list, e), dropped
}
