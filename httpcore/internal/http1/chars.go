package http1

import "encoding/binary"

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

// valueLen returns how many bytes at the start of b may stand in a field value, eight at a time where none of them is a
// control: a byte is one when it is below 0x20 (subtracting borrows from its high bit) or equal to 0x7f.
// valueLenPlain is its twin in the tests.
func valueLen(b []byte) int {
	n := 0
	for len(b)-n >= 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		del := w ^ 0x7f*ones
		if ((w-0x20*ones)&^w|(del-ones)&^del)&highs != 0 {
			break
		}
		n += 8
	}
	for n < len(b) && isValue[b[n]] {
		n++
	}
	return n
}

// equalFold reports whether b is lower, which is in lower case, letters in either case. lower holds only letters and
// hyphens, which bit 5 does not change.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range len(lower) {
		if b[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// trimOWS cuts spaces and tabs from both ends.
func trimOWS(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
