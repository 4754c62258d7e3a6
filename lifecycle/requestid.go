package lifecycle

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// maxRequestID bounds the bytes of a request id that somebody else has made.
const maxRequestID = 128

// AppendRequestID appends a new request id: a UUID of version 7 (RFC 9562, 5.7), whose time is that of monotonicNS, a reading
// of [MonotonicNS]. Who is given one with a complaint knows from it when to look. Any goroutine may call it.
func AppendRequestID(dst []byte, monotonicNS int64) []byte {
	var id [16]byte
	ms := uint64(UnixNano(monotonicNS)) / uint64(time.Millisecond)
	binary.BigEndian.PutUint64(id[:8], ms<<16|0x7000|rand.Uint64()&0x0fff)
	binary.BigEndian.PutUint64(id[8:], 1<<63|rand.Uint64()>>2)
	for i, part := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}

// ValidRequestID reports whether id, which somebody else has made, may be passed on as it is: it has 1 to 128 bytes, letters,
// digits and any of -._~+/=:@, none of which means anything to a log, a shell or a browser.
func ValidRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if !inRequestID[id[i]] {
			return false
		}
	}
	return true
}

var inRequestID = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=:@") {
		t[c] = true
	}
	return t
}()
