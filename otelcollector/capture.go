package otelcollector

import (
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// capture is a header field whose values become an attribute, which is always an array: a field may have several lines.
type capture struct {
	field string
	key   *otlp.Key
}

// newCaptures returns the captures of a list of field names, which is the value of a setting.
func newCaptures(setting, prefix string, fields []string) ([]capture, error) {
	var list []capture
	for _, f := range fields {
		if !isToken(f) {
			return nil, &SettingError{setting, f, "the name of a header field, such as X-Request-Id"}
		}
		f = strings.ToLower(f)
		if !slices.ContainsFunc(list, func(c capture) bool { return c.field == f }) {
			list = append(list, capture{f, otlp.NewKey(prefix + f)})
		}
	}
	return list, nil
}

// isToken reports whether s may be the name of a field (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// appendCaptured appends an attribute for each of the fields that is there.
func appendCaptured(dst []byte, list []capture, f lifecycle.Fields, limit int) []byte {
	if f == nil {
		return dst
	}
	for i := range list {
		c := &list[i]
		value, at := f.Next(c.field, 0)
		if at < 0 {
			continue
		}
		var values otlp.Strings
		dst, values = c.key.OpenStrings(dst, otlp.SpanAttribute)
		for ; at >= 0; value, at = f.Next(c.field, at) {
			dst = otlp.AppendElement(dst, otlp.Truncate(value, limit))
		}
		dst = values.Close(dst)
	}
	return dst
}

// capturedAttributes returns what appendCaptured appends, for a sampler. It may be kept.
func capturedAttributes(list []capture, f lifecycle.Fields) (attrs []attribute.KeyValue) {
	if f == nil {
		return nil
	}
	for i := range list {
		c := &list[i]
		var values []string
		for v, at := f.Next(c.field, 0); at >= 0; v, at = f.Next(c.field, at) {
			values = append(values, cloned(v))
		}
		if values != nil {
			attrs = append(attrs, attribute.StringSlice(c.key.Name(), values))
		}
	}
	return attrs
}

// isCaptured reports whether an attribute has the name of a captured header field.
func isCaptured(key string) bool {
	return strings.HasPrefix(key, prefixRequestHeader) || strings.HasPrefix(key, prefixResponseHeader)
}
