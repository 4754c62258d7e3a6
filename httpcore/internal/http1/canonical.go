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

// spellings has each of usual as it is and, behind it, in lower case: as HTTP/1.1 clients and as proxies from HTTP/2 send it.
var spellings = func() (s []string) {
	for _, name := range usual {
		s = append(s, name, strings.ToLower(name))
	}
	return s
}()

// spellingSlots finds a name in spellings: its index plus one stands in the first free slot from nameSlot on. Every
// field of every request is looked up, and this takes two thirds of what a map does (BenchmarkCanonicalName).
var spellingSlots = func() (slots [512]uint8) {
	for i, name := range spellings {
		s := nameSlot(name)
		for slots[s] != 0 {
			s = (s + 1) % len(slots)
		}
		slots[s] = uint8(i + 1)
	}
	return slots
}()

// nameSlot mixes the length and three letters. name is not empty.
func nameSlot(name string) int {
	n := len(name)
	letters := uint32(name[0]) | uint32(name[n/2])<<8 | uint32(name[n-1])<<16 | uint32(n)<<24
	return int(letters * 0x65d5c381 >> 23)
}

// CanonicalName returns the canonical form of a usual name that is written canonically or in lower case, without an
// allocation and without holding on to name. It returns false for any other name, which may be canonical or not.
func CanonicalName(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	for s := nameSlot(name); spellingSlots[s] != 0; s = (s + 1) % len(spellingSlots) {
		if i := int(spellingSlots[s] - 1); spellings[i] == name {
			return spellings[i&^1], true
		}
	}
	return "", false
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
