package main

import (
	"context"

	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/wirespan/wirespan/otelcollector"
)

// destinations are where a server sends what it tells about itself, and the resource that all of it carries.
type destinations struct {
	traces   destination
	metrics  metricDestination
	logs     *otlpTarget // nil: to standard error alone
	resource *resource.Resource
}

func (a *app) destinations(o *serverOptions) (*destinations, error) {
	var to destinations
	var err error
	if to.traces, err = o.traces.resolve(a.env, a.isTerminal(a.stdout)); err != nil {
		return nil, err
	}
	if to.metrics, err = o.metrics.resolve(a.env, o.admin != off); err != nil {
		return nil, err
	}
	if to.logs, err = o.logs.resolve(a.env); err != nil {
		return nil, err
	}
	if to.resource, err = otelcollector.NewResource(context.Background()); err != nil {
		return nil, usagef("the OTEL_ variables do not make sense: %v", err)
	}
	return &to, nil
}
