package otelcollector

// DropReason says why a finished span was not exported. The values are those of the attribute error.type on the
// metric otel.sdk.processor.span.processed, where the conventions have one.
type DropReason string

const (
	// DroppedQueueFull: Config.MaxQueueBytes was reached.
	DroppedQueueFull DropReason = "queue_full"
	// DroppedAlreadyShutdown: the span ended after Shutdown.
	DroppedAlreadyShutdown DropReason = "already_shutdown"
	// DroppedTooLarge: the span alone would not fit in a request that receivers accept.
	DroppedTooLarge DropReason = "too_large"
	// DroppedExportFailed: the receiver refused the request for good.
	DroppedExportFailed DropReason = "export_failed"
	// DroppedRetriesExhausted: the receiver could not be reached, or would not take the request yet, for too long.
	DroppedRetriesExhausted DropReason = "retries_exhausted"
	// DroppedShutdown: the deadline of Shutdown came first.
	DroppedShutdown DropReason = "shutdown"
)

// Stats counts spans. Made is always the sum of Exported, Rejected, all that is Dropped, and Queued.
type Stats struct {
	// Made counts the finished spans that were to be exported.
	Made uint64
	// Exported counts those that the receiver accepted.
	Exported uint64
	// Rejected counts those that the receiver rejected while it accepted others of the same request.
	Rejected uint64
	// Dropped counts those that were given up, by reason. Reasons that did not occur are not in it.
	Dropped map[DropReason]uint64
	// Queued counts those that are in a worker's batch, wait for an upload, or are being uploaded.
	Queued uint64
	// QueuedBytes is the encoded size of those.
	QueuedBytes uint64
}

// TotalDropped adds up Dropped.
func (s Stats) TotalDropped() uint64 {
	var n uint64
	for _, d := range s.Dropped {
		n += d
	}
	return n
}
