package otlp

import "google.golang.org/protobuf/encoding/protowire"

// DropAttributes removes from b[from:], which holds whole fields of a Span, the attributes that drop asks for. It works
// in place; key is valid until drop returns.
func DropAttributes(b []byte, from int, drop func(key []byte) bool) []byte {
	to := from
	for at := from; at < len(b); {
		_, _, n := protowire.ConsumeField(b[at:])
		if n < 0 {
			return append(b[:to], b[at:]...) // not the work of this package: leave it alone
		}
		if b[at] != byte(SpanAttribute) || !drop(attributeKey(b[at:at+n])) {
			to += copy(b[to:], b[at:at+n])
		}
		at += n
	}
	return b[:to]
}

// attributeKey returns the key in an attribute field that this package appended: the key comes first.
func attributeKey(field []byte) []byte {
	from, _ := content(field, 0)
	from, to := content(field, from)
	return field[from:to]
}
