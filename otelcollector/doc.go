// Package otelcollector makes OpenTelemetry spans of lifecycle events and exports them.
//
//	collector, err := otelcollector.New(ctx, otelcollector.Config{ServiceName: "shop"})
//	server := &httpcore.Server{Handler: mux, Collector: collector}
//
// # Spans
//
// Each request is a SERVER span, from the first byte of its head to the last byte of its response handed to the kernel (to
// the end of the tunnel, when the connection was taken over), with the stable HTTP semantic conventions and the time
// it spent in each phase. It belongs to the trace of its caller. A head that cannot be parsed is a span as well.
//
// Each connection is an INTERNAL span named "HTTP connection", from accept to close, in a trace of its own, with its
// TLS handshake as a child. Every request span links to it. It is exported if it was sampled itself or one of its
// requests was, so no link leads nowhere.
//
// The handler finds the span of its request with [trace.SpanFromContext], made when it is first asked for. It can do
// there whatever a [trace.Span] can; only End does nothing, since the server ends the span.
//
// # Sampling and settings
//
// The sampler decides when the head of a request is there; what it decides against costs a tenth of a microsecond and no
// allocation. [Settings] can have errors and slow requests exported all the same, marked by wirespan.sampling.reason, have the
// requests of some paths not traced at all, capture header fields, and choose which query parameters are redacted.
// [Collector.Reconfigure] changes them while the Collector runs: they are one immutable value behind a pointer, which each
// event loads once.
//
// # Through your SDK
//
// An application that keeps its own SDK sets [Config.TracerProvider]. The spans are the same, attribute by attribute, but it
// is the SDK that makes them: its sampler decides, its processors see them start and end, and its exporter sends them.
//
//	collector, err := otelcollector.New(ctx, otelcollector.Config{TracerProvider: sdk})
//
// [trace.SpanFromContext] gives the handler the SDK's span, which can be read as a ReadWriteSpan. It stands in a thin cover:
// End does nothing, a status is held until the outcome, and the SDK does not count children in ChildSpanCount.
//
// What differs is what the SDK alone can know:
//   - The span of a connection is started with its first request, and with a decision of its own. Requests link to it if it is
//     sampled, so no link leads nowhere, but one that was not sampled is not exported for the sake of its requests.
//   - Which of [Settings] are the SDK's business New refuses, and so does Reconfigure: Sampler, KeepErrors, KeepSlowerThan.
//   - The ids and the random flag are those of the SDK's generator.
//   - The limits are those of the SDK, and the server's own attributes, about 30, count as well.
//   - A RecordOnly decision makes spans for processors.
//   - Requests of a connection that was not opened with OpenConnection have their spans, but no [lifecycle.Request.Trace].
//
// Any [trace.TracerProvider] will do. It takes what its spans cost, several microseconds and allocations for each request,
// and of lost spans it knows what its processors count: [Stats] stays zero.
//
// # Logs
//
// [NewLogHandler] puts the ids of the request and its span into the records of the application's logger.
//
// # Inside
//
//	settings         what may change meanwhile                                    settings.go, ignore.go, capture.go
//	RequestStarted   ids and the head decision, written into Request.Trace        propagate.go, sample.go
//	Context          a live span, in a list of the connection                     live.go
//	outcome          one Span message, encoded at the end of a shard's batch      request.go, attributes.go, keep.go
//	shard            spans of one worker or one SDK scope, up to 512 KiB          shard.go
//	queue            batches in order, bounded in bytes, and all accounts         queue.go
//	dispatch         begins uploads as the receiver admits them                   dispatch.go, destination.go, pace.go
//	client           the official OTLP client, and what it answered               message.go, client.go, result.go
//	spool            what cannot be sent now, to the disk and back                spill.go, replay.go, disk.go
//	buffers          back from grpc, which reads them where they are              handover.go, buffers.go
//	provider         spans of an SDK, from the same encoder, in place of batches  provider.go, provider_connection.go, provider_span.go
//
// There is no span object: what does not change during a connection is encoded when it opens, and the end of a request
// appends the rest. The request path takes an uncontended lock of its connection and one of its worker's shard, holds the
// latter while it encodes, aside when somebody else holds it, and allocates nothing. The client gets a batch as the
// unknown fields of its ScopeSpans messages, which protobuf marshals as they are; see [Config.Client]. Over gRPC even that
// copy is spared.
//
// Nothing here blocks a request. What finds the queue full is dropped, and every span that was made is in exactly one
// of the accounts of [Stats] at any time.
//
// # Export
//
// What becomes of a batch follows the OTLP specification. One that was accepted, with some spans rejected perhaps, is done.
// One that was refused for good is dropped, and the next one is sent. One that another attempt may help is tried for as long
// as it takes: there is no limit in time. One that fails again and again while others are accepted is dropped as poison.
//
// Back-off belongs to the receiver, not to the batch. After five failures in a row, or two seconds of nothing else, it is
// down, and one upload at a time is tried after random pauses of up to two seconds. When it asks to be left alone, all
// uploads wait. When it refuses the credentials, or is no OTLP receiver, three times in a row, one upload in thirty seconds
// is tried, so that a wrong token costs a few batches and not the spool. As many uploads are under way, from one to
// [MaxUploads], as bring more through.
//
// With [Config.SpoolDir], what cannot be sent now goes to the disk, and comes back when nothing else waits, oldest first, at
// twice the rate at which spans come about. In an outage of more than half a minute it is compressed when a quarter of the room
// there is taken. A ledger on the disk counts what is in memory, so that even the loss of a
// process that was killed is known: the next one counts it as [DroppedCrash].
//
// # Limits
//
// OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, OTEL_SPAN_EVENT_COUNT_LIMIT and OTEL_SPAN_LINK_COUNT_LIMIT bound what handlers put
// on a span, OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT and OTEL_LINK_ATTRIBUTE_COUNT_LIMIT what they put on its events and links;
// the server's own attributes, whose number the settings fix, come on top. OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT holds
// for both. OTEL_ATTRIBUTE_COUNT_LIMIT and OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT stand in for those of spans. Whatever a client
// sends becomes valid UTF-8, and is cut between characters.
package otelcollector
