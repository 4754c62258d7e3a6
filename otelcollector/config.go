package otelcollector

import (
	"net/netip"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// Config configures a [Collector]. The zero value follows the OTEL_* environment variables of the OpenTelemetry
// specification. [New] copies what it needs, so a Config may be changed and used again.
type Config struct {
	// TracerProvider is where spans are made by an application that keeps its own SDK, whose processors, sampler, id
	// generator and exporter see them then; see "Through your SDK" in the documentation of the package. Beside it only
	// Propagator, TrustedProxies, KnownMethods and Settings mean something, and of the latter not Sampler, KeepErrors and
	// KeepSlowerThan: New refuses the others. Who made the provider shuts it down, after the Collector. nil encodes and
	// sends the spans here.
	TracerProvider trace.TracerProvider

	// ServiceName is the resource attribute service.name. "" takes that of Resource, else OTEL_SERVICE_NAME,
	// else that of OTEL_RESOURCE_ATTRIBUTES, else "wirespan".
	ServiceName string

	// Resource describes this process; all spans carry it. nil makes one of OTEL_RESOURCE_ATTRIBUTES, the attributes
	// telemetry.sdk.*, and a random service.instance.id.
	Resource *resource.Resource

	// Settings are those to begin with.
	Settings

	// Propagator reads the caller's span and baggage from the request's header. W3C Trace Context, alone or with
	// Baggage, is read without an allocation. nil follows OTEL_PROPAGATORS; tracecontext,baggage when it is not set.
	Propagator propagation.TextMapPropagator

	// Client sends the spans. UploadTraces is called from several goroutines at once, at most [MaxUploads]; New calls
	// Start, and Shutdown calls Stop. It receives the spans as unknown fields of ScopeSpans messages: what it marshals
	// as protobuf is complete, while one that walks through ScopeSpans.Spans, or marshals JSON, finds none. It must not
	// retry by itself, and must not hold on to a message after it has returned.
	//
	// nil makes the official one for OTEL_EXPORTER_OTLP_PROTOCOL, grpc or http/protobuf (which is the default), with
	// all its OTEL_EXPORTER_OTLP_* variables, or none when OTEL_TRACES_EXPORTER is "none".
	Client otlptrace.Client

	// NoExport makes spans that have ids, are propagated, and can be worked with by handlers, but are sent nowhere.
	NoExport bool

	// TrustedProxies are the peers whose Forwarded, or else X-Forwarded-For, -Proto and -Host, are believed. When there
	// are any, a peer on a Unix socket is trusted as well. nil trusts nobody: client.address is the peer.
	TrustedProxies []netip.Prefix

	// KnownMethods are the methods that become http.request.method; every other one becomes "_OTHER". They are
	// case-sensitive. nil takes the comma-separated list in OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS, else the
	// conventions' own.
	KnownMethods []string

	// MaxQueueBytes bounds the finished spans that wait to be sent, are being sent, or wait for another try. Spans
	// beyond it are dropped and counted in [Stats]. It does not count the batch that each worker is filling. 0: 64 MiB.
	MaxQueueBytes int

	// SpoolDir is a directory for finished spans that cannot be sent now, so that they outlive an outage of the receiver and
	// the end of this process. It is made when there is none, and has to be closed to others, since spans hold what clients
	// sent. Several processes may share it: each writes for itself, and what one leaves behind, however it ended, the next
	// one sends, or another one within a minute. A span arrives at least once: after a crash a few may arrive twice.
	// What a full or failing disk does not take stays in memory up to MaxQueueBytes, and is counted when that is full too.
	// "": there is no spool, and spans that cannot be sent are lost with the process, or when the queue is full.
	SpoolDir string

	// SpoolMaxBytes bounds the spool of this process. The oldest spans give way, and are counted. 0: 1 GiB.
	SpoolMaxBytes int64

	// SpoolMode says when spans go there. "": [SpoolOverflow].
	SpoolMode SpoolMode

	// SpoolDeadBytes is how much to keep of what the receiver refused for good, for people to look at: one file for each request,
	// with the ending .ws, in the directory dead of the spool; the oldest give way. Nobody else reads or removes them. 0: nothing
	// is kept.
	SpoolDeadBytes int64

	// FlushInterval is how long a finished span waits at most until its batch is sent. 0: one second.
	FlushInterval time.Duration

	// MeterProvider takes the accounts of [Stats] as metrics: those that the semantic conventions have for SDKs, otel.sdk.*,
	// and wirespan.spans.*, wirespan.receiver.* and wirespan.spool.*. They are read when they are collected, all at one
	// moment, also after Shutdown: that of the provider should come later, for it to tell what was lost in the end.
	// otel.sdk.processor.span.queue.capacity is MaxQueueBytes in spans of the average size so far. nil: the global one, which
	// takes nothing until the application sets one.
	MeterProvider metric.MeterProvider

	// Hooks are told what goes on below the export: batches that enter and leave the queue, whose name is
	// [instrument.QueueExport], and connections that the official clients make. The goroutines that upload call them, so they
	// should be quick. nil: there are none.
	Hooks *instrument.Hooks

	// ErrorHandler is told of uploads that failed and of a full queue, at most once a minute. It is called from the
	// goroutines that upload, so it should be quick.
	// nil: [otel.Handle].
	ErrorHandler func(error)
}

const (
	defaultServiceName   = "wirespan"
	defaultMaxQueueBytes = 64 << 20
	defaultFlushInterval = time.Second
)
