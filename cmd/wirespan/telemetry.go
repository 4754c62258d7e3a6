package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/otel"
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
	console *console // nil without --traces console

	hooks   *instrument.Hooks // nil without --instrument
	printed *lines            // nil without --instrument print

	exports, hasSpool bool
}

// startTelemetry puts the collectors together: that which starts the span first, so that the others know its id.
func (a *app) startTelemetry(ctx context.Context, d destination, o *serverOptions, settings otelcollector.Settings, log *slog.Logger) (*telemetry, error) {
	t := &telemetry{
		provider: noop.NewTracerProvider(), propagator: propagation.NewCompositeTextMapPropagator(),
		redactQuery: func(query string) string { return query }, // there is nobody to tell it to
	}
	t.startHooks(o.instrument, a.stdout, log)
	logging := lifecycle.NewLogging(log, lifecycle.LoggingOptions{HealthCheckPath: o.healthCheckPath})
	parts := []lifecycle.Collector{nil, logging, nil}
	if d.made {
		if err := t.startSpans(ctx, d, o, settings, log); err != nil {
			return nil, err
		}
		parts[0] = t.spans
	}
	if d.console {
		t.console = newConsole(a.stdout, a.coloured(a.stdout))
		parts[2] = t.console
	}
	t.collector = lifecycle.Tee(parts...)
	return t, nil
}

func (t *telemetry) startSpans(ctx context.Context, d destination, o *serverOptions, settings otelcollector.Settings, log *slog.Logger) error {
	failed := func(err error) { log.Warn("traces were not sent", "error", err) }
	otel.SetErrorHandler(otel.ErrorHandlerFunc(failed))
	spans, err := otelcollector.New(ctx, otelcollector.Config{
		NoExport:       d.otlp == nil,
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
	t.spans, t.exports, t.hasSpool = spans, d.otlp != nil, d.otlp != nil && o.spool.dir != ""
	t.propagator, t.redactQuery = spans.Propagator(), spans.RedactQuery
	t.sdk = sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(spans.SpanProcessor()),
		sdktrace.WithResource(spans.Resource()),
		sdktrace.WithSampler(withinRequests{spans.Sampler()}),
	)
	t.provider = t.sdk
	return nil
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

// shutdown sends what is still to be sent, until ctx ends.
func (t *telemetry) shutdown(ctx context.Context) error {
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
