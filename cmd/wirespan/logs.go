package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/otelcollector"
)

// logOutlets are where log records go beside standard error, as --logs has it.
type logOutlets struct {
	auto bool // let OTEL_LOGS_EXPORTER decide
	otlp bool
}

// parseLogs takes auto, otlp or none.
func parseLogs(s string) (logOutlets, error) {
	switch s {
	case "auto":
		return logOutlets{auto: true}, nil
	case "otlp":
		return logOutlets{otlp: true}, nil
	case "none":
		return logOutlets{}, nil
	}
	return logOutlets{}, errors.New("use auto, otlp or none")
}

// resolve returns where OTLP sends log records, and nil when it does not.
func (o logOutlets) resolve(env environment) (*otlpTarget, error) {
	if strings.EqualFold(env.get("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	if name, text := env.first("OTEL_LOGS_EXPORTER"); o.auto && text != "" {
		var err error
		if o, err = parseLogs(text); err != nil || o.auto {
			return nil, usagef("%s %q is not allowed: use otlp or none", name, text)
		}
	}
	if !o.otlp {
		return nil, nil
	}
	target, err := otlpFromEnvironment(env, signalLogs)
	return &target, err
}

// logExport sends log records over OTLP. nil sends none.
type logExport struct{ provider *sdklog.LoggerProvider }

func newLogExport(ctx context.Context, t *otlpTarget, r *resource.Resource) (*logExport, error) {
	if t == nil {
		return nil, nil
	}
	exporter, err := newLogExporter(ctx, t)
	if err != nil {
		return nil, usagef("the OTEL_ variables for logs do not make sense: %v", err)
	}
	return &logExport{sdklog.NewLoggerProvider(sdklog.WithResource(r), sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))}, nil
}

// newLogExporter makes the official exporter; see newMetricExporter.
func newLogExporter(ctx context.Context, t *otlpTarget) (sdklog.Exporter, error) {
	if t.protocol == protocolGRPC {
		var options []otlploggrpc.Option
		if !t.configured() {
			options = append(options, otlploggrpc.WithInsecure())
		}
		return otlploggrpc.New(ctx, options...)
	}
	var options []otlploghttp.Option
	if !t.configured() {
		options = append(options, otlploghttp.WithInsecure())
	}
	return otlploghttp.New(ctx, options...)
}

// logger returns a logger that writes to local, and over OTLP what is of this level at least. Both get the ids of a request
// from its context.
func (e *logExport) logger(local slog.Handler, level slog.Level) *slog.Logger {
	if e == nil {
		return slog.New(otelcollector.NewLogHandler(local))
	}
	remote := otlpRecords{otelslog.NewHandler(tracerName, otelslog.WithLoggerProvider(e.provider), otelslog.WithVersion(versionOf().Version)), level}
	return slog.New(otelcollector.NewLogHandler(slog.NewMultiHandler(local, remote)))
}

// shutdown sends what is left until ctx ends. It may be called twice.
func (e *logExport) shutdown(ctx context.Context) error {
	if e == nil {
		return nil
	}
	return e.provider.Shutdown(ctx)
}

// abandon ends the export without waiting, if it was not shut down.
func (e *logExport) abandon() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = e.shutdown(ctx) // there is nobody to be told any more
}

// otlpRecords passes records of a level on to OTLP. There the trace and the span are fields of a record, which its
// context gives; of what lifecycle.Logging says about a request it is in the attributes.
type otlpRecords struct {
	slog.Handler
	level slog.Level
}

// Enabled implements [slog.Handler].
func (h otlpRecords) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h otlpRecords) Handle(ctx context.Context, r slog.Record) error {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, spanOf(&r))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h otlpRecords) WithAttrs(attrs []slog.Attr) slog.Handler {
	return otlpRecords{h.Handler.WithAttrs(attrs), h.level}
}

// WithGroup implements [slog.Handler].
func (h otlpRecords) WithGroup(name string) slog.Handler {
	return otlpRecords{h.Handler.WithGroup(name), h.level}
}

// spanOf returns the span that the attributes of a record name; it is not valid when they name none.
func spanOf(r *slog.Record) trace.SpanContext {
	var c trace.SpanContextConfig
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "trace_id":
			c.TraceID, _ = trace.TraceIDFromHex(a.Value.String())
		case "span_id":
			c.SpanID, _ = trace.SpanIDFromHex(a.Value.String())
		}
		return true
	})
	return trace.NewSpanContext(c)
}
