package otlp

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// replacement stands for each run of bytes that are not UTF-8.
const replacement = "\uFFFD"

// validLen is the length of s once it is valid UTF-8; valid says whether it is already.
func validLen(s string) (n int, valid bool) {
	if utf8.ValidString(s) {
		return len(s), true
	}
	return repairedLen(s), false
}

func repairedLen(s string) (n int) {
	broken := false
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch bad := isBroken(s[i:], size); {
		case !bad:
			n += size
			broken = false
		case !broken:
			n += len(replacement)
			broken = true
		}
		i += size
	}
	return n
}

// appendText appends the length of s and s, valid and n being what validLen said.
func appendText(dst []byte, s string, n int, valid bool) []byte {
	dst = protowire.AppendVarint(dst, uint64(n))
	if valid {
		return append(dst, s...)
	}
	broken := false
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch bad := isBroken(s[i:], size); {
		case !bad:
			dst = append(dst, s[i:i+size]...)
			broken = false
		case !broken:
			dst = append(dst, replacement...)
			broken = true
		}
		i += size
	}
	return dst
}

// isBroken reports whether s begins with a byte that belongs to no rune, given the size that DecodeRuneInString saw:
// U+FFFD itself is three bytes long.
func isBroken(s string, size int) bool {
	return size == 1 && s[0] >= utf8.RuneSelf
}

// Valid returns s as valid UTF-8.
func Valid(s string) string { return strings.ToValidUTF8(s, replacement) }

func appendString(dst []byte, f Field, s string) []byte {
	n, valid := validLen(s)
	return appendText(append(dst, byte(f)), s, n, valid)
}

// Truncate returns the first limit characters of s; all of it when limit is negative.
func Truncate(s string, limit int) string {
	if limit < 0 || len(s) <= limit {
		return s
	}
	for i := range s {
		if limit == 0 {
			return s[:i]
		}
		limit--
	}
	return s
}
