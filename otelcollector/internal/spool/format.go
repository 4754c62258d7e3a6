package spool

import (
	"encoding/binary"
	"hash/crc32"
)

// Sizes of the format, in bytes. See doc.go for the layout.
const (
	headerSize = 64
	frameSize  = 48 // of a frame's head, and of a footer
	alignment  = 8

	// MaxPayload is the most that one frame carries. It is checked before memory is allocated for a payload.
	MaxPayload = 4 << 20
	// maxSpans is the most spans that a frame may say it has.
	maxSpans = 4 << 20
	// maxSegment is the size from which on a file cannot be a segment: reading it would only take time.
	maxSegment = 64 << 20
)

const (
	segmentMagic  = 0x314c4f4f50535357 // "WSSPOOL1"
	frameMagic    = 0x4d524657         // "WFRM"
	footerMagic   = 0x444e4557         // "WEND"
	formatVersion = 1
)

// Where the two bytes of a frame's head are that change in place. They are outside of its checksum.
const (
	stateOffset    = 46
	attemptsOffset = 47
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// instanceID names a process that spools, and with it its directory.
type instanceID [16]byte

// state is what became of a frame. Every other value found on a disk means pending: that costs a duplicate at most.
type state uint8

const (
	pending state = 0xFF
	acked   state = 1
	dropped state = 2
	dead    state = 3
)

func (s state) final() bool { return s == acked || s == dropped || s == dead }

// Encoding says what a payload is.
type Encoding uint8

const (
	// Identity: the bytes as they are.
	Identity Encoding = 0
	// Gzip: compressed, to be sent with that content encoding.
	Gzip Encoding = 1
)

// header is the head of a segment.
type header struct {
	instance instanceID
	number   uint64 // of the segment in its instance, and in its file name
	created  int64  // Unix time in nanoseconds; for people
	resource uint64 // hash of the resource that made the spans
	first    uint64 // ordinal of the first span in it
}

func (h *header) append(dst []byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, segmentMagic)
	dst = binary.LittleEndian.AppendUint32(dst, formatVersion)
	dst = append(dst, 0, 0, 0, 0) // the checksum
	dst = append(dst, h.instance[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, h.number)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.created))
	dst = binary.LittleEndian.AppendUint64(dst, h.resource)
	dst = binary.LittleEndian.AppendUint64(dst, h.first)
	binary.LittleEndian.PutUint32(dst[start+12:], headerSum(dst[start:]))
	return dst
}

func headerSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:12], castagnoli), castagnoli, b[16:headerSize])
}

// verdict says what the head of a file makes of it.
type verdict int

const (
	ours    verdict = iota // a segment of this version
	damaged                // no head that can be trusted
	newer                  // a segment of another version: not ours to touch
)

// parseHeader reads the head of a segment; b has headerSize bytes.
func parseHeader(b []byte) (header, verdict) {
	var h header
	if binary.LittleEndian.Uint64(b) != segmentMagic || binary.LittleEndian.Uint32(b[12:]) != headerSum(b) {
		return h, damaged
	}
	if binary.LittleEndian.Uint32(b[8:]) != formatVersion {
		return h, newer
	}
	copy(h.instance[:], b[16:])
	h.number = binary.LittleEndian.Uint64(b[32:])
	h.created = int64(binary.LittleEndian.Uint64(b[40:]))
	h.resource = binary.LittleEndian.Uint64(b[48:])
	h.first = binary.LittleEndian.Uint64(b[56:])
	return h, ours
}

// salt is where the checksums of a segment's frames begin. What a client puts into its URL ends up in a payload; the salt is
// why that can never be taken for a frame when a damaged segment is searched for the next one.
func salt(id instanceID, number uint64) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(id[:len(id):len(id)], number), castagnoli)
}

// head is the head of a frame.
type head struct {
	payload  uint32 // bytes
	spans    uint32
	ordinal  uint64 // of the first span, in the instance: a gap is the number of spans that are missing
	first    int64  // end of the span that ended first, Unix time in nanoseconds
	last     int64  // and of the one that ended last
	sum      uint32 // CRC-32C of the payload
	encoding Encoding
	state    state
	attempts uint8
}

