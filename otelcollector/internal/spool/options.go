package spool

import (
	"errors"
	"fmt"
	"time"
)

// Options say how to spool. All but Dir may be left out.
type Options struct {
	// Dir is where the instances are, of all processes that share the spool. It is made when there is none; what it is in has
	// to be there. Payloads hold what clients sent, so it must be closed to others. There is no default.
	Dir string
	// SegmentBytes is the size at which a segment is sealed. 0: 16 MiB, or a quarter of MaxBytes when that is less. At most 32 MiB.
	SegmentBytes int64
	// MaxBytes bounds the files of this process, and those that it has adopted. 0: 1 GiB. At least two segments.
	MaxBytes int64
	// MinFree is the part of the file system that is left free, looked at before each segment. 0: a tenth; negative: none.
	MinFree float64
	// MaxAge is how long a span is worth sending. 0: 48 hours; negative: for ever.
	MaxAge time.Duration
	// WhenFull says whose spans go.
	WhenFull Policy
	// Sync says when what was appended is safe from a loss of power.
	Sync SyncMode
	// SyncEvery and SyncBytes are after how long and after how much a group is synced. 0: a second, 8 MiB.
	SyncEvery time.Duration
	SyncBytes int64
	// DeadBytes is how much to keep of what no receiver took, for people to look at; the oldest go first. 0: nothing.
	DeadBytes int64
	// Arena has the process keep copies of spans that are not in the spool yet, too. May be nil.
	Arena *ArenaOptions
	// Resource is a hash of the resource whose spans these are; it is written into the segments.
	Resource uint64
	// Observe is told how long a write and a sync took, and how they ended. It may be called by several goroutines at once
	// and must not call the spool. May be nil.
	Observe func(op Op, took time.Duration, err error)

	files fileSystem       // nil: the system's
	wall  func() time.Time // nil: time.Now
}

// Policy says whose spans go when there is no room.
type Policy uint8

const (
	// DropOldest removes the oldest segment.
	DropOldest Policy = iota
	// DropNewest has Append fail with ErrFull.
	DropNewest
)

// SyncMode says when to sync.
type SyncMode uint8

const (
	// SyncGroup syncs after a while, or when enough has come together.
	SyncGroup SyncMode = iota
	// SyncAlways syncs before Append returns.
	SyncAlways
	// SyncNever leaves it to the system.
	SyncNever
)

// Op names what is done to files, in Observe and in Stats.
type Op string

// The operations.
const (
	OpWrite  Op = "write"
	OpRead   Op = "read"
	OpSync   Op = "sync"
	OpCreate Op = "create"
	OpRemove Op = "remove"
	OpState  Op = "state" // the byte that says what became of a frame
	OpAdopt  Op = "adopt"
	OpLedger Op = "ledger"
	OpDead   Op = "dead"
	OpArena  Op = "arena"
)

const maxSegmentTarget = 32 << 20 // a frame may go beyond the target, and maxSegment has to hold both

// withDefaults returns the options with everything filled in, or says which does not make sense.
func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("no directory is given, and there is no default")
	}
	o.MaxBytes = valueOr(o.MaxBytes, 1<<30)
	o.SegmentBytes = valueOr(o.SegmentBytes, min(16<<20, o.MaxBytes/4))
	o.SyncBytes = valueOr(o.SyncBytes, 8<<20)
	o.SyncEvery = valueOr(o.SyncEvery, time.Second)
	o.MaxAge = valueOr(o.MaxAge, 48*time.Hour)
	o.MinFree = valueOr(o.MinFree, 0.1)
	if o.wall == nil {
		o.wall = time.Now
	}
	switch {
	case o.MaxBytes < 0 || o.SegmentBytes < 0 || o.SyncBytes < 0 || o.SyncEvery < 0 || o.DeadBytes < 0:
		return o, errors.New("a size or an interval is negative")
	case o.SegmentBytes > maxSegmentTarget:
		return o, fmt.Errorf("segments of %d bytes are larger than %d", o.SegmentBytes, maxSegmentTarget)
	case o.MaxBytes < 2*o.SegmentBytes:
		return o, fmt.Errorf("%d bytes in all do not hold two segments of %d", o.MaxBytes, o.SegmentBytes)
	case o.MinFree >= 1:
		return o, fmt.Errorf("a free part of %v leaves nothing for the spool", o.MinFree)
	}
	if o.Arena != nil {
		arena, err := o.Arena.withDefaults()
		if err != nil {
			return o, fmt.Errorf("arena: %w", err)
		}
		o.Arena = &arena
	}
	if o.files == nil {
		files, err := systemFiles()
		if err != nil {
			return o, err
		}
		o.files = files
	}
	return o, nil
}

func valueOr[T int | int64 | float64 | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}
