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
//
// Most of what a span consists of are keys, so an attribute is begun by copying all that stands before its value in one
// piece and by setting the bytes in it that differ. AppendKeyValue has to come to the same bytes.
type Key struct {
	name  string
	begin string // tag, length, key, tag and length of the value; what is to be set is 0
	short int    // how long a value may be so that both lengths are bytes; may be negative
}

// NewKey returns the key with this name.
func NewKey(name string) *Key {
	n, valid := validLen(name)
	b := appendText([]byte{0, 0, keyValueKey}, name, n, valid)
	b = append(b, keyValueValue, 0)
	return &Key{name: name, begin: string(b), short: maxByte - (len(b) - beginFirst)}
}

const (
	maxByte    = 0x7f // the greatest length that is one byte
	beginFirst = 2    // where in begin the attribute's length counts from
)

// Name returns what [NewKey] was given.
func (k *Key) Name() string { return k.name }

// open appends everything before the value, an AnyValue of n bytes.
func (k *Key) open(dst []byte, f Field, n int) []byte {
	if n > k.short {
		return k.openLong(dst, f, n)
	}
	at := len(dst)
	dst = append(dst, k.begin...)
	dst[at], dst[at+1], dst[len(dst)-1] = byte(f), byte(len(k.begin)-beginFirst+n), byte(n)
	return dst
}

// openLong is open for lengths of any size.
func (k *Key) openLong(dst []byte, f Field, n int) []byte {
	key := k.begin[beginFirst : len(k.begin)-1] // with the tag of the value
	dst = protowire.AppendVarint(append(dst, byte(f)), uint64(len(key)+protowire.SizeBytes(n)))
	return protowire.AppendVarint(append(dst, key...), uint64(n))
}

// AppendString appends an attribute with a string value.
func (k *Key) AppendString(dst []byte, f Field, v string) []byte {
	n, valid := validLen(v)
	if n > maxByte || !valid {
		dst = k.open(dst, f, 1+protowire.SizeBytes(n))
		return appendText(append(dst, anyString), v, n, valid)
	}
	dst = k.open(dst, f, 2+n)
	return append(append(dst, anyString, byte(n)), v...)
}

// AppendInt appends an attribute with an integer value.
func (k *Key) AppendInt(dst []byte, f Field, v int64) []byte {
	dst = k.open(dst, f, 1+protowire.SizeVarint(uint64(v)))
	return protowire.AppendVarint(append(dst, anyInt), uint64(v))
}

// AppendBool appends an attribute with a boolean value.
func (k *Key) AppendBool(dst []byte, f Field, v bool) []byte {
	dst = k.open(dst, f, 2)
	return append(dst, anyBool, byte(protowire.EncodeBool(v)))
}

// AppendDouble appends an attribute with a floating-point value.
func (k *Key) AppendDouble(dst []byte, f Field, v float64) []byte {
	dst = k.open(dst, f, 9)
	b := math.Float64bits(v)
	return append(dst, anyDouble, byte(b), byte(b>>8), byte(b>>16), byte(b>>24), byte(b>>32), byte(b>>40), byte(b>>48), byte(b>>56))
}
