package otelcollector

// DropReason says why a finished span was not exported. The list is closed. The values are those of the attribute
// error.type on the metric otel.sdk.processor.span.processed, where the conventions have one.
type DropReason string

const (
	// DroppedQueueFull: Config.MaxQueueBytes was reached, and there was no spool to take more.
	DroppedQueueFull DropReason = "queue_full"
	// DroppedAlreadyShutdown: the span ended after Shutdown.
	DroppedAlreadyShutdown DropReason = "already_shutdown"
	// DroppedTooLarge: the span alone would not fit in a request that receivers accept, or the receiver said so.
	DroppedTooLarge DropReason = "too_large"
	// DroppedInvalid: the receiver refused the request as malformed.
	DroppedInvalid DropReason = "invalid"
	// DroppedInternal: the receiver failed for good over the request, or its answer made no sense.
	DroppedInternal DropReason = "internal"
	// DroppedAuth: the receiver refused the credentials. After three times in a row one batch in thirty seconds is tried.
	DroppedAuth DropReason = "auth"
	// DroppedConfig: there is no such service at the endpoint. After three times in a row one batch in thirty seconds is tried.
	DroppedConfig DropReason = "config"
	// DroppedPoison: the batch failed again and again, while others were accepted.
	DroppedPoison DropReason = "poison"
	// DroppedShutdown: the deadline of Shutdown came first, and there was no spool to take the rest.
	DroppedShutdown DropReason = "shutdown"
	// DroppedSpoolFull: Config.SpoolMaxBytes was reached, or the disk is nearly full. The oldest go first.
	DroppedSpoolFull DropReason = "spool_full"
	// DroppedSpoolIO: the disk failed.
	DroppedSpoolIO DropReason = "spool_io"
	// DroppedTooOld: the spans were in the spool for longer than 48 hours.
	DroppedTooOld DropReason = "too_old"
	// DroppedCorrupt: what is in the spool is not what was written.
	DroppedCorrupt DropReason = "corrupt"
	// DroppedCrash: the spans were in the memory of a process that ended without Shutdown. The next process with the same
	// spool counts them.
	DroppedCrash DropReason = "crash"
)

// Stats counts spans. Made and Recovered together are always the sum of Exported, Rejected, all that is Dropped, Queued and
// Spooled.
type Stats struct {
	// Made counts the finished spans that were to be exported.
	Made uint64
	// Recovered counts the spans of processes before this one, which ended without having exported them: those that were
	// found in the spool, and those that are known to be lost.
	Recovered uint64
	// Exported counts those that the receiver accepted.
	Exported uint64
	// Rejected counts those that the receiver rejected while it accepted others of the same request.
	Rejected uint64
	// Dropped counts those that were given up, by reason. Reasons that did not occur are not in it.
	Dropped map[DropReason]uint64
	// Queued counts those that are in memory: in a worker's batch, waiting for an upload, or being uploaded.
	Queued uint64
	// QueuedBytes is the encoded size of what is in memory, be it in the spool as well or not.
	QueuedBytes uint64
	// Spooled counts those that are in the spool, be they in memory as well or not.
	Spooled uint64
	// SpooledBytes is the size of the files of the spool.
	SpooledBytes uint64
	// SpoolErr is why the spool takes nothing now, so that spans stay in memory; nil when it does, and without a spool.
	SpoolErr error
	// Retried counts spans of uploads that failed and are to be tried again, each time.
	Retried uint64

	unsent uint64 // those dropped for DroppedTooLarge that no receiver has seen
}

// TotalDropped adds up Dropped.
func (s Stats) TotalDropped() uint64 {
	var n uint64
	for _, d := range s.Dropped {
		n += d
	}
	return n
}
