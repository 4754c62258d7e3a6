package accesslog

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// maxCredentials bounds the credentials in which a user is looked for.
const maxCredentials = 512

// appendUser writes the user of Basic authentication (RFC 7617). There is none when the credentials are not well-formed.
func appendUser(dst []byte, r *Record) ([]byte, bool) {
	scheme, coded, _ := strings.Cut(r.Header("Authorization"), " ")
	coded = strings.TrimSpace(coded)
	if !strings.EqualFold(scheme, "Basic") || len(coded) > maxCredentials {
		return dst, false
	}
	var from, to [maxCredentials]byte // on the stack
	n, err := base64.StdEncoding.Decode(to[:], from[:copy(from[:], coded)])
	user, _, colon := bytes.Cut(to[:n], []byte{':'})
	if err != nil || !colon || len(user) == 0 || !utf8.Valid(user) {
		return dst, false
	}
	return append(dst, user...), true
}
