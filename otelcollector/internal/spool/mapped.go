package spool

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// Sizes and places in a file of an arena. See doc.go for the layout.
const (
	mappedHead  = 64
	publishedAt = 48
	pageSize    = 4096

	mappedMagic = 0x31414e4552415357 // "WSARENA1"
)

// Bounds of such a file: with what stands before the spans, they fit into a payload.
const (
	maxHeads  = 64 << 10
	maxMapped = MaxPayload - maxHeads - 2*protowireField
	leastSpan = 2 // bytes: its tag and its length

	protowireField = 1 + 4 // bytes around a part of a payload: tag and length
)

// mappedHeader is the head of a file of an arena.
type mappedHeader struct {
	since    int64  // when the buffer was taken, Unix time in nanoseconds
	resource []byte // a ResourceSpans without spans
	scope    []byte // a ScopeSpans without spans
	data     uint32 // where the spans begin, a multiple of pageSize

	state    state
	attempts uint8
	length   uint32 // published bytes
	spans    uint32 // published spans
}

// put writes the head to the beginning of b, but for what is published. The salt is that of the file's name.
func (h *mappedHeader) put(b []byte, salt uint32) {
	binary.LittleEndian.PutUint64(b, mappedMagic)
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	binary.LittleEndian.PutUint64(b[16:], uint64(h.since))
	binary.LittleEndian.PutUint32(b[24:], uint32(len(h.resource)))
	binary.LittleEndian.PutUint32(b[28:], uint32(len(h.scope)))
	binary.LittleEndian.PutUint32(b[32:], h.data)
	b[stateOffset], b[attemptsOffset] = byte(pending), 0
	n := copy(b[mappedHead:], h.resource)
	n += copy(b[mappedHead+n:], h.scope)
	binary.LittleEndian.PutUint32(b[12:], mappedSum(b, b[mappedHead:mappedHead+n], salt))
}

// mappedSum is the CRC of a head, but for what changes after it was written, and of what is before the spans.
func mappedSum(b, before []byte, salt uint32) uint32 {
	sum := crc32.Update(salt, castagnoli, b[8:12])
	return crc32.Update(crc32.Update(sum, castagnoli, b[16:stateOffset]), castagnoli, before)
}

// readMapped reads the head of a file of an arena. When it is damaged, data is 0, and what is published is still believed,
// if it can be.
func readMapped(r io.ReaderAt, size int64, salt uint32) (h mappedHeader, v verdict, blank bool, err error) {
	b := make([]byte, mappedHead)
	if size < mappedHead {
		return h, damaged, true, nil
	}
	if err := readFull(r, b, 0); err != nil {
		return h, damaged, false, err
	}
	if magic := binary.LittleEndian.Uint64(b); magic != mappedMagic {
		return h, damaged, magic == 0, nil
	}
	word := binary.NativeEndian.Uint64(b[publishedAt:])
	h.length, h.spans = uint32(word), uint32(word>>32)
	if int64(h.length) > min(size, maxMapped) || uint64(h.spans)*leastSpan > uint64(h.length) {
		h.length, h.spans = 0, 0
	}
	if h.state = state(b[stateOffset]); !h.state.final() {
		h.state = pending
	}
	h.attempts = b[attemptsOffset]
	h.since = int64(binary.LittleEndian.Uint64(b[16:]))
	resource, scope := binary.LittleEndian.Uint32(b[24:]), binary.LittleEndian.Uint32(b[28:])
	data, heads := int64(binary.LittleEndian.Uint32(b[32:])), uint64(resource)+uint64(scope)
	if heads > maxHeads || data < mappedHead+int64(heads) || data > size {
		return h, ours, false, nil
	}
	before := make([]byte, heads)
	if err := readFull(r, before, mappedHead); err != nil {
		return h, ours, false, err
	}
	if binary.LittleEndian.Uint32(b[12:]) != mappedSum(b, before, salt) {
		return h, ours, false, nil
	}
	if binary.LittleEndian.Uint32(b[8:]) != formatVersion {
		return h, newer, false, nil
	}
	h.data = uint32(data)
	h.resource, h.scope = before[:resource], before[resource:]
	return h, ours, false, nil
}

