package spool

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// Ledger is a page of counters that outlives the process: the kernel keeps it, so a process that is killed at any
// instruction has counted all that it finished. Whoever adopts what it left counts what is missing as dropped for Crash, and has
// it in a ledger of its own until Stats has told of it.
//
// It does not outlive a loss of power, nor a process whose disk took no ledger when it started: there it is plain memory.
type Ledger struct {
	slots *[ledgerSlots]Counts
}

// Counts are counters of spans. Those that are neither acknowledged, nor dropped, nor spooled are in memory, and lost
// when the process is. What is spooled is accounted for by the spool from then on: its spans are in no other counter.
type Counts struct {
	Ended   atomic.Uint64
	Acked   atomic.Uint64
	Dropped atomic.Uint64
	Spooled atomic.Uint64 // the spool counts these itself

	_ [4]uint64 // a cache line for each worker
}

const (
	ledgerSize  = 4096
	ledgerHead  = 64
	countsSize  = 64
	ledgerSlots = (ledgerSize - ledgerHead) / countsSize
	ledgerMagic = 0x3152454744454c57 // "WLEDGER1"
)

var _ [countsSize]byte = [unsafe.Sizeof(Counts{})]byte{}

// newLedger makes the ledger of a process. When err is not nil, it is in plain memory.
func newLedger(files fileSystem, path string) (*Ledger, error) {
	page, err := files.shareMemory(path, ledgerSize)
	if err != nil {
		return &Ledger{slots: new([ledgerSlots]Counts)}, err
	}
	binary.NativeEndian.PutUint64(page, ledgerMagic)
	return &Ledger{slots: (*[ledgerSlots]Counts)(unsafe.Pointer(&page[ledgerHead]))}, nil
}

// Slot returns the counters of a worker. Workers may share a slot; what matters is the sum over all. They may
// be used for ever: the page stays, also when the spool is closed, because nobody could tell when the last worker is done.
func (l *Ledger) Slot(worker int) *Counts { return &l.slots[uint(worker)%ledgerSlots] }

// reckon returns how many spans a dead process had in its memory, by what is left of its ledger. False: that cannot be.
func reckon(page []byte) (lost uint64, ok bool) {
	const most = 1 << 32 // spans never fit into a memory
	if len(page) != ledgerSize || binary.NativeEndian.Uint64(page) != ledgerMagic {
		return 0, false
	}
	var ended, elsewhere uint64
	for b := page[ledgerHead:]; len(b) > 0; b = b[countsSize:] {
		ended += binary.NativeEndian.Uint64(b)
		for i := 8; i < 32; i += 8 {
			elsewhere += binary.NativeEndian.Uint64(b[i:])
		}
	}
	// A span is first counted as ended, so the others can only be more where bytes are wrong.
	lost = ended - elsewhere
	return lost, lost < most
}
