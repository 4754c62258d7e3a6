package otlp

import "google.golang.org/protobuf/encoding/protowire"

// Field is the tag byte of a length-delimited field: which field of which message is appended.
type Field byte

// The fields that hold what this package encodes.
const (
	ScopeSpansSpan    Field = 2<<3 | Field(protowire.BytesType)
	SpanAttribute     Field = 9<<3 | Field(protowire.BytesType)
	EventAttribute    Field = 3<<3 | Field(protowire.BytesType)
	LinkAttribute     Field = 4<<3 | Field(protowire.BytesType)
	ResourceAttribute Field = 1<<3 | Field(protowire.BytesType)
	ScopeAttribute    Field = 3<<3 | Field(protowire.BytesType)

	spanEvent  Field = 11<<3 | Field(protowire.BytesType)
	spanLink   Field = 13<<3 | Field(protowire.BytesType)
	spanStatus Field = 15<<3 | Field(protowire.BytesType)
)

// guess is the room that Open leaves for a length: spans are between 128 and 16,383 bytes long.
const guess = 2

// Open begins a message whose length is not known yet. Append its fields and pass the returned mark to [Close].
// Messages may nest.
func Open(dst []byte, f Field) (_ []byte, mark int) {
	return append(dst, byte(f), 0, 0), len(dst) + 1
}

// Close ends the message that [Open] began: it writes its length, and moves its bytes if the length takes more or
// less room than most.
func Close(dst []byte, mark int) []byte {
	body := mark + guess
	n := len(dst) - body
	switch size := protowire.SizeVarint(uint64(n)); {
	case size < guess:
		dst = dst[:mark+size+copy(dst[mark+size:], dst[body:])]
	case size > guess:
		for range size - guess {
			dst = append(dst, 0)
		}
		copy(dst[mark+size:], dst[body:body+n])
	}
	protowire.AppendVarint(dst[:mark], uint64(n))
	return dst
}
