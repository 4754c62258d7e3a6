package otlp

import (
	"bytes"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

func TestStringsAreTheAttributeOfTheAPI(t *testing.T) {
	for _, list := range [][]string{
		{}, {""}, {"a"}, {"a", "", "ä"}, {"\xff", "b\xc3"}, {strings.Repeat("x", 120)}, {strings.Repeat("y", 200), strings.Repeat("z", 20_000)},
	} {
		const name = "http.request.header.accept"
		got, s := NewKey(name).OpenStrings([]byte("before"), SpanAttribute)
		for _, v := range list {
			got = AppendElement(got, v)
		}
		got = s.Close(got)
		if want := AppendKeyValue([]byte("before"), SpanAttribute, attribute.StringSlice(name, list), -1); !bytes.Equal(got, want) {
			t.Errorf("%.20q is\n%x, want\n%x", list, got, want)
		}
	}
}
