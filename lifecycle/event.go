package lifecycle

// Event is one of the pointer types of this package: [*ConnectionOpened], [*RequestStarted],
// [*StreamOpened], [*StreamClosed], [*ResponseCompleted], [*RequestFailed], [*ClientDisconnected],
// [*ConnectionCompleted], [*ConnectionRejected], [*TLSHandshakeFailed]. No other package can add one.
//
// The emitter owns and reuses what the pointer refers to: an event, and each string reached through it, is
// valid until Record returns. Clone returns a copy that is the caller's own. What may be kept without Clone says so,
// and the values of the small fixed sets, such as [Reason], Protocol, Network and Code, may be kept as well.
type Event interface {
	// Name returns the name of the event's type, such as "RequestStarted".
	Name() string
	// When returns the event's Stamp.
	When() Stamp
	// Clone returns a deep copy, header fields included.
	Clone() Event

	sealed()
}

// Stamp says where and when an event happened. Every event carries one.
type Stamp struct {
	// ConnectionID comes from [NextConnectionID].
	ConnectionID uint64
	// WorkerID is the index of the worker that accepted the connection, from 0.
	WorkerID int
	// TimestampNS is the reading of [MonotonicNS] at the event.
	TimestampNS int64
}

// When returns s itself: it makes each type that embeds a Stamp an [Event]'s half.
func (s Stamp) When() Stamp { return s }

func (Stamp) sealed() {}