// size returns how many bytes the whole frame takes.
func (h *head) size() int64 { return frameSize + aligned(int64(h.payload)) }

// aligned rounds n up to where a frame may begin.
func aligned(n int64) int64 { return (n + alignment - 1) &^ (alignment - 1) }

// put writes the head to the first frameSize bytes of b.
func (h *head) put(b []byte, salt uint32) {
	binary.LittleEndian.PutUint32(b, frameMagic)
	binary.LittleEndian.PutUint32(b[8:], h.payload)
	binary.LittleEndian.PutUint32(b[12:], h.spans)
	binary.LittleEndian.PutUint64(b[16:], h.ordinal)
	binary.LittleEndian.PutUint64(b[24:], uint64(h.first))
	binary.LittleEndian.PutUint64(b[32:], uint64(h.last))
	binary.LittleEndian.PutUint32(b[40:], h.sum)
	b[44], b[45] = byte(h.encoding), 0
	b[stateOffset], b[attemptsOffset] = byte(h.state), h.attempts
	binary.LittleEndian.PutUint32(b[4:], crc32.Update(salt, castagnoli, b[8:stateOffset]))
}

// parseHead reads the head of a frame; b has frameSize bytes. False: there is none, or none that can be true.
func parseHead(b []byte, salt uint32) (head, bool) {
	if binary.LittleEndian.Uint32(b) != frameMagic ||
		binary.LittleEndian.Uint32(b[4:]) != crc32.Update(salt, castagnoli, b[8:stateOffset]) {
		return head{}, false
	}
	h := head{
		payload: binary.LittleEndian.Uint32(b[8:]), spans: binary.LittleEndian.Uint32(b[12:]),
		ordinal: binary.LittleEndian.Uint64(b[16:]),
		first:   int64(binary.LittleEndian.Uint64(b[24:])), last: int64(binary.LittleEndian.Uint64(b[32:])),
		sum: binary.LittleEndian.Uint32(b[40:]), encoding: Encoding(b[44]),
		state: state(b[stateOffset]), attempts: b[attemptsOffset],
	}
	if !h.state.final() {
		h.state = pending
	}
	return h, h.payload <= MaxPayload && h.spans <= maxSpans
}

// footer ends a sealed segment. It says of all frames together what is asked about a segment that is not being read.
type footer struct {
	frames uint32
	spans  uint64
	first  int64  // as in head, of all frames
	last   int64  //
	end    uint64 // ordinal of the span after the last
}

func (f *footer) append(dst []byte, salt uint32) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, footerMagic)
	dst = append(dst, 0, 0, 0, 0) // the checksum
	dst = binary.LittleEndian.AppendUint32(dst, f.frames)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, f.spans)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(f.first))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(f.last))
	dst = binary.LittleEndian.AppendUint64(dst, f.end)
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Update(salt, castagnoli, dst[start+8:]))
	return dst
}

// parseFooter reads a footer; b has frameSize bytes. False: there is none.
func parseFooter(b []byte, salt uint32) (footer, bool) {
	if binary.LittleEndian.Uint32(b) != footerMagic ||
		binary.LittleEndian.Uint32(b[4:]) != crc32.Update(salt, castagnoli, b[8:frameSize]) {
		return footer{}, false
	}
	return footer{
		frames: binary.LittleEndian.Uint32(b[8:]),
		spans:  binary.LittleEndian.Uint64(b[16:]),
		first:  int64(binary.LittleEndian.Uint64(b[24:])), last: int64(binary.LittleEndian.Uint64(b[32:])),
		end: binary.LittleEndian.Uint64(b[40:]),
	}, true
}

// add counts a frame.
func (f *footer) add(h *head) {
	if f.frames == 0 || h.first < f.first {
		f.first = h.first
	}
	if f.frames == 0 || h.last > f.last {
		f.last = h.last
	}
	f.frames++
	f.spans += uint64(h.spans)
	f.end = h.ordinal + uint64(h.spans)
}
