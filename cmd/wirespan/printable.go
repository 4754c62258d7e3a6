package main

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// appendPrintable appends at most width characters of s, and an ellipsis where it is cut. What does not print
// (control characters, escape sequences, marks that change the direction of text, bytes that are not UTF-8) is
// written as \x1b or \u202e, so that no request can steer the terminal of whoever reads it.
func appendPrintable(dst []byte, s string, width int) []byte {
	for len(s) > 0 {
		if width <= 1 && utf8.RuneCountInString(s) > width {
			return append(dst, "…"...)
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = fmt.Appendf(dst, `\x%02x`, s[0])
			width -= 4
		case strconv.IsPrint(r):
			dst = append(dst, s[:size]...)
			width--
		case r < 0x100:
			dst = fmt.Appendf(dst, `\x%02x`, r)
			width -= 4
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
			width -= 6
		}
		s = s[size:]
	}
	return dst
}
