package otelcollector

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/wirespan/wirespan/otelcollector/internal/spool"
)

// reading is a metric that is read from the accounts: by the conventions for SDKs where they have it
// (semantic-conventions, docs/otel/sdk-metrics.md), else one of Wirespan's own.
type reading struct {
	name, unit, description string
	kind                    kind
	part                    part
	read                    func(a *audit, observe func(n uint64, attributes ...attribute.KeyValue))
}

// kind is how the values of a metric go together.
type kind byte

const (
	counter kind = iota
	upDown
	gauge
)

// part is what a metric is about.
type part byte

const (
	ofWirespan part = iota
	ofProcessor
	ofExporter
)

func (r *reading) instrument(m metric.Meter) (metric.Int64Observable, error) {
	switch r.kind {
	case counter:
		return m.Int64ObservableCounter(r.name, metric.WithUnit(r.unit), metric.WithDescription(r.description))
	case upDown:
		return m.Int64ObservableUpDownCounter(r.name, metric.WithUnit(r.unit), metric.WithDescription(r.description))
	}
	return m.Int64ObservableGauge(r.name, metric.WithUnit(r.unit), metric.WithDescription(r.description))
}

// just reads a single number.
func just(f func(a *audit) uint64) func(*audit, func(uint64, ...attribute.KeyValue)) {
	return func(a *audit, observe func(uint64, ...attribute.KeyValue)) { observe(f(a)) }
}

// stored is just for a number of the spool, when there is one.
func stored(f func(s *spool.Stats) uint64) func(*audit, func(uint64, ...attribute.KeyValue)) {
	return func(a *audit, observe func(uint64, ...attribute.KeyValue)) {
		if a.spool != nil {
			observe(f(a.spool))
		}
	}
}

// errorRejected is error.type of the spans that a receiver rejected while it accepted others.
const errorRejected = "rejected"

// processed has each span once when this process is done with it, and exported when the receiver has answered for it.
func processed(a *audit, observe func(uint64, ...attribute.KeyValue)) {
	observe(a.Exported + a.Rejected)
	for why, n := range a.Dropped {
		observe(n, attribute.String(keyErrorType.Name(), string(why)))
	}
}

func exported(a *audit, observe func(uint64, ...attribute.KeyValue)) {
	observe(a.Exported)
	observe(a.Rejected, attribute.String(keyErrorType.Name(), errorRejected))
	for _, why := range [...]DropReason{DroppedInvalid, DroppedInternal, DroppedAuth, DroppedConfig, DroppedPoison} {
		if n := a.Dropped[why]; n > 0 {
			observe(n, attribute.String(keyErrorType.Name(), string(why)))
		}
	}
	if n := a.Dropped[DroppedTooLarge] - a.unsent; n > 0 {
		observe(n, attribute.String(keyErrorType.Name(), string(DroppedTooLarge)))
	}
}

func dropped(a *audit, observe func(uint64, ...attribute.KeyValue)) {
	for why, n := range a.Dropped {
		observe(n, attribute.String("wirespan.drop.reason", string(why)))
	}
	observe(a.Rejected, attribute.String("wirespan.drop.reason", errorRejected))
}

func spoolState(a *audit, observe func(uint64, ...attribute.KeyValue)) {
	if a.spool == nil {
		return
	}
	for _, s := range [...]spool.State{spool.Working, spool.Degraded} {
		observe(oneIf(a.spool.State == s), attribute.String("wirespan.spool.state", s.String()))
	}
}

func spoolErrors(a *audit, observe func(uint64, ...attribute.KeyValue)) {
	if a.spool == nil {
		return
	}
	for f, n := range a.spool.Errors {
		observe(n, attribute.String("wirespan.spool.operation", string(f.Op)), attribute.String(keyErrorType.Name(), f.Errno))
	}
}

func receiverState(a *audit, observe func(uint64, ...attribute.KeyValue)) {
	for _, s := range [...]ReceiverState{ReceiverUp, ReceiverDown, ReceiverThrottling, ReceiverRefusing} {
		observe(oneIf(a.receiver.State == s), attribute.String("wirespan.receiver.state", string(s)))
	}
}

