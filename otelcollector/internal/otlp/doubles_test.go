package otlp_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

var (
	someKeys   = []*otlp.Key{otlp.NewKey("a"), otlp.NewKey("wirespan.request.handler.duration"), otlp.NewKey("b\xff"), keyDuration, keyReused}
	someValues = []float64{0, 1.5, -2, math.Inf(1), math.SmallestNonzeroFloat64}
)

// plainDoubles is what Doubles has to come to.
func plainDoubles(dst []byte) []byte {
	for i, k := range someKeys {
		dst = k.AppendDouble(dst, otlp.SpanAttribute, someValues[i])
	}
	return dst
}

func TestDoubles(t *testing.T) {
	d := otlp.NewDoubles(otlp.SpanAttribute, someKeys...)
	before := []byte("before")
	if got, want := d.Append(bytes.Clone(before), someValues...), plainDoubles(bytes.Clone(before)); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func BenchmarkDoubles(b *testing.B) {
	buf := make([]byte, 0, 4096)
	d := otlp.NewDoubles(otlp.SpanAttribute, someKeys...)
	b.Run("together", func(b *testing.B) {
		for b.Loop() {
			buf = d.Append(buf[:0], someValues...)
		}
	})
	b.Run("one by one", func(b *testing.B) {
		for b.Loop() {
			buf = plainDoubles(buf[:0])
		}
	})
}
