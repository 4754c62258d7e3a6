package otlp_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// A Key comes to the same bytes as AppendKeyValue, which does it the plain way: around the lengths where a length takes
// one byte more, too.
func TestKeyAgainstAppendKeyValue(t *testing.T) {
	for _, keyLen := range []int{0, 1, 40, 100, 110, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 200, 20_000} {
		name := strings.Repeat("k", keyLen)
		k := otlp.NewKey(name)
		same := func(got []byte, v attribute.Value) {
			t.Helper()
			want := otlp.AppendKeyValue([]byte("before"), otlp.SpanAttribute, attribute.KeyValue{Key: attribute.Key(name), Value: v}, -1)
			if !bytes.Equal(got, want) {
				t.Errorf("key of %d bytes, value %.40s:\ngot  %.80x\nwant %.80x", keyLen, v.String(), got, want)
			}
		}
		for _, n := range []int{0, 1, 80, 81, 82, 83, 84, 85, 86, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 16_381, 16_384, 70_000} {
			v := strings.Repeat("v", n)
			same(k.AppendString([]byte("before"), otlp.SpanAttribute, v), attribute.StringValue(v))
			v += "\xff"
			same(k.AppendString([]byte("before"), otlp.SpanAttribute, v), attribute.StringValue(v))
		}
		for _, v := range []int64{0, 1, 127, 128, 200, 1 << 14, 1<<56 - 1, math.MaxInt64, -1, math.MinInt64} {
			same(k.AppendInt([]byte("before"), otlp.SpanAttribute, v), attribute.Int64Value(v))
		}
		for _, v := range []bool{false, true} {
			same(k.AppendBool([]byte("before"), otlp.SpanAttribute, v), attribute.BoolValue(v))
		}
		for _, v := range []float64{0, 0.25, math.Inf(-1)} {
			same(k.AppendDouble([]byte("before"), otlp.SpanAttribute, v), attribute.Float64Value(v))
		}
	}
}
