package otlp

import (
	"math"

	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/protobuf/encoding/protowire"
)

// maxDepth is how deep arrays and maps may nest, as in the SDK; below lies an empty value.
const maxDepth = 64

// arrayElement is the only field of ArrayValue, and of KeyValueList.
const arrayElement = ResourceAttribute // field 1 there as well

// AppendKeyValue appends an attribute of the OpenTelemetry API. Strings and byte slices in it are cut off after limit
// characters or bytes, unless limit is negative.
func AppendKeyValue(dst []byte, f Field, kv attribute.KeyValue, limit int) []byte {
	return appendKeyValue(dst, f, kv, limit, 1)
}

func appendKeyValue(dst []byte, f Field, kv attribute.KeyValue, limit, depth int) []byte {
	dst, mark := Open(dst, f)
	dst = appendString(dst, Field(keyValueKey), string(kv.Key))
	dst = appendAny(dst, Field(keyValueValue), kv.Value, limit, depth)
	return Close(dst, mark)
}

// appendAny appends v as an AnyValue.
func appendAny(dst []byte, f Field, v attribute.Value, limit, depth int) []byte {
	dst, mark := Open(dst, f)
	switch v.Type() {
	case attribute.BOOL:
		dst = appendBool(dst, v.AsBool())
	case attribute.INT64:
		dst = appendInt(dst, v.AsInt64())
	case attribute.FLOAT64:
		dst = appendDouble(dst, v.AsFloat64())
	case attribute.STRING:
		dst = appendString(dst, Field(anyString), Truncate(v.AsString(), limit))
	case attribute.BYTESLICE:
		b := v.AsByteSlice()
		if limit >= 0 && len(b) > limit {
			b = b[:limit]
		}
		dst = protowire.AppendBytes(append(dst, anyBytes), b)
	case attribute.EMPTY:
	default:
		if depth <= maxDepth {
			dst = appendComposite(dst, v, limit, depth)
		}
	}
	return Close(dst, mark)
}

// appendComposite appends the array or map in v: each is a message with one field, which is repeated.
func appendComposite(dst []byte, v attribute.Value, limit, depth int) []byte {
	if v.Type() == attribute.MAP {
		dst, mark := Open(dst, Field(anyKVList))
		for _, kv := range v.AsMap() {
			dst = appendKeyValue(dst, arrayElement, kv, limit, depth+1)
		}
		return Close(dst, mark)
	}
	dst, mark := Open(dst, Field(anyArray))
	switch v.Type() {
	case attribute.BOOLSLICE:
		for _, b := range v.AsBoolSlice() {
			dst = appendBool(append(dst, byte(arrayElement), 2), b)
		}
	case attribute.INT64SLICE:
		for _, i := range v.AsInt64Slice() {
			dst = appendInt(append(dst, byte(arrayElement), byte(1+protowire.SizeVarint(uint64(i)))), i)
		}
	case attribute.FLOAT64SLICE:
		for _, d := range v.AsFloat64Slice() {
			dst = appendDouble(append(dst, byte(arrayElement), 9), d)
		}
	case attribute.STRINGSLICE:
		for _, s := range v.AsStringSlice() {
			dst = appendAny(dst, arrayElement, attribute.StringValue(s), limit, depth+1)
		}
	case attribute.SLICE:
		for _, e := range v.AsSlice() {
			dst = appendAny(dst, arrayElement, e, limit, depth+1)
		}
	}
	return Close(dst, mark)
}

func appendBool(dst []byte, v bool) []byte {
	return append(dst, anyBool, byte(protowire.EncodeBool(v)))
}

func appendInt(dst []byte, v int64) []byte {
	return protowire.AppendVarint(append(dst, anyInt), uint64(v))
}

func appendDouble(dst []byte, v float64) []byte {
	return protowire.AppendFixed64(append(dst, anyDouble), math.Float64bits(v))
}
