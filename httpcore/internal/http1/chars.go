package http1

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// isToken has the tchar of RFC 9110, 5.6.2.
var isToken = makeSet("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

// isTarget has the bytes of a request target: no CTL, SP or DEL. Bytes from 0x80 pass, as they do in net/http.
var isTarget = func() (t [256]bool) {
	for c := 0x21; c < 256; c++ {
		t[c] = c != 0x7f
	}
	return t
}()

// isValue has the bytes of a field value: HTAB, SP, VCHAR and obs-text (RFC 9110, 5.5).
var isValue = func() (t [256]bool) {
	for c := 0x20; c < 256; c++ {
		t[c] = c != 0x7f
	}
	t['\t'] = true
	return t
}()

// lower has each ASCII letter in lower case, and any other byte as it is.
var lower = func() (t [256]byte) {
	for c := range t {
		t[c] = byte(c)
		if 'A' <= c && c <= 'Z' {
			t[c] = byte(c) + 'a' - 'A'
		}
	}
	return t
}()

func makeSet(s string) (t [256]bool) {
	for i := range len(s) {
		t[s[i]] = true
	}
	return t
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// cleanLen returns how many bytes at the start of b are neither below least nor DEL, eight at a time. Subtracting
// least borrows from the high bit of a byte that is below it. A borrow may also mark a byte further up, never one
// further down, so the lowest mark is right. cleanLenPlain is its twin in the tests.
func cleanLen(b []byte, least byte) int {
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		del := w ^ 0x7f*ones
		if marks := ((w-uint64(least)*ones)&^w | (del-ones)&^del) & highs; marks != 0 {
			return n + bits.TrailingZeros64(marks)/8
		}
	}
	for n < len(b) && b[n] >= least && b[n] != 0x7f {
		n++
	}
	return n
}

// valueLen returns how many bytes at the start of b may stand in a field value.
func valueLen(b []byte) int {
	n := cleanLen(b, ' ')
	for n < len(b) && b[n] == '\t' {
		n++
		n += cleanLen(b[n:], ' ')
	}
	return n
}

// equalFold reports whether b is word, letters in either case. word is in lower case.
func equalFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range len(word) {
		if lower[b[i]] != word[i] {
			return false
		}
	}
	return true
}

func isOWS(c byte) bool { return c == ' ' || c == '\t' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// trimOWS cuts spaces and tabs from both ends.
func trimOWS(b []byte) []byte {
	for len(b) > 0 && isOWS(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isOWS(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// hexDigit returns the value of a hexadecimal digit, or -1.
func hexDigit(c byte) int { return int(hexDigits[c]) }

var hexDigits = func() (t [256]int8) {
	for c := range t {
		t[c] = int8(strings.IndexByte("0123456789abcdef", lower[c]))
	}
	return t
}()
