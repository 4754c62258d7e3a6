package otlp

import (
	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/protobuf/encoding/protowire"
)

// Kind is Span.SpanKind.
type Kind byte

// The kinds, with their numbers on the wire.
const (
	KindInternal Kind = 1
	KindServer   Kind = 2
	KindClient   Kind = 3
	KindProducer Kind = 4
	KindConsumer Kind = 5
)

// StatusCode is Status.StatusCode.
type StatusCode byte

// The status codes, with their numbers on the wire.
const (
	StatusUnset StatusCode = 0
	StatusOK    StatusCode = 1
	StatusError StatusCode = 2
)

// Bits of Span.flags and Link.flags above the trace flags of W3C Trace Context.
const (
	flagHasIsRemote = 0x100
	flagIsRemote    = 0x200
)

// Tag bytes of the fields of Span. The tag of flags has two bytes, which is why it is not here.
const (
	spanTraceID       = 1<<3 | byte(protowire.BytesType)
	spanSpanID        = 2<<3 | byte(protowire.BytesType)
	spanTraceState    = 3<<3 | byte(protowire.BytesType)
	spanParentSpanID  = 4<<3 | byte(protowire.BytesType)
	spanName          = 5<<3 | byte(protowire.BytesType)
	spanKind          = 6<<3 | byte(protowire.VarintType)
	spanStart         = 7<<3 | byte(protowire.Fixed64Type)
	spanEnd           = 8<<3 | byte(protowire.Fixed64Type)
	spanDroppedAttrs  = 10<<3 | byte(protowire.VarintType)
	spanDroppedEvents = 12<<3 | byte(protowire.VarintType)
	spanDroppedLinks  = 14<<3 | byte(protowire.VarintType)
	spanFlags         = protowire.Number(16)
)

// Head is what each span has once.
type Head struct {
	TraceID [16]byte
	SpanID  [8]byte
	// ParentSpanID is zero for a root.
	ParentSpanID [8]byte
	// ParentIsRemote says whether the parent belongs to another process.
	ParentIsRemote bool
	// TraceFlags are those of W3C Trace Context.
	TraceFlags byte
	TraceState string
	// Name and Target make the name of the span: with a space between them when Target is not empty.
	Name, Target string
	Kind         Kind
	// StartNS and EndNS are in nanoseconds since 1970.
	StartNS, EndNS int64
}

// AppendHead appends the fields of h.
func AppendHead(dst []byte, h *Head) []byte {
	dst = append(dst, spanTraceID, 16)
	dst = append(dst, h.TraceID[:]...)
	dst = append(dst, spanSpanID, 8)
	dst = append(dst, h.SpanID[:]...)
	if h.TraceState != "" {
		dst = appendString(dst, Field(spanTraceState), h.TraceState)
	}
	if h.ParentSpanID != [8]byte{} {
		dst = append(dst, spanParentSpanID, 8)
		dst = append(dst, h.ParentSpanID[:]...)
	}
	dst = appendName(dst, h.Name, h.Target)
	dst = append(dst, spanKind, byte(h.Kind))
	dst = protowire.AppendFixed64(append(dst, spanStart), uint64(max(h.StartNS, 0)))
	dst = protowire.AppendFixed64(append(dst, spanEnd), uint64(max(h.EndNS, 0)))
	dst = protowire.AppendTag(dst, spanFlags, protowire.Fixed32Type)
	return protowire.AppendFixed32(dst, flags(h.TraceFlags, h.ParentIsRemote))
}

func flags(w3c byte, remote bool) uint32 {
	f := uint32(w3c) | flagHasIsRemote
	if remote {
		f |= flagIsRemote
	}
	return f
}

func appendName(dst []byte, name, target string) []byte {
	if target == "" {
		return appendString(dst, Field(spanName), name)
	}
	if n, ok := validLen(name); ok {
		if t, ok := validLen(target); ok {
			dst = protowire.AppendVarint(append(dst, spanName), uint64(n+1+t))
			dst = append(dst, name...)
			dst = append(dst, ' ')
			return append(dst, target...)
		}
	}
	return appendString(dst, Field(spanName), name+" "+target)
}

