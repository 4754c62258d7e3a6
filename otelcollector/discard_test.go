package otelcollector_test

import (
	"context"
	"sync/atomic"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// discard is a client that accepts everything and costs nothing.
type discard struct{}

func (discard) Start(context.Context) error                                  { return nil }
func (discard) Stop(context.Context) error                                   { return nil }
func (discard) UploadTraces(context.Context, []*tracepb.ResourceSpans) error { return nil }

type atomicCounter struct{ n atomic.Int64 }

func (c *atomicCounter) next() int { return int(c.n.Add(1)) - 1 }
