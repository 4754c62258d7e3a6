package otlp

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/protobuf/encoding/protowire"
)

// Attributes returns the attributes in b, which holds whole fields of a Span, that want asks for; key is valid until want
// returns. Their values are what this package appends for a Key, or for an array of strings: others are left out.
// What is returned does not refer to b.
func Attributes(b []byte, want func(key []byte) bool) []attribute.KeyValue {
	type part struct{ key, value, end int }
	var room [48]part // a few more than the server sets
	parts := room[:0]
	for at := 0; at < len(b); {
		_, _, n := protowire.ConsumeField(b[at:])
		if n < 0 {
			return nil // not the work of this package
		}
		if b[at] == byte(SpanAttribute) {
			from, end := content(b, at)
			key, value := content(b, from)
			if want(b[key:value]) {
				parts = append(parts, part{key, value, end})
			}
		}
		at += n
	}
	attributes := make([]attribute.KeyValue, 0, len(parts))
	text := string(b) // of which all strings are parts
	for _, p := range parts {
		if v := anyValue(b[:p.end], text, p.value); v.Type() != attribute.EMPTY {
			attributes = append(attributes, attribute.KeyValue{Key: attribute.Key(text[p.key:p.value]), Value: v})
		}
	}
	return attributes
}

// content returns where the content of the length-delimited field at b[at] lies. Its tag is one byte.
func content(b []byte, at int) (from, to int) {
	length, n := protowire.ConsumeVarint(b[at+1:])
	from = at + 1 + n
	return from, from + int(length)
}

// anyValue returns the AnyValue in the field at b[at]; the empty value if it is of another type.
func anyValue(b []byte, text string, at int) attribute.Value {
	from, to := content(b, at)
	if from == to {
		return attribute.Value{}
	}
	switch b[from] {
	case anyString:
		from, to = content(b, from)
		return attribute.StringValue(text[from:to])
	case anyBool:
		return attribute.BoolValue(b[from+1] != 0)
	case anyInt:
		v, _ := protowire.ConsumeVarint(b[from+1 : to])
		return attribute.Int64Value(int64(v))
	case anyDouble:
		return attribute.Float64Value(math.Float64frombits(binary.LittleEndian.Uint64(b[from+1 : to])))
	case anyArray:
		return stringsValue(b, text, from)
	}
	return attribute.Value{}
}

// stringsValue returns the ArrayValue in the field at b[at]; the empty value if not all of its elements are strings.
func stringsValue(b []byte, text string, at int) attribute.Value {
	var list []string
	for at, end := content(b, at); at < end; {
		from, to := content(b, at)
		if from == to || b[from] != anyString {
			return attribute.Value{}
		}
		valueFrom, valueTo := content(b, from)
		list = append(list, text[valueFrom:valueTo])
		at = to
	}
	return attribute.StringSliceValue(list)
}
