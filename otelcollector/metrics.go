package otelcollector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/metric"

	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/otelcollector/internal/spool"
)

// metrics are what a pipeline tells a MeterProvider. The counts are read from its accounts when they are collected, all at
// one moment; the durations are recorded as they come.
type metrics struct {
	processor, exporter []attribute.KeyValue // what identifies either

	uploads, diskWrite, diskSync metric.Float64Histogram
}

// components numbers the pipelines of this process, for otel.component.name.
var components atomic.Int64

// component identifies a part of an SDK by its type.
func component(kind string, number int64) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("otel.component.type", kind),
		attribute.String("otel.component.name", kind+"/"+strconv.FormatInt(number, 10)),
	}
}

// exporter identifies a client: the official ones by the type that the conventions have for them, and by where they send to.
func exporter(client otlptrace.Client, number int64) []attribute.KeyValue {
	switch c := client.(type) {
	case *grpcTraces:
		return append(component("otlp_grpc_span_exporter", number), c.receiver...)
	case *httpTraces:
		return append(component("otlp_http_span_exporter", number), c.receiver...)
	}
	return component(typeName(client), number)
}

// durations are the bounds of the histograms, in seconds: of a write to memory that the kernel has up to an upload that is given up.
// Without them an SDK would take its own, which are those of milliseconds.
var durations = metric.WithExplicitBucketBoundaries(.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10)

// newMetrics makes the instruments. observe registers what is read.
func newMetrics(provider metric.MeterProvider, client otlptrace.Client) (*metrics, metric.Meter, error) {
	meter := provider.Meter(scopeName, metric.WithSchemaURL(conventions.SchemaURL))
	number := components.Add(1) - 1
	m := &metrics{
		processor: component(scopeName+".Collector", number), // none of the types of the conventions fits
		exporter:  exporter(client, number),
	}
	var errs []error
	duration := func(name, description string) metric.Float64Histogram {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), durations)
		errs = append(errs, err)
		return h
	}
	m.uploads = duration("otel.sdk.exporter.operation.duration", "How long uploads took.")
	m.diskWrite = duration("wirespan.spool.write.duration", "How long writes to the spool took.")
	m.diskSync = duration("wirespan.spool.fsync.duration", "How long the disk took to make the spool durable.")
	if err := errors.Join(errs...); err != nil {
		return nil, nil, fmt.Errorf("otelcollector: make metrics: %w", err)
	}
	return m, meter, nil
}

// observe has the accounts of p read from now on, also when it is closed: only then is it known what was lost in the end.
func (m *metrics) observe(meter metric.Meter, p *pipeline) error {
	instruments := make([]metric.Observable, len(readings))
	var errs []error
	for i := range readings {
		var err error
		instruments[i], err = readings[i].instrument(meter)
		errs = append(errs, err)
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		a := p.audit()
		for i := range readings {
			instrument := instruments[i].(metric.Int64Observable)
			readings[i].read(a, func(n uint64, attributes ...attribute.KeyValue) {
				o.ObserveInt64(instrument, int64(n), metric.WithAttributes(append(attributes, m.of(readings[i].part)...)...))
			})
		}
		return nil
	}, instruments...)
	if err := errors.Join(append(errs, err)...); err != nil {
		return fmt.Errorf("otelcollector: make metrics: %w", err)
	}
	return nil
}

// of returns the attributes that identify a part.
func (m *metrics) of(p part) []attribute.KeyValue {
	switch p {
	case ofProcessor:
		return m.processor
	case ofExporter:
		return m.exporter
	}
	return nil
}

// uploaded records an upload.
func (m *metrics) uploaded(ctx context.Context, took time.Duration, r *result) {
	attributes := slices.Clip(m.exporter)
	if r.status.Valid() {
		attributes = append(attributes, r.status)
	}
	if kind := r.errorType(); kind != "" {
		attributes = append(attributes, attribute.String(keyErrorType.Name(), kind))
	}
	m.uploads.Record(ctx, took.Seconds(), metric.WithAttributes(attributes...))
}

// disk records what the spool did; it is its Observe.
func (m *metrics) disk(op spool.Op, took time.Duration, _ error) {
	switch op {
	case spool.OpWrite:
		m.diskWrite.Record(context.Background(), took.Seconds())
	case spool.OpSync:
		m.diskSync.Record(context.Background(), took.Seconds())
	}
}

// audit is all there is to be read, at one moment.
type audit struct {
	Stats
	receiver Receiver
	flying   uint64 // spans that are being uploaded
	capacity uint64 // spans
	spool    *spool.Stats
}

func (p *pipeline) audit() *audit {
	a := &audit{receiver: p.receiver.report(), flying: p.receiver.flyingNow()}
	a.Stats, a.spool = p.accounts()
	a.capacity = p.queue.capacity()
	return a
}
