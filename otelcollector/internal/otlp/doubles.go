package otlp

import (
	"encoding/binary"
	"math"
)

// Doubles are attributes with floating-point values that come together. They are encoded in advance, all in one piece,
// in which only the values are set: in a quarter of the time that AppendDouble takes for each (BenchmarkDoubles).
type Doubles struct {
	encoded string
	at      []int // where the values lie
}

// NewDoubles returns the attributes with these keys, in this order.
func NewDoubles(f Field, keys ...*Key) *Doubles {
	var b []byte
	d := &Doubles{}
	for _, k := range keys {
		b = k.AppendDouble(b, f, 0)
		d.at = append(d.at, len(b)-8)
	}
	d.encoded = string(b)
	return d
}

// Append appends the attributes, with a value for each key.
func (d *Doubles) Append(dst []byte, values ...float64) []byte {
	from := len(dst)
	dst = append(dst, d.encoded...)
	for i, at := range d.at {
		binary.LittleEndian.PutUint64(dst[from+at:], math.Float64bits(values[i]))
	}
	return dst
}
