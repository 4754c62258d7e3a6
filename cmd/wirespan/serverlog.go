package main

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel"

	"github.com/wirespan/wirespan/lifecycle/accesslog"
	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// serverLog is where the records of the server go: standard error, or the error log. StatsD counts them on their way.
type serverLog struct {
	*slog.Logger
	export *logExport        // nil: not by OTLP
	errors *accesslog.Logger // nil without --error-log
	target string
	statsd *statsdSink // nil without --statsd
}

// openLog returns the log, before anything has something to say. Close ends it.
func (a *app) openLog(ctx context.Context, o *serverOptions, to *destinations) (*serverLog, error) {
	export, err := newLogExport(ctx, to.logs, to.resource)
	if err != nil {
		return nil, err
	}
	l := &serverLog{export: export, target: o.errorLog}
	handler := o.handler(a.stderr)
	if o.errorLog != "" {
		options := accesslog.LoggerOptions{ErrorLog: o.errorLog, Level: o.logLevel}
		if o.logFormat == "json" {
			options.ErrorHandler = o.handler
		}
		if l.errors, err = accesslog.NewLogger(options); err != nil {
			export.abandon()
			return nil, createError("write the error log to "+o.errorLog+" ("+nameOf(o.flags, "error-log")+")", o.errorLog, err)
		}
		handler = l.errors.Slog().Handler()
	}
	if o.statsd.addr != "" {
		l.statsd = startStatsd(&o.statsd, slog.New(handler))
		handler = statsd.NewHandler(handler, l.statsd.client, statsd.HandlerOptions{Level: o.logLevel})
	}
	local := slog.New(handler)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { // not by OTLP: that may be what has failed
		local.Warn("telemetry was not sent", "error", redactText(err.Error()))
	}))
	l.Logger = export.logger(handler, o.logLevel)
	return l, nil
}

// handler returns what writes records to w.
func (o *serverOptions) handler(w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: o.logLevel}
	if o.logFormat == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}

// describe says in a line how it stands with the error log; "" when there is none.
func (l *serverLog) describe() string {
	if l.errors == nil {
		return ""
	}
	_, stats := l.errors.Stats()
	return describeLog("error log", l.target, stats, nil)
}

// close writes what waits. It returns what hinders that, when the log itself cannot tell any more.
func (l *serverLog) close(ctx context.Context) error {
	l.export.abandon() // unless the server has sent its last record
	if l.statsd != nil {
		_ = l.statsd.close(ctx) // an error was told already, unless the server did not start
	}
	if l.errors != nil {
		return l.errors.Close(ctx)
	}
	return nil
}
