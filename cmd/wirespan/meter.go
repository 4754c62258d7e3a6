package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/wirespan/wirespan/otelmetrics"
)

// metricsPath is where the admin port answers metrics.
const metricsPath = "/metrics"

// meter counts what the server does, and tells it together with what the export of traces and the runtime of Go have to tell.
type meter struct {
	collector *otelmetrics.Collector
	provider  *sdkmetric.MeterProvider
	page      http.Handler // answers metricsPath; nil without it
	sends     bool         // over OTLP
}

func newMeter(ctx context.Context, d *metricDestination, r *resource.Resource, backlog func() int, log *slog.Logger) (*meter, error) {
	m := &meter{collector: otelmetrics.New(otelmetrics.Config{Backlog: backlog}), sends: d.otlp != nil}
	options := []sdkmetric.Option{sdkmetric.WithResource(r)}
	if d.page {
		registry := prometheus.NewRegistry()
		reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithProducer(m.collector), otelprometheus.WithoutScopeInfo())
		if err != nil {
			return nil, err
		}
		options = append(options, sdkmetric.WithReader(reader))
		m.page = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
			EnableOpenMetrics: true, // which has exemplars
			Timeout:           10 * time.Second,
		})
	}
	if d.otlp != nil {
		exporter, err := newMetricExporter(ctx, d.otlp)
		if err != nil {
			return nil, usagef("the OTEL_ variables for metrics do not make sense: %v", err)
		}
		options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(m.collector))))
	}
	m.provider = sdkmetric.NewMeterProvider(options...)
	if err := runtime.Start(runtime.WithMeterProvider(m.provider)); err != nil {
		return nil, errors.Join(err, m.provider.Shutdown(ctx))
	}
	return m, nil
}

// flush sends the metrics as they are now, if that is possible: shutdown says when it is not.
func (m *meter) flush(ctx context.Context) error {
	if m != nil {
		_ = m.provider.ForceFlush(ctx)
	}
	return nil
}

// shutdown sends the last metrics, until ctx ends.
func (m *meter) shutdown(ctx context.Context) error {
	if m == nil {
		return nil
	}
	if err := m.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last metrics: %w", err)
	}
	return nil
}

// newMetricExporter makes the official exporter, which reads the variables by itself; that without an endpoint the receiver
// speaks no TLS it takes otherwise than the specification does.
func newMetricExporter(ctx context.Context, t *otlpTarget) (sdkmetric.Exporter, error) {
	if t.protocol == protocolGRPC {
		var options []otlpmetricgrpc.Option
		if !t.configured() {
			options = append(options, otlpmetricgrpc.WithInsecure())
		}
		return otlpmetricgrpc.New(ctx, options...)
	}
	var options []otlpmetrichttp.Option
	if !t.configured() {
		options = append(options, otlpmetrichttp.WithInsecure())
	}
	return otlpmetrichttp.New(ctx, options...)
}
