package http1

import (
	"net/http"
	"strconv"
)

// statusLines has the status lines of the statuses that have a name.
var statusLines = func() (lines [600]string) {
	for s := range lines {
		if text := http.StatusText(s); text != "" {
			lines[s] = "HTTP/1.1 " + strconv.Itoa(s) + " " + text + "\r\n"
		}
	}
	return lines
}()

// AppendStatusLine appends the status line for a status of three digits; one without a name is spelt as net/http does.
// A server always names its own version, 1.1, whatever the request's was (RFC 9110, 2.5).
func AppendStatusLine(dst []byte, status int) []byte {
	if 0 <= status && status < len(statusLines) && statusLines[status] != "" {
		return append(dst, statusLines[status]...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, " status code "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	return append(dst, '\r', '\n')
}

// AppendField appends a field line. A control character in value but HTAB becomes a space, so that no value can end its
// line; a field whose name is not a token is left out.
func AppendField(dst []byte, name, value string) []byte {
	if !ValidFieldName(name) {
		return dst
	}
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	from := len(dst)
	dst = append(dst, value...)
	for bad := from + valueLen(dst[from:]); bad < len(dst); bad += valueLen(dst[bad:]) {
		dst[bad] = ' '
	}
	return append(dst, '\r', '\n')
}

// AppendChunkHeader appends the size line of a chunk (RFC 9112, 7.1). size is not negative; 0 begins the end of the body.
func AppendChunkHeader(dst []byte, size int) []byte {
	dst = strconv.AppendUint(dst, uint64(size), 16)
	return append(dst, '\r', '\n')
}
