package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
	"github.com/wirespan/wirespan/otelcollector"
)

// tracerName is the instrumentation scope of the spans that the command makes itself.
const tracerName = "github.com/wirespan/wirespan/cmd/wirespan"

// telemetry is what a server tells about itself, and whom.
type telemetry struct {
	// collector receives the events of the server.
	collector lifecycle.Collector
	// provider makes the spans of the command's own code; they leave with those of the server.
	provider   trace.TracerProvider
	propagator propagation.TextMapPropagator
	// redactQuery returns a query as it may be told.
	redactQuery func(query string) string

	spans   *otelcollector.Collector // nil when no span is made
	sdk     *sdktrace.TracerProvider
	meter   *meter   // nil when nothing is counted
	console *console // nil without --traces console

	hooks   *instrument.Hooks // nil without --instrument
	printed *lines            // nil without --instrument print

	exports, hasSpool bool
}

// startTelemetry puts the collectors together: that which starts the span first, so that the others know its id.
func (a *app) startTelemetry(
	ctx context.Context, to *destinations, o *serverOptions, settings otelcollector.Settings, backlog func() int, log *slog.Logger,
) (*telemetry, error) {
	t := &telemetry{
		provider: noop.NewTracerProvider(), propagator: propagation.NewCompositeTextMapPropagator(),
		redactQuery: func(query string) string { return query }, // there is nobody to tell it to
	}
	t.startHooks(o.instrument, a.stdout, log)
	logging := lifecycle.NewLogging(log, lifecycle.LoggingOptions{HealthCheckPath: o.healthCheckPath})
	parts := []lifecycle.Collector{nil, nil, logging, nil}
	if to.metrics.made() {
		var err error
		if t.meter, err = newMeter(ctx, &to.metrics, to.resource, backlog, log); err != nil {
			t.abandon()
			return nil, err
		}
		parts[1] = t.meter.collector
	}
	if to.traces.made {
		if err := t.startSpans(ctx, to, o, settings, log); err != nil {
			t.abandon()
			return nil, err
		}
		parts[0] = t.spans
	}
	if to.traces.console {
		t.console = newConsole(a.stdout, a.coloured(a.stdout))
		parts[3] = t.console
	}
	t.collector = lifecycle.Tee(parts...)
	return t, nil
}

func (t *telemetry) startSpans(ctx context.Context, to *destinations, o *serverOptions, settings otelcollector.Settings, log *slog.Logger) error {
	failed := func(err error) { log.Warn("traces were not sent", "error", err) }
	spans, err := otelcollector.New(ctx, otelcollector.Config{
		Resource:       to.resource,
		MeterProvider:  t.meterProvider(),
		NoExport:       to.traces.otlp == nil,
		TrustedProxies: o.trustedProxies,
		Settings:       settings,
		Hooks:          t.hooks,
		SpoolDir:       o.spool.dir,
		SpoolMaxBytes:  o.spool.maxBytes,
		SpoolDeadBytes: o.spool.dead,
		SpoolMode:      otelcollector.SpoolMode(o.spool.mode),
		ErrorHandler:   failed, // at most once a minute
	})
	if errors.Is(err, otelcollector.ErrSpoolDir) {
		return startError("keep spans in "+o.spool.dir+" ("+nameOf(o.flags, "spool")+")", err)
	}
	if err != nil {
		return usagef("the OTEL_ variables do not make sense: %v", err)
	}
	t.spans, t.exports = spans, to.traces.otlp != nil
	t.hasSpool = t.exports && o.spool.dir != ""
	t.propagator, t.redactQuery = spans.Propagator(), spans.RedactQuery
	t.sdk = sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(spans.SpanProcessor()),
		sdktrace.WithResource(spans.Resource()),
		sdktrace.WithSampler(withinRequests{spans.Sampler()}),
	)
	t.provider = t.sdk
	return nil
}

// meterProvider takes what the export of traces has to tell.
func (t *telemetry) meterProvider() metric.MeterProvider {
	if t.meter == nil {
		return noopmetric.NewMeterProvider()
	}
	return t.meter.provider
}

// isWithinRequest reports whether there is a span above: that of a request which is traced, or one below it.
func isWithinRequest(ctx context.Context) bool {
	above := trace.SpanContextFromContext(ctx)
	return above.IsValid() && !above.IsRemote()
}

// withinRequests samples no span that has none above it: what it belongs to is a request that is ignored.
type withinRequests struct{ sdktrace.Sampler }

// ShouldSample implements [sdktrace.Sampler].
func (w withinRequests) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if !isWithinRequest(p.ParentContext) {
		return sdktrace.NeverSample().ShouldSample(p)
	}
	return w.Sampler.ShouldSample(p)
}

// tracer returns the tracer for the command's own spans.
func (t *telemetry) tracer() trace.Tracer { return t.provider.Tracer(tracerName) }

// abandon ends what was started, without waiting.
func (t *telemetry) abandon() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = t.shutdown(ctx) // there was nothing to send
}

// shutdown sends what is still to be sent, until ctx ends: traces and metrics at once, since each may take all of the time.
func (t *telemetry) shutdown(ctx context.Context) error {
	last := make(chan error, 1)
	go func() { last <- t.meter.shutdown(ctx) }()
	return errors.Join(t.shutdownTraces(ctx), <-last)
}

// shutdownTraces is shutdown for traces, and for what goes to standard output.
func (t *telemetry) shutdownTraces(ctx context.Context) error {
	var errs []error
	if t.sdk != nil {
		errs = append(errs, t.sdk.Shutdown(ctx))
	}
	if t.spans != nil {
		if err := t.spans.Shutdown(ctx); err != nil && !errors.Is(err, otelcollector.ErrSpooled) { // stats tells of those
			errs = append(errs, fmt.Errorf("send the last traces: %w", err))
		}
	}
	if t.console != nil {
		errs = append(errs, t.console.Close(ctx))
	}
	if t.printed != nil {
		errs = append(errs, t.printed.Close(ctx))
	}
	return errors.Join(errs...)
}

// stats returns the counts of spans, ready for a log record; empty when none is made.
func (t *telemetry) stats() []any {
	if t.spans == nil {
		return nil
	}
	s := t.spans.Stats()
	counts := []any{"spans_exported", s.Exported, "spans_rejected", s.Rejected, "spans_dropped", s.TotalDropped()}
	if t.hasSpool {
		counts = append(counts, "spans_spooled", s.Spooled, "spans_recovered", s.Recovered)
	}
	counts = append(counts, "spans_made", s.Made)
	if lost := losses(&s); len(lost) > 0 {
		counts = append(counts, "dropped", strings.Join(lost, ", "))
	}
	return counts
}

// losses says how many spans were dropped for each reason.
func losses(s *otelcollector.Stats) (list []string) {
	for _, why := range slices.Sorted(maps.Keys(s.Dropped)) {
		list = append(list, fmt.Sprintf("%s %d", why, s.Dropped[why]))
	}
	return list
}