// AppendStatus appends the status of a span; nothing when it is unset. The message is only sent with an error.
func AppendStatus(dst []byte, code StatusCode, message string) []byte {
	const (
		statusMessage = 2<<3 | byte(protowire.BytesType)
		statusCode    = 3<<3 | byte(protowire.VarintType)
	)
	if code == StatusUnset {
		return dst
	}
	dst, mark := Open(dst, spanStatus)
	if message != "" && code == StatusError {
		dst = appendString(dst, Field(statusMessage), message)
	}
	dst = append(dst, statusCode, byte(code))
	return Close(dst, mark)
}

// AppendDropped appends how many attributes, events and links a span could not take.
func AppendDropped(dst []byte, attributes, events, links int) []byte {
	dst = appendCount(dst, spanDroppedAttrs, attributes)
	dst = appendCount(dst, spanDroppedEvents, events)
	return appendCount(dst, spanDroppedLinks, links)
}

// appendCount appends a uint32 field, unless n is 0.
func appendCount(dst []byte, tag byte, n int) []byte {
	if n <= 0 {
		return dst
	}
	return protowire.AppendVarint(append(dst, tag), uint64(min(n, 1<<32-1)))
}

// Event is an event on a span.
type Event struct {
	Name string
	// TimeNS is in nanoseconds since 1970.
	TimeNS     int64
	Attributes []attribute.KeyValue
	// Dropped counts the attributes that did not fit.
	Dropped int
}

// AppendEvent appends an event. limit is that of [AppendKeyValue].
func AppendEvent(dst []byte, e *Event, limit int) []byte {
	const (
		eventTime    = 1<<3 | byte(protowire.Fixed64Type)
		eventName    = 2<<3 | byte(protowire.BytesType)
		eventDropped = 4<<3 | byte(protowire.VarintType)
	)
	dst, mark := Open(dst, spanEvent)
	dst = protowire.AppendFixed64(append(dst, eventTime), uint64(max(e.TimeNS, 0)))
	dst = appendString(dst, Field(eventName), e.Name)
	for _, kv := range e.Attributes {
		dst = AppendKeyValue(dst, EventAttribute, kv, limit)
	}
	dst = appendCount(dst, eventDropped, e.Dropped)
	return Close(dst, mark)
}

// Link is a link from a span to another.
type Link struct {
	TraceID    [16]byte
	SpanID     [8]byte
	TraceFlags byte
	TraceState string
	// IsRemote says whether the other span belongs to another process.
	IsRemote   bool
	Attributes []attribute.KeyValue
	// Dropped counts the attributes that did not fit.
	Dropped int
}

// AppendLink appends a link. limit is that of [AppendKeyValue].
func AppendLink(dst []byte, l *Link, limit int) []byte {
	const (
		linkTraceID    = 1<<3 | byte(protowire.BytesType)
		linkSpanID     = 2<<3 | byte(protowire.BytesType)
		linkTraceState = 3<<3 | byte(protowire.BytesType)
		linkDropped    = 5<<3 | byte(protowire.VarintType)
		linkFlags      = 6<<3 | byte(protowire.Fixed32Type)
	)
	dst, mark := Open(dst, spanLink)
	dst = append(dst, linkTraceID, 16)
	dst = append(dst, l.TraceID[:]...)
	dst = append(dst, linkSpanID, 8)
	dst = append(dst, l.SpanID[:]...)
	if l.TraceState != "" {
		dst = appendString(dst, Field(linkTraceState), l.TraceState)
	}
	for _, kv := range l.Attributes {
		dst = AppendKeyValue(dst, LinkAttribute, kv, limit)
	}
	dst = appendCount(dst, linkDropped, l.Dropped)
	dst = protowire.AppendFixed32(append(dst, linkFlags), flags(l.TraceFlags, l.IsRemote))
	return Close(dst, mark)
}
