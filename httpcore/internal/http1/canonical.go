package http1

import "net/textproto"

// usual are the canonical names of the fields that are seen most.
var usual = map[string]string{}

func init() {
	for _, n := range []string{
		"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Authorization", "Baggage",
		"Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Date", "Dnt", "Etag",
		"Expect", "Forwarded", "From", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since",
		"Keep-Alive", "Origin", "Pragma", "Priority", "Range", "Referer", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform",
		"Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User", "Sec-Websocket-Extensions", "Sec-Websocket-Key",
		"Sec-Websocket-Protocol", "Sec-Websocket-Version", "Te", "Traceparent", "Tracestate", "Trailer", "Transfer-Encoding",
		"Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
		"X-Real-Ip", "X-Request-Id", "X-Requested-With",
	} {
		usual[n] = n
		lower := []byte(n)
		for i, c := range lower {
			if 'A' <= c && c <= 'Z' {
				lower[i] = c | 0x20
			}
		}
		usual[string(lower)] = n
	}
}

// CanonicalName returns the canonical form of a usual name that is written canonically or in lower case, without an
// allocation and without holding on to name; otherwise it returns false.
func CanonicalName(name string) (string, bool) {
	n, ok := usual[name]
	return n, ok
}

func canonical(name string) string {
	if n, ok := usual[name]; ok {
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
