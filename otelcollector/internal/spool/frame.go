package spool

import (
	"hash/crc32"
	"time"
)

// Batch is what is spooled: one request of finished spans.
type Batch struct {
	Payload     []byte // copied
	Spans       int
	First, Last time.Time // end of the span that ended first, and of the one that ended last
	Encoding    Encoding
	// Buffers have copies of these spans. Append resets them once the batch is written.
	Buffers []*Buffer
}

// Frame is a batch in the spool. It is held by whoever got it from Append or Next, until he settles it by Ack, Drop or Kill,
// or gives it back by Release or Retry. Only the holder may use it.
type Frame struct {
	head
	at      int64    // where it begins in its segment
	segment *segment // nil: in none now, see Spool.homeless

	id    FrameID
	bytes []byte // all of it, until it is synced; nil from then on
	held  bool   // somebody has it

	// When the file it was in could not be synced: the copy there, which is the only one on the disk until this frame is synced.
	old       *Frame
	copy      bool // this is such a copy
	unwritten bool // its state on the disk is not the one it has
	unread    int  // times that reading failed
}

// Spans returns how many spans are in it.
func (f *Frame) Spans() int { return int(f.spans) }

// Size returns how many bytes its payload has.
func (f *Frame) Size() int { return int(f.payload) }

// FrameID tells the frames of a spool apart, adopted ones too.
type FrameID struct {
	segment uint64 // its rank
	at      int64
}

// ID returns where it was when it was handed out. It has another ID later when it had to be written anew meanwhile.
func (f *Frame) ID() FrameID { return f.id }

// handOutLocked gives it to somebody.
func (f *Frame) handOutLocked() {
	f.held = true
	if f.segment != nil {
		f.id = FrameID{f.segment.rank, f.at}
	}
}

// Encoding returns what its payload is.
func (f *Frame) Encoding() Encoding { return f.encoding }

// Attempts returns how often it was given back by Retry, in this process and those before; 255 stands for more, too.
func (f *Frame) Attempts() int { return int(f.attempts) }

// FirstEnd returns when the first of its spans ended.
func (f *Frame) FirstEnd() time.Time { return time.Unix(0, f.first) }

// LastEnd returns when the last of its spans ended.
func (f *Frame) LastEnd() time.Time { return time.Unix(0, f.last) }

func newFrame(b *Batch) *Frame {
	f := &Frame{head: head{
		payload: uint32(len(b.Payload)), spans: uint32(b.Spans),
		first: b.First.UnixNano(), last: b.Last.UnixNano(),
		sum: crc32.Checksum(b.Payload, castagnoli), encoding: b.Encoding, state: pending,
	}}
	f.bytes = make([]byte, f.size())
	copy(f.bytes[frameSize:], b.Payload)
	return f
}
