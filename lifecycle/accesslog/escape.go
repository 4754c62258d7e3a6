package accesslog

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// An encoding makes a value harmless where it stands in a line. It appends raw to dst.
type encoding func(dst, raw []byte) []byte

// encode applies an encoding to what stands in dst from start on.
func encode(dst []byte, start int, with encoding) []byte {
	raw := dst[start:]
	if isPlain(raw) {
		return dst
	}
	end := len(dst)
	dst = with(dst, raw) // behind what it replaces, where there is room
	n := copy(dst[start:], dst[end:])
	return dst[:start+n]
}

// isPlain reports whether every encoding leaves raw as it is.
func isPlain(raw []byte) bool {
	for _, b := range raw {
		if !isPlainByte(b) {
			return false
		}
	}
	return true
}

func isPlainByte(b byte) bool { return b >= ' ' && b <= '~' && b != '"' && b != '\\' }

const hexDigits = "0123456789abcdef"

// textEncoding writes each byte that is not printable ASCII, the quote and the backslash as \xNN, as nginx does: a value can
// end neither its line nor its quotes, nor can it speak to the terminal.
func textEncoding(dst, raw []byte) []byte {
	for _, b := range raw {
		if isPlainByte(b) {
			dst = append(dst, b)
		} else {
			dst = append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
		}
	}
	return dst
}

// jsonEncoding writes the inside of a JSON string. Characters that cannot be seen are escaped although JSON allows some of
// them: line separators and those that change the direction of text. What is not UTF-8 becomes U+FFFD.
func jsonEncoding(dst, raw []byte) []byte {
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == utf8.RuneError && size == 1:
			dst = appendUnicode(dst, utf8.RuneError)
		case unicode.IsGraphic(r):
			dst = append(dst, raw[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendUnicode(appendUnicode(dst, high), low)
		default:
			dst = appendUnicode(dst, r)
		}
		raw = raw[size:]
	}
	return dst
}

// appendUnicode writes one UTF-16 code unit.
func appendUnicode(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
