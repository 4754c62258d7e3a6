package otlp

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Tag bytes of the fields of AnyValue.
const (
	anyString = 1<<3 | byte(protowire.BytesType)
	anyBool   = 2<<3 | byte(protowire.VarintType)
	anyInt    = 3<<3 | byte(protowire.VarintType)
	anyDouble = 4<<3 | byte(protowire.Fixed64Type)
	anyArray  = 5<<3 | byte(protowire.BytesType)
	anyKVList = 6<<3 | byte(protowire.BytesType)
	anyBytes  = 7<<3 | byte(protowire.BytesType)
)

const (
	keyValueKey   = 1<<3 | byte(protowire.BytesType)
	keyValueValue = 2<<3 | byte(protowire.BytesType)
)

// Key is the key of an attribute, encoded in advance. Make one with [NewKey].
type Key struct {
	name  string
	field string // KeyValue.key with tag and length
}

// NewKey returns the key with this name.
func NewKey(name string) Key {
	n, valid := validLen(name)
	return Key{name: name, field: string(appendText([]byte{keyValueKey}, name, n, valid))}
}

// Name returns what [NewKey] was given.
func (k Key) Name() string { return k.name }

// open appends everything before the value, an AnyValue of n bytes.
func (k Key) open(dst []byte, f Field, n int) []byte {
	dst = append(dst, byte(f))
	dst = protowire.AppendVarint(dst, uint64(len(k.field)+1+protowire.SizeBytes(n)))
	dst = append(dst, k.field...)
	dst = append(dst, keyValueValue)
	return protowire.AppendVarint(dst, uint64(n))
}

// AppendString appends an attribute with a string value.
func (k Key) AppendString(dst []byte, f Field, v string) []byte {
	n, valid := validLen(v)
	dst = k.open(dst, f, 1+protowire.SizeBytes(n))
	return appendText(append(dst, anyString), v, n, valid)
}

// AppendInt appends an attribute with an integer value.
func (k Key) AppendInt(dst []byte, f Field, v int64) []byte {
	dst = k.open(dst, f, 1+protowire.SizeVarint(uint64(v)))
	return protowire.AppendVarint(append(dst, anyInt), uint64(v))
}

// AppendBool appends an attribute with a boolean value.
func (k Key) AppendBool(dst []byte, f Field, v bool) []byte {
	dst = k.open(dst, f, 2)
	return append(dst, anyBool, byte(protowire.EncodeBool(v)))
}

// AppendDouble appends an attribute with a floating-point value.
func (k Key) AppendDouble(dst []byte, f Field, v float64) []byte {
	dst = k.open(dst, f, 9)
	return protowire.AppendFixed64(append(dst, anyDouble), math.Float64bits(v))
}
