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

// AppendStatusLine appends the status line for a status of three digits. A server always names its own version, 1.1
// (RFC 9110, 6.2).
func AppendStatusLine(dst []byte, status int) []byte {
	if status < len(statusLines) && statusLines[status] != "" {
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
	for i := from; i < len(dst); i++ {
		if !isValue[dst[i]] {
			dst[i] = ' '
		}
	}
	return append(dst, '\r', '\n')
}

// AppendChunkHeader appends the size line of a chunk.
func AppendChunkHeader(dst []byte, size int) []byte {
	dst = strconv.AppendInt(dst, int64(size), 16)
	return append(dst, '\r', '\n')
}
