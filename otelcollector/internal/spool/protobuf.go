package spool

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// kind is what is known of the bytes of a protobuf field.
type kind uint8

const (
	unknown kind = iota // anything
	text                // a string, which has to be valid UTF-8
	spanMessage
	eventMessage
	linkMessage
	statusMessage
	keyValueMessage
	anyValueMessage
	arrayMessage
	keyValueListMessage

	kinds = iota
)

// fields says what the fields of opentelemetry.proto.trace.v1.Span are, and those of the messages in it: by message and
// number. What is not in it is neither a message nor a string.
var fields = [kinds][16]kind{
	spanMessage: {
		3: text, 5: text, 9: keyValueMessage, 11: eventMessage, 13: linkMessage, 15: statusMessage,
	},
	eventMessage:        {2: text, 3: keyValueMessage},
	linkMessage:         {3: text, 4: keyValueMessage},
	statusMessage:       {2: text},
	keyValueMessage:     {1: text, 2: anyValueMessage},
	anyValueMessage:     {1: text, 5: arrayMessage, 6: keyValueListMessage},
	arrayMessage:        {1: anyValueMessage},
	keyValueListMessage: {1: keyValueMessage},
}

// spanField is the number of spans in a ScopeSpans, and of ScopeSpans in a ResourceSpans; endField that of the time when
// a span ended.
const (
	spanField  = 2
	scopeField = 2
	endField   = 8
)

// maxDepth is how deep messages may nest: values may, but ours do not.
const maxDepth = 100

// wellFormed reports whether a receiver can decode b. One that cannot refuses the whole request, for one span in it.
func wellFormed(b []byte, k kind, depth int) bool {
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 || !number.IsValid() {
			return false
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(number, wire, b); n < 0 {
			return false
		}
		if wire == protowire.BytesType && int(number) < len(fields[k]) {
			v, _ := protowire.ConsumeBytes(b)
			switch inner := fields[k][number]; {
			case inner == text && !utf8.Valid(v):
				return false
			case inner > text && (depth == 0 || !wellFormed(v, inner, depth-1)):
				return false
			}
		}
		b = b[n:]
	}
	return true
}

// endOf returns when a span ended, Unix time in nanoseconds; 0 when it does not say. The span has to be well-formed.
func endOf(span []byte) int64 {
	end := int64(0)
	for len(span) > 0 {
		number, wire, n := protowire.ConsumeTag(span)
		span = span[n:]
		if number == endField && wire == protowire.Fixed64Type {
			v, _ := protowire.ConsumeFixed64(span)
			end = int64(v)
		}
		span = span[protowire.ConsumeFieldValue(number, wire, span):]
	}
	return end
}
