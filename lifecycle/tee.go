package lifecycle

import "context"

// Tee returns a Collector that passes each event to every one of collectors, in their order. Put the one
// that starts the request's span first: it fills in [Request.Trace] for the others.
//
// nil and [Noop] are left out and a Tee inside is flattened. A Tee of none is Noop, of one is that one.
// The Tee is a [ConnectionCollector] when one of its parts is, and a [ContextProvider] likewise; contexts
// nest in the order of the parts.
func Tee(collectors ...Collector) Collector {
	var parts []Collector
	for _, c := range collectors {
		switch c := c.(type) {
		case nil, noop:
		case interface{ parts() []Collector }:
			parts = append(parts, c.parts()...)
		default:
			parts = append(parts, c)
		}
	}
	switch len(parts) {
	case 0:
		return Noop
	case 1:
		return parts[0]
	}
	var opens, provides bool
	for _, p := range parts {
		_, o := p.(ConnectionCollector)
		_, c := p.(ContextProvider)
		opens, provides = opens || o, provides || c
	}
	t := tee(parts)
	switch {
	case opens && provides:
		return fullTee{connectionTee{t}}
	case opens:
		return connectionTee{t}
	case provides:
		return contextTee{t}
	}
	return t
}

type tee []Collector

func (t tee) Record(e Event) {
	for _, c := range t {
		c.Record(e)
	}
}

func (t tee) parts() []Collector { return t }

func (t tee) open(e *ConnectionOpened) Collector {
	opened := make([]Collector, len(t))
	for i, c := range t {
		opened[i] = Open(c, e)
	}
	return Tee(opened...)
}

func (t tee) context(ctx context.Context, e *RequestStarted) context.Context {
	for _, c := range t {
		if p, ok := c.(ContextProvider); ok {
			ctx = p.Context(ctx, e)
		}
	}
	return ctx
}

type connectionTee struct{ tee }

func (t connectionTee) OpenConnection(e *ConnectionOpened) Collector { return t.open(e) }

type contextTee struct{ tee }

func (t contextTee) Context(ctx context.Context, e *RequestStarted) context.Context {
	return t.context(ctx, e)
}

type fullTee struct{ connectionTee }

func (t fullTee) Context(ctx context.Context, e *RequestStarted) context.Context {
	return t.context(ctx, e)
}
