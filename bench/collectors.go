package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
	"github.com/wirespan/wirespan/lifecycle/statistics"
	"github.com/wirespan/wirespan/lifecycle/statsd"
	"github.com/wirespan/wirespan/otelcollector"
	"github.com/wirespan/wirespan/otelmetrics"
)

// collector is one that a server has.
type collector struct {
	lifecycle.Collector
	name  string
	flush func(context.Context) error // sends what waits; nil when nothing does
	// recorded returns how many requests are in it; nil where that is for the receiver to say.
	recorded func() (uint64, error)
	books    func() otelcollector.Stats // what became of the spans; nil when there are none
}

// complete sends what waits, and says so when some of the requests are not in it: what is not done costs nothing.
func (c *collector) complete(ctx context.Context, requests uint64) error {
	if c.flush != nil {
		if err := c.flush(ctx); err != nil {
			return fmt.Errorf("flush the %s: %w", c.name, err)
		}
	}
	if c.recorded == nil {
		return nil
	}
	n, err := c.recorded()
	if err == nil && n < requests {
		err = fmt.Errorf("it has only %d of %d requests", n, requests)
	}
	if err != nil {
		return fmt.Errorf("look into the %s: %w", c.name, err)
	}
	return nil
}

// collecting starts a collector. It is told the workspace's directory.
type collecting func(ctx context.Context, dir string) (*collector, error)

// collectors are those of a server.
type collectors []*collector

func startCollectors(ctx context.Context, dir string, kinds []collecting) (collectors, error) {
	var all collectors
	for _, start := range kinds {
		c, err := start(ctx, dir)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func (all collectors) tee() lifecycle.Collector {
	var parts []lifecycle.Collector
	for _, c := range all {
		parts = append(parts, c.Collector)
	}
	return lifecycle.Tee(parts...)
}

// flush completes all of them.
func (all collectors) flush(ctx context.Context) error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.complete(ctx, served.Load()))
	}
	return errors.Join(errs...)
}

// books returns those of the spans; nil when there are none.
func (all collectors) books() func() otelcollector.Stats {
	for _, c := range all {
		if c.books != nil {
			return c.books
		}
	}
	return nil
}

// spans sends them by OTLP to the receiver that the environment names.
func spans(traced tracing) collecting {
	return func(ctx context.Context, dir string) (*collector, error) {
		c, err := otelcollector.New(ctx, traced(dir))
		if err != nil {
			return nil, err
		}
		return &collector{Collector: c, name: "spans", flush: c.ForceFlush, books: c.Stats}, nil
	}
}

// metrics are counted for a page that Prometheus reads, as the command does when nothing else is asked for; it is read once in
// each measurement. The export of spans tells it of itself.
func metrics(context.Context, string) (*collector, error) {
	c, registry := otelmetrics.New(otelmetrics.Config{}), prometheus.NewRegistry()
	reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithProducer(c), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	return &collector{Collector: c, name: "metrics", recorded: func() (uint64, error) { return counted(registry) }}, nil
}

// counted returns how many requests are in the metrics.
func counted(registry prometheus.Gatherer) (n uint64, err error) {
	families, err := registry.Gather()
	for _, f := range families {
		if f.GetName() == "http_server_request_duration_seconds" {
			for _, m := range f.GetMetric() {
				n += m.GetHistogram().GetSampleCount()
			}
		}
	}
	return n, err
}

// accessLogFile is where the access log of a server is.
const accessLogFile = "access.log"

// accessLog writes the combined format to a file of its own.
func accessLog(_ context.Context, dir string) (*collector, error) {
	path := filepath.Join(dir, accessLogFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // that of the server before
		return nil, err
	}
	file, err := accesslog.Open(path, accesslog.SyslogOptions{})
	if err != nil {
		return nil, err
	}
	format, err := accesslog.Compile(accesslog.Combined, accesslog.FormatOptions{})
	if err != nil {
		return nil, err
	}
	c := accesslog.New(accesslog.Options{Format: format, Output: file})
	return &collector{Collector: c, name: "access log", flush: c.Flush, recorded: func() (uint64, error) { return c.Stats().Written, nil }}, nil
}

// counts are statistics in memory.
func counts(ctx context.Context, _ string) (*collector, error) {
	s := statistics.New(statistics.Options{Logger: slog.New(slog.DiscardHandler), Format: statistics.FormatInline})
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	total := func() (uint64, error) { return uint64(s.Calculate().RequestsTotal), nil }
	return &collector{Collector: s.Collector(), name: "statistics", recorded: total}, nil
}

// packets are sent to the StatsD server that the environment names, which knows best what has arrived.
func packets(context.Context, string) (*collector, error) {
	client, err := statsd.New(statsd.Options{Addr: os.Getenv(statsdVariable), Dialect: statsd.Plain})
	if err != nil {
		return nil, err
	}
	return &collector{Collector: statsd.NewCollector(client), name: "StatsD metrics", flush: client.Flush}, nil
}
