package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
	"github.com/wirespan/wirespan/lifecycle/statsd"
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

	log        *serverLog
	access     *accessLog      // nil without --access-log
	statistics *keptStatistics // nil without the flags of statistics
	sinks      []sink          // all of these but the log

	hooks   *instrument.Hooks // nil without --instrument
	printed *lines            // nil without --instrument print

	exports, hasSpool bool
}

// sink is one of the ways beside OpenTelemetry on which requests are told of.
type sink interface {
	// close has it take what waits, and ends it, or gives up when ctx ends.
	close(ctx context.Context) error
	// describe says in a line how it stands, as a check of /readyz?verbose.
	describe() string
	// counts returns what has become of all that it was told, ready for a log record.
	counts() []any
}

// startTelemetry starts the collectors. When one of them cannot be started it ends the others.
func (a *app) startTelemetry(
	ctx context.Context, to *destinations, o *serverOptions, settings otelcollector.Settings, backlog func() int, log *serverLog,
) (*telemetry, error) {
	t := &telemetry{
		provider: noop.NewTracerProvider(), propagator: propagation.NewCompositeTextMapPropagator(),
		redactQuery: func(query string) string { return query }, // there is nobody to tell it to
		log:         log,
	}
	t.startHooks(o.instrument, a.stdout, log.Logger)
	if err := a.startCollectors(ctx, t, to, o, settings, backlog); err != nil {
		t.abandon()
		return nil, err
	}
	return t, nil
}

// startCollectors puts the collectors into their order: that which starts the span first, so that the others know its id.
func (a *app) startCollectors(
	ctx context.Context, t *telemetry, to *destinations, o *serverOptions, settings otelcollector.Settings, backlog func() int,
) error {
	var spans, metrics, lines lifecycle.Collector
	var err error
	if to.metrics.made() {
		if t.meter, err = newMeter(ctx, &to.metrics, to.resource, backlog, t.log.Logger); err != nil {
			return err
		}
		metrics = t.meter.collector
	}
	if to.traces.made {
		if err = t.startSpans(ctx, to, o, settings, t.log.Logger); err != nil {
			return err
		}
		spans = t.spans
	}
	if o.spool.dir != "" && !t.hasSpool {
		t.log.Warn("the spool is not used, for traces are not sent over OTLP", "spool", o.spool.dir)
	}
	if to.traces.console {
		t.console = newConsole(a.stdout, a.coloured(a.stdout))
		lines = t.console
	}
	parts := []lifecycle.Collector{
		spans, metrics, lifecycle.NewLogging(t.log.Logger, lifecycle.LoggingOptions{HealthCheckPath: o.healthCheckPath}), lines,
	}
	if o.accessLog.target != "" {
		if t.access, err = startAccessLog(o, a.stdout, t.log.Logger); err != nil {
			return err
		}
		t.sinks, parts = append(t.sinks, t.access), append(parts, t.access.Log)
	}
	if o.statistics.wanted(o.flags) {
		if t.statistics, err = startStatistics(ctx, o, a.env.get("OTEL_SERVICE_NAME"), t.log.Logger); err != nil {
			return err
		}
		t.sinks, parts = append(t.sinks, t.statistics), append(parts, t.statistics.Collector())
	}
	if m := t.log.statsd; m != nil {
		t.sinks, parts = append(t.sinks, m), append(parts, statsd.NewCollector(m.client))
	}
	t.collector = lifecycle.Tee(parts...)
	return nil
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
		return startError("keep spans in "+o.spool.dir+" ("+nameOf(o.flags, "spool")+")", spoolProblem(err))
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

// spoolProblem is what is wrong with a spool: the sentence around it says the rest of err.
func spoolProblem(err error) error {
	said := "otelcollector: " + otelcollector.ErrSpoolDir.Error() + ": spool: "
	if text, ok := strings.CutPrefix(plainError(err).Error(), said); ok {
		return errors.New(text)
	}
	return err
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

// shutdown ends all collectors at once, so that none of them takes the time of another, and returns when what waits in them
// is where it should be, or ctx ends. The metrics are sent once more after that: they say what has become of the last spans.
func (t *telemetry) shutdown(ctx context.Context) error {
	ends := []func(context.Context) error{t.meter.flush}
	if t.spans != nil {
		ends = append(ends, t.endSpans)
	}
	if t.console != nil {
		ends = append(ends, t.console.Close)
	}
	for _, s := range t.sinks {
		ends = append(ends, s.close)
	}
	errs := make([]error, len(ends))
	first, cancel := t.beforeMetrics(ctx)
	defer cancel()
	var all sync.WaitGroup
	for i, end := range ends {
		all.Go(func() { errs[i] = end(first) })
	}
	all.Wait()
	err := errors.Join(errors.Join(errs...), t.meter.shutdown(ctx))
	if t.printed != nil { // last: the export has hooks too
		err = errors.Join(err, t.printed.Close(ctx))
	}
	return err
}

// forMetrics is the part of the time for a shutdown, at most, that is kept for the last metrics; a quarter when there is little time.
const forMetrics = time.Second

// beforeMetrics returns the context for what ends before them.
func (t *telemetry) beforeMetrics(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || t.meter == nil || !t.meter.sends {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(forMetrics, time.Until(deadline)/4)))
}

// endSpans sends the last spans: those of the command's own code first, which go through the others' collector.
func (t *telemetry) endSpans(ctx context.Context) error {
	err := t.sdk.Shutdown(ctx)
	if last := t.spans.Shutdown(ctx); last != nil && !errors.Is(last, otelcollector.ErrSpooled) { // stats tells of those
		err = errors.Join(err, fmt.Errorf("send the last traces: %w", last))
	}
	return err
}

// stats returns the counts of all that was told, ready for a log record.
func (t *telemetry) stats() []any {
	counts := t.spanCounts()
	for _, s := range t.sinks {
		counts = append(counts, s.counts()...)
	}
	return counts
}

// spanCounts is empty when no span is made.
func (t *telemetry) spanCounts() []any {
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
