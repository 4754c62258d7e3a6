package http1

import (
	"net/textproto"
	"strings"
)

// usual are the canonical names of the request fields that are seen most.
var usual = strings.Fields(`
	Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges Access-Control-Request-Headers
	Access-Control-Request-Method Authorization Baggage Cache-Control Connection Content-Disposition Content-Encoding
	Content-Language Content-Length Content-Range Content-Type Cookie Date Dnt Etag Expect Forwarded From Host If-Match
	If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive Last-Modified Origin Pragma Priority
	Proxy-Authorization Proxy-Connection Range Referer Sec-Ch-Ua Sec-Ch-Ua-Mobile Sec-Ch-Ua-Platform Sec-Fetch-Dest
	Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User Sec-Gpc Sec-Purpose Sec-Websocket-Extensions Sec-Websocket-Key
	Sec-Websocket-Protocol Sec-Websocket-Version Te Traceparent Tracestate Trailer Transfer-Encoding Upgrade
	Upgrade-Insecure-Requests User-Agent Via X-Api-Key X-Csrf-Token X-Forwarded-For X-Forwarded-Host X-Forwarded-Port
	X-Forwarded-Proto X-Real-Ip X-Request-Id X-Requested-With`)

// usualSlots finds a name in usual: its index plus one stands in the first free slot from nameSlot on. Every field of
// every request is looked up, and this takes a third of what a map does (BenchmarkCanonicalName).
var usualSlots = func() (slots [256]uint8) {
	for i, name := range usual {
		s := nameSlot(name)
		for slots[s] != 0 {
			s++
		}
		slots[s] = uint8(i + 1)
	}
	return slots
}()

// nameSlot is the same for a name in upper and lower case. name is not empty.
func nameSlot(name string) uint8 {
	n := len(name)
	ends := uint32(lower[name[0]]) | uint32(lower[name[n/2]])<<8 | uint32(lower[name[n-1]])<<16 | uint32(n)<<24
	return uint8(ends * 0x65d5c381 >> 24)
}

// CanonicalName returns the canonical form of a usual name, written in any case, without an allocation and without
// holding on to name. It returns false for any other name, which may be canonical or not.
func CanonicalName(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	for s := nameSlot(name); usualSlots[s] != 0; s++ {
		if n := usual[usualSlots[s]-1]; n == name || sameFold(n, name) {
			return n, true
		}
	}
	return "", false
}

func sameFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower[a[i]] != lower[b[i]] {
			return false
		}
	}
	return true
}

// canonical returns the canonical form of any name.
func canonical(name string) string {
	if n, ok := CanonicalName(name); ok {
		return n
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// ValidFieldName reports whether name is a token (RFC 9110, 5.1).
func ValidFieldName(name string) bool {
	for i := range len(name) {
		if !isToken[name[i]] {
			return false
		}
	}
	return name != ""
}
