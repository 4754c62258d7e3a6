package accesslog

import (
	"net/http"
	"strconv"
	"strings"
)

// The atoms that are written with one letter or two, but for the time and the user.

// clientAddr is the address alone; "" when the system did not tell.
func clientAddr(r *Record) string {
	if r.ClientAddr == "unknown" {
		return ""
	}
	return r.ClientAddr
}

// appendClientAddrPort writes the address and the port, and no brackets around an IPv6 address.
func appendClientAddrPort(dst []byte, r *Record) ([]byte, bool) {
	addr := clientAddr(r)
	dst = append(dst, addr...)
	if r.ClientPort > 0 {
		dst = append(dst, ':')
		dst = strconv.AppendInt(dst, int64(r.ClientPort), 10)
	}
	return dst, addr != ""
}

func appendServerPort(dst []byte, r *Record) ([]byte, bool) {
	return strconv.AppendInt(dst, int64(r.ServerPort), 10), r.ServerPort > 0
}

// requestLine is method, target and protocol, each "-" when it could not be parsed; none when nothing could.
func requestLine(target, protocol appender) appender {
	return func(dst []byte, r *Record) ([]byte, bool) {
		if r.Method == "" && r.Target == "" {
			return dst, false
		}
		dst = orDash(dst, r, func(dst []byte, r *Record) ([]byte, bool) { return append(dst, r.Method...), r.Method != "" })
		dst = orDash(append(dst, ' '), r, target)
		return orDash(append(dst, ' '), r, protocol), true
	}
}

func orDash(dst []byte, r *Record, f appender) []byte {
	dst, present := f(dst, r)
	if !present {
		dst = append(dst, '-')
	}
	return dst
}

func appendTarget(dst []byte, r *Record) ([]byte, bool) {
	return append(dst, r.Target...), r.Target != ""
}

// appendProtocol writes "HTTP/1.1".
func appendProtocol(dst []byte, r *Record) ([]byte, bool) {
	if r.HTTPVersion == "" {
		return dst, false
	}
	return append(append(dst, "HTTP/"...), r.HTTPVersion...), true
}

// appendVersion writes "1.1".
func appendVersion(dst []byte, r *Record) ([]byte, bool) {
	return append(dst, r.HTTPVersion...), r.HTTPVersion != ""
}

// splitTarget cuts a target at its query. The path of an absolute-form target begins behind the authority.
func splitTarget(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	if _, rest, absolute := strings.Cut(path, "://"); absolute && path[0] != '/' {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			return rest[slash:], query
		}
		return "/", query
	}
	return path, query
}

func path(r *Record) string {
	p, _ := splitTarget(r.Target)
	return p
}

// appendQuery writes nothing, and not "-", for a request without a query.
func appendQuery(dst []byte, r *Record) ([]byte, bool) {
	_, query := splitTarget(r.Target)
	return append(dst, query...), true
}

func appendDecodedPath(dst []byte, r *Record) ([]byte, bool) {
	p := path(r)
	return appendUnescaped(dst, p), p != ""
}

func appendDecodedTarget(dst []byte, r *Record) ([]byte, bool) {
	p, query := splitTarget(r.Target)
	dst = appendUnescaped(dst, p)
	if query != "" {
		dst = append(append(dst, '?'), query...)
	}
	return dst, p != ""
}

// appendUnescaped decodes %XX. What is not that stays as it is.
func appendUnescaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				dst = append(dst, byte(b))
				i += 2
				continue
			}
		}
		dst = append(dst, s[i])
	}
	return dst
}

// statusAtom writes the status that was sent, and aborted for a client that left before it had one.
func statusAtom(aborted int) appender {
	return func(dst []byte, r *Record) ([]byte, bool) {
		status := r.Status
		if r.aborted() {
			status = aborted
		}
		return strconv.AppendInt(dst, int64(status), 10), status > 0
	}
}

func phrase(r *Record) string { return http.StatusText(r.Status) }

// appendHypercornPhrase writes <???441???> for a status without a phrase.
func appendHypercornPhrase(dst []byte, r *Record) ([]byte, bool) {
	p := phrase(r)
	if p == "" && r.Status > 0 {
		dst = strconv.AppendInt(append(dst, "<???"...), int64(r.Status), 10)
		return append(dst, "???>"...), true
	}
	return append(dst, p...), p != ""
}

// appendBytesOrNone is Apache's %b: there is no value when nothing was sent.
func appendBytesOrNone(dst []byte, r *Record) ([]byte, bool) {
	return strconv.AppendInt(dst, r.BytesSent, 10), r.BytesSent > 0
}

// appendContentLength writes what the response announced.
func appendContentLength(dst []byte, r *Record) ([]byte, bool) {
	if r.ResponseFields == nil {
		return dst, false
	}
	n, err := strconv.ParseUint(r.ResponseFields.Get("Content-Length"), 10, 63)
	return strconv.AppendUint(dst, n, 10), err == nil
}

// appendSeconds writes seconds with six decimals.
func appendSeconds(dst []byte, r *Record) ([]byte, bool) {
	return appendDecimal(dst, r.took().Microseconds(), 1_000_000), true
}

// appendDecimal writes n/unit with all decimals; unit is a power of ten and n is not negative.
func appendDecimal(dst []byte, n, unit int64) []byte {
	dst = strconv.AppendInt(dst, n/unit, 10)
	dot := len(dst)
	dst = strconv.AppendInt(dst, unit+n%unit, 10) // the leading 1 makes room for the dot
	dst[dot] = '.'
	return dst
}
