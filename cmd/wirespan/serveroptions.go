package main

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/spf13/pflag"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/otelcollector"
)

// serverOptions are the flags that serve, proxy and demo share.
type serverOptions struct {
	addr            string
	admin           string
	workers         int
	engine          httpcore.Engine
	accept          httpcore.AcceptMode
	sharePort       bool
	tlsCert, tlsKey string
	logLevel        slog.Level
	logFormat       string
	errorLog        string // "": standard error
	traces          outlets
	metrics         metricOutlets
	logs            logOutlets
	spool           spoolOptions
	limits          limitOptions
	accessLog       accessLogOptions
	statsd          statsdOptions
	statistics      statisticsOptions
	instrument      string
	healthCheckPath string
	trustedProxies  []netip.Prefix
	serverTiming    bool
	traceResponse   bool
	requestID       bool
	settings        otelcollector.Settings
	settingsFile    string
	drainTimeout    time.Duration
	flushTimeout    time.Duration

	flags *pflag.FlagSet // knows which of them were set by a variable
}

func (o *serverOptions) register(fs *pflag.FlagSet) {
	o.flags = fs
	fs.SortFlags = false
	setting(fs, &o.addr, "addr", "127.0.0.1:8080", "address",
		"where to serve: host:port, unix:/path, systemd or systemd:NAME", parseSiteAddress)
	setting(fs, &o.admin, "admin", "127.0.0.1:4380", "address", "where to answer probes, profiles, statistics and settings: host:port, unix:/path or off", parseAdmin)
	setting(fs, &o.workers, "workers", "0", "number", "how many workers accept and poll; 0 is one a processor", parseWorkers)
	setting(fs, &o.engine, "engine", "auto", "name", "how connections wait: auto, epoll or goroutine", parseEngine)
	setting(fs, &o.accept, "accept", "reuseport", "mode", "how connections come to workers: reuseport or distribute", parseAccept)
	switchSetting(fs, &o.sharePort, "share-port", "serve a port that a process with the same flag serves already, and then drains")
	setting(fs, &o.tlsCert, "tls-cert", "", "file", "certificate chain in PEM; with --tls-key, serve HTTPS", parseText)
	setting(fs, &o.tlsKey, "tls-key", "", "file", "private key in PEM", parseText)
	setting(fs, &o.traces, "traces", "auto", "list", "auto, otlp, console, none, or otlp,console", parseTraces)
	setting(fs, &o.metrics, "metrics", "auto", "list", "auto, otlp, prometheus, none, or otlp,prometheus", parseMetrics)
	setting(fs, &o.logs, "logs", "auto", "name", "where the log goes beside standard error: auto, otlp or none", parseLogs)
	o.spool.register(fs)
	o.limits.register(fs)
	setting(fs, &o.trustedProxies, "trusted-proxies", "", "list", "networks whose Forwarded, X-Forwarded-* and X-Request-ID are believed", parsePrefixes)
	switchSetting(fs, &o.serverTiming, "server-timing", "tell clients in Server-Timing how long each phase took, and the span")
	switchSetting(fs, &o.traceResponse, "traceresponse", "tell clients in traceresponse which span is theirs")
	switchSetting(fs, &o.requestID, "request-id", "give each request an X-Request-ID, for its client, the application and the traces")
	registerSettings(fs, &o.settings)
	setting(fs, &o.settingsFile, "settings", "", "file", "these settings as JSON, which SIGHUP has read again; they beat their flags", parseText)
	setting(fs, &o.instrument, "instrument", off, "outlet", "tell of accepts, reads, writes, connects, handshakes, queues and handlers: print, log or off",
		oneOf(instrumentPrint, instrumentLog, off))
	o.accessLog.register(fs)
	o.statsd.register(fs)
	o.statistics.register(fs)
	setting(fs, &o.healthCheckPath, "health-check-path", "", "path", "a path whose requests are neither logged nor limited", parsePath)
	setting(fs, &o.logLevel, "log-level", "info", "level", "debug, info, warn or error", parseLevel)
	setting(fs, &o.logFormat, "log-format", "text", "format", "text or json", oneOf("text", "json"))
	setting(fs, &o.errorLog, "error-log", "", "target",
		"write the log to a file, as lines \"[time] [pid] [LEVEL] message\" or as JSON, - for standard error, or syslog as --access-log", parseLogTarget)
	setting(fs, &o.drainTimeout, "drain-timeout", "30s", "duration", "how long a shutdown waits for the requests under way", parseTimeout)
	setting(fs, &o.flushTimeout, "flush-timeout", "5s", "duration", "how long it waits after that for the last traces, metrics, logs and lines to be sent", parseTimeout)
}

// check compares what belongs together.
func (o *serverOptions) check() error {
	switch {
	case o.tlsCert != "" && o.tlsKey == "":
		return usagef("%s %q needs its private key: give --tls-key (WIRESPAN_TLS_KEY) too", nameOf(o.flags, "tls-cert"), o.tlsCert)
	case o.tlsKey != "" && o.tlsCert == "":
		return usagef("%s %q needs its certificate: give --tls-cert (WIRESPAN_TLS_CERT) too", nameOf(o.flags, "tls-key"), o.tlsKey)
	case o.instrument == instrumentLog && o.logLevel > slog.LevelDebug:
		return usagef("%s %q is for the level debug: give --log-level debug (WIRESPAN_LOG_LEVEL) too, or use print",
			nameOf(o.flags, "instrument"), o.instrument)
	case o.sharePort && !isPort(o.addr):
		return usagef("%s needs a port to share, and %s %q has none: use host:port", nameOf(o.flags, "share-port"), nameOf(o.flags, "addr"), o.addr)
	}
	if err := o.checkNeeds(); err != nil {
		return err
	}
	if err := o.accessLog.check(o.flags); err != nil {
		return err
	}
	return o.checkLimits()
}

// checkNeeds refuses flags that say more about something that is not there.
func (o *serverOptions) checkNeeds() error {
	for _, n := range []struct {
		flag, value, what string
		by                []string
	}{
		{"spool", o.spool.dir, "a spool", spoolFlags},
		{"access-log", o.accessLog.target, "an access log", []string{"access-log-format", "access-log-dialect"}},
		{"statsd", o.statsd.addr, "a StatsD server", []string{"statsd-prefix", "statsd-tags"}},
		{"statistics-store", o.statistics.store, "a store", []string{"statistics-key"}},
	} {
		for _, by := range n.by {
			if n.value == "" && isGiven(o.flags, by) {
				return usagef("%s needs %s: give --%s (%s) too", nameOf(o.flags, by), n.what, n.flag, variable(n.flag))
			}
		}
	}
	return nil
}

func (o *serverOptions) scheme() string {
	if o.tlsCert != "" {
		return "https"
	}
	return "http"
}

// flush gives f the time that there is for what is still to be sent.
func (o *serverOptions) flush(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.flushTimeout)
	defer cancel()
	return f(ctx)
}

// coloured reports whether w may be written to in colours (https://no-color.org).
func (a *app) coloured(w io.Writer) bool {
	return a.isTerminal(w) && a.env.get("NO_COLOR") == "" && a.env.get("TERM") != "dumb"
}