func oneIf(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

var readings = []reading{
	{"otel.sdk.processor.span.processed", "{span}", "Spans that this process is done with.", counter, ofProcessor, processed},
	{"otel.sdk.processor.span.queue.size", "{span}", "Spans in memory.", upDown, ofProcessor, just(func(a *audit) uint64 { return a.Queued })},
	{
		"otel.sdk.processor.span.queue.capacity", "{span}", "Spans that fit into memory, at the average size of those so far.", upDown, ofProcessor,
		just(func(a *audit) uint64 { return a.capacity }),
	},
	{"otel.sdk.exporter.span.inflight", "{span}", "Spans that are being uploaded.", upDown, ofExporter, just(func(a *audit) uint64 { return a.flying })},
	{"otel.sdk.exporter.span.exported", "{span}", "Spans that the receiver has answered for.", counter, ofExporter, exported},

	{"wirespan.spans.ended", "{span}", "Spans that were to be exported.", counter, ofWirespan, just(func(a *audit) uint64 { return a.Made })},
	{"wirespan.spans.recovered", "{span}", "Spans that processes before this one left.", counter, ofWirespan, just(func(a *audit) uint64 { return a.Recovered })},
	{"wirespan.spans.acked", "{span}", "Spans that the receiver accepted.", counter, ofWirespan, just(func(a *audit) uint64 { return a.Exported })},
	{"wirespan.spans.retried", "{span}", "Spans of uploads that failed and are tried again.", counter, ofWirespan, just(func(a *audit) uint64 { return a.Retried })},
	{"wirespan.spans.dropped", "{span}", "Spans that were lost.", counter, ofWirespan, dropped},
	{"wirespan.queue.bytes", "By", "Spans in memory.", upDown, ofWirespan, just(func(a *audit) uint64 { return a.QueuedBytes })},
	{"wirespan.receiver.state", "1", "1 for the state that the receiver is in.", upDown, ofWirespan, receiverState},
	{
		"wirespan.receiver.upload.limit", "{upload}", "Uploads that may be under way at once.", gauge, ofWirespan,
		just(func(a *audit) uint64 { return uint64(a.receiver.Limit) }),
	},

	{"wirespan.spool.bytes", "By", "Files of the spool.", upDown, ofWirespan, stored(func(s *spool.Stats) uint64 { return uint64(s.Bytes) })},
	{"wirespan.spool.segments", "{segment}", "Files of the spool.", upDown, ofWirespan, stored(func(s *spool.Stats) uint64 { return uint64(s.Segments) })},
	{"wirespan.spool.frames", "{frame}", "Batches in the spool.", upDown, ofWirespan, stored(func(s *spool.Stats) uint64 { return s.Frames + s.UnreadFrames })},
	{"wirespan.spool.spans", "{span}", "Spans in the spool.", upDown, ofWirespan, stored(func(s *spool.Stats) uint64 { return s.Spans + s.Unread })},
	{
		"wirespan.spool.oldest_age", "s", "Age of the oldest span in the spool.", gauge, ofWirespan,
		stored(func(s *spool.Stats) uint64 { return uint64(max(s.OldestAge.Seconds(), 0)) }),
	},
	{"wirespan.spool.state", "1", "1 for the state that the spool is in.", upDown, ofWirespan, spoolState},
	{"wirespan.spool.errors", "{error}", "What the system refused.", counter, ofWirespan, spoolErrors},
	{
		"wirespan.spool.corrupt.spans", "{span}", "Spans that were damaged on the disk.", counter, ofWirespan,
		stored(func(s *spool.Stats) uint64 { return s.Dropped[spool.Corrupt] }),
	},
	{
		"wirespan.spool.corrupt.bytes", "By", "Bytes that were damaged on the disk, or not written to the end.", counter, ofWirespan,
		stored(func(s *spool.Stats) uint64 { return s.SkippedBytes + s.TornBytes }),
	},
	{
		"wirespan.spool.replayed.spans", "{span}", "Spans of the spool that the receiver accepted.", counter, ofWirespan,
		stored(func(s *spool.Stats) uint64 { return s.Acked }),
	},
	{"wirespan.spool.mapped.buffers", "{buffer}", "Files with copies of the spans in memory.", upDown, ofWirespan, stored(func(s *spool.Stats) uint64 { return uint64(s.ArenaBuffers) })},
	{"wirespan.spool.mapped.bytes", "By", "Files with copies of the spans in memory.", upDown, ofWirespan, stored(func(s *spool.Stats) uint64 { return uint64(s.ArenaBytes) })},
	{"wirespan.spool.mapped.missed", "{batch}", "Batches of which there were no copies for want of a file.", counter, ofWirespan, stored(func(s *spool.Stats) uint64 { return s.ArenaMissed })},
}