// glanceMapped reads only the head of a file of an arena, for the books: it is a segment that has one frame.
func glanceMapped(r io.ReaderAt, size int64, salt uint32) (found, mappedHeader, error) {
	h, v, blank, err := readMapped(r, size, salt)
	f := found{verdict: v, blank: blank, end: size}
	if v == newer || h.spans == 0 {
		return f, h, err
	}
	f.sealed = true // the books are known, and what is in it is read when its turn comes
	f.footer = footer{frames: 1, spans: uint64(h.spans), first: h.since, last: h.since}
	return f, h, err
}

// scanMapped reads a file of an arena. Spans that were published and are not well-formed are missing.
func scanMapped(r io.ReaderAt, size int64, salt uint32) (found, error) {
	f, h, err := glanceMapped(r, size, salt)
	if err != nil || !f.sealed || h.state.final() {
		return f, err
	}
	s, err := h.salvage(r, size)
	if err != nil {
		return f, err
	}
	if s.spans > 0 {
		f.footer.first, f.footer.last = s.first, s.last
		f.frames = []located{{head: head{
			payload: uint32(len(s.payload)), spans: s.spans, first: s.first, last: s.last,
			ordinal: 1<<63 | uint64(salt), // that of no other frame
			sum:     crc32.Checksum(s.payload, castagnoli), state: pending, attempts: h.attempts,
		}}}
	}
	f.missing = uint64(h.spans - min(s.spans, h.spans))
	f.skipped = int64(h.length) - s.good
	return f, nil
}

// salvaged is what a file of an arena makes.
type salvaged struct {
	payload     []byte // a ResourceSpans
	spans       uint32
	good        int64 // bytes of them
	first, last int64 // as in head
}

// salvage makes a payload of the spans that are published and well-formed.
func (h *mappedHeader) salvage(r io.ReaderAt, size int64) (salvaged, error) {
	var s salvaged
	if h.data == 0 { // its head is damaged: nobody knows whose spans these are
		return s, nil
	}
	b := make([]byte, max(min(int64(h.length), size-int64(h.data)), 0))
	if err := readFull(r, b, int64(h.data)); err != nil {
		return s, err
	}
	spans := b[:0] // the good ones move to the front
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 || number != spanField || wire != protowire.BytesType {
			break // where the next one begins is not known
		}
		span, m := protowire.ConsumeBytes(b[n:])
		if m < 0 {
			break
		}
		if wellFormed(span, spanMessage, maxDepth) {
			s.add(endOf(span))
			spans = append(spans, b[:n+m]...)
		}
		b = b[n+m:]
	}
	s.good = int64(len(spans))
	s.payload = protowire.AppendTag(append([]byte(nil), h.resource...), scopeField, protowire.BytesType)
	s.payload = protowire.AppendVarint(s.payload, uint64(len(h.scope)+len(spans)))
	s.payload = append(append(s.payload, h.scope...), spans...)
	return s, nil
}

// add counts a span.
func (s *salvaged) add(end int64) {
	if s.spans == 0 || end < s.first {
		s.first = end
	}
	if s.spans == 0 || end > s.last {
		s.last = end
	}
	s.spans++
}

// mappedFile is a file of an arena to who reads it as a segment of one frame, at 0. State and attempts of that are where those of
// every frame are; its payload is made anew each time.
type mappedFile struct {
	file
	salt uint32
}

func (f mappedFile) ReadAt(p []byte, at int64) (int, error) {
	size, err := f.size()
	if err != nil {
		return 0, err
	}
	h, _, _, err := readMapped(f.file, size, f.salt)
	if err != nil {
		return 0, err
	}
	s, err := h.salvage(f.file, size)
	if err != nil {
		return 0, err
	}
	if at -= frameSize; at < 0 || at > int64(len(s.payload)) {
		return 0, io.EOF
	}
	n := copy(p, s.payload[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
