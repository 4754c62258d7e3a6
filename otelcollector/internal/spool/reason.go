package spool

import "errors"

// Reason says why spans were given up. The list is closed.
type Reason uint8

// The reasons, by the name that they have in metrics.
const (
	QueueFull Reason = iota
	SpoolFull
	SpoolIO
	TooOld
	Corrupt
	Rejected
	Invalid
	TooLarge
	Internal
	Auth
	Config
	Poison
	Shutdown
	Crash

	reasons = iota
)

var reasonNames = [reasons]string{
	"queue_full", "spool_full", "spool_io", "too_old", "corrupt", "rejected", "invalid", "too_large", "internal", "auth",
	"config", "poison", "shutdown", "crash",
}

func (r Reason) String() string { return reasonNames[r] }

// Dropped counts spans by Reason.
type Dropped [reasons]uint64

// Total adds up all reasons.
func (d Dropped) Total() uint64 {
	var n uint64
	for _, spans := range d {
		n += spans
	}
	return n
}

// ReasonOf returns what a batch was dropped for, if it is dropped because Append failed with err.
func ReasonOf(err error) Reason {
	switch {
	case errors.Is(err, ErrFull):
		return SpoolFull
	case errors.Is(err, ErrTooLarge):
		return TooLarge
	case errors.Is(err, ErrClosed):
		return Shutdown
	default:
		return SpoolIO
	}
}
