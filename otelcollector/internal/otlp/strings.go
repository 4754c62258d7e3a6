package otlp

// Strings is an attribute that is being appended, whose value is an array of strings. Append its elements with
// [AppendElement], and then Close it.
type Strings struct{ attribute, value, array int } // marks

// OpenStrings begins an attribute with an array of strings as value.
func (k *Key) OpenStrings(dst []byte, f Field) ([]byte, Strings) {
	var s Strings
	dst, s.attribute = Open(dst, f)
	dst = appendString(dst, Field(keyValueKey), k.name)
	dst, s.value = Open(dst, Field(keyValueValue))
	dst, s.array = Open(dst, Field(anyArray))
	return dst, s
}

// AppendElement appends an element.
func AppendElement(dst []byte, v string) []byte {
	dst, mark := Open(dst, arrayElement)
	return Close(appendString(dst, Field(anyString), v), mark)
}

// Close ends the attribute.
func (s Strings) Close(dst []byte) []byte {
	return Close(Close(Close(dst, s.array), s.value), s.attribute)
}
