package httpcore

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
)

type trailerField = http1.TrailerField

// background is copied for each request: only Request.WithContext can set a request's context. The copy that it returns
// does not escape.
var background http.Request

// newRequest makes h.request from the head, of which text is a copy: what http.ReadRequest would make of it.
func (h *handling) newRequest(text string) *refusal {
	c, x := h.response.c, h.response.x
	head := &x.head
	h.request = *background.WithContext(&h.ctx)
	r := &h.request
	r.Method = x.request.Method
	r.RequestURI = x.request.Target
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, head.Minor
	if head.Minor == 0 {
		r.Proto = "HTTP/1.0"
	}
	if err := parseTarget(&h.url, r.RequestURI, head.Form); err != nil {
		return &refusal{400, http1.CodeInvalidRequestLine, "the request target cannot be parsed", err}
	}
	r.URL = &h.url
	r.Host = x.request.Host
	r.RemoteAddr = c.remoteAddr
	r.TLS = c.tls
	r.Close = !x.persistent()
	r.Header = makeHeader(text, head, h.values[:0])
	setRequestID(r.Header, x.request.RequestID)
	fixPragma(r.Header)
	switch {
	case head.Chunked:
		r.TransferEncoding = []string{"chunked"}
		r.ContentLength = -1
		r.Body = h.body
		r.Trailer = announcedTrailer(r.Header)
	case head.ContentLength > 0:
		r.ContentLength = head.ContentLength
		r.Body = h.body
	default:
		r.Body = http.NoBody
	}
	return nil
}

// makeHeader builds the header map, with its values in values when they fit, or in one allocation. Host and
// Transfer-Encoding are in the Request's own fields, as net/http has it.
func makeHeader(text string, head *http1.Head, values []string) http.Header {
	fields := head.Fields
	var header http.Header
	for i := range fields {
		name := canonicalName(slice(text, fields[i].Name))
		if name == "Host" || name == "Transfer-Encoding" {
			continue
		}
		if header == nil {
			left := len(fields) - i
			header = make(http.Header, left)
			if left > cap(values) {
				values = make([]string, 0, left)
			}
		}
		value := slice(text, fields[i].Value)
		if old := header[name]; old != nil {
			header[name] = append(old, value)
			continue
		}
		n := len(values)
		values = append(values, value)
		header[name] = values[n : n+1 : n+1]
	}
	if header == nil {
		return make(http.Header)
	}
	return header
}

func canonicalName(name string) string {
	if known, ok := http1.CanonicalName(name); ok {
		return known
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// fixPragma does what net/http does for HTTP/1.0 caches (RFC 9111, 5.4).
func fixPragma(h http.Header) {
	if p := h["Pragma"]; len(p) > 0 && p[0] == "no-cache" {
		if _, ok := h["Cache-Control"]; !ok {
			h["Cache-Control"] = []string{"no-cache"}
		}
	}
}

// announcedTrailer moves the Trailer field into the keys of a Request.Trailer whose values come with the body.
func announcedTrailer(h http.Header) http.Header {
	lines := h["Trailer"]
	if lines == nil {
		return nil
	}
	delete(h, "Trailer")
	trailer := make(http.Header)
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))
			switch name {
			case "", "Transfer-Encoding", "Trailer", "Content-Length":
			default:
				trailer[name] = nil
			}
		}
	}
	if len(trailer) == 0 {
		return nil
	}
	return trailer
}

// parseTarget makes u the URL of a request target (RFC 9112, 3.2).
func parseTarget(u *url.URL, target string, form http1.TargetForm) error {
	if form == http1.OriginForm && plainTarget(target) {
		u.Path, u.RawQuery = splitTarget(target)
		u.ForceQuery = u.RawQuery == "" && len(u.Path) < len(target)
		return nil
	}
	if form == http1.AuthorityForm {
		target = "http://" + target
	}
	parsed, err := url.ParseRequestURI(target)
	if err != nil {
		return err
	}
	*u = *parsed
	if form == http1.AuthorityForm {
		u.Scheme = ""
	}
	return nil
}

// splitTarget cuts an origin-form target at its first '?'.
func splitTarget(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	return path, query
}

// plainPath has the bytes of a path that url.URL keeps as they are, whose escaped and unescaped forms are the same.
var plainPath = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~$&+,/:;=@") {
		t[c] = true
	}
	return t
}()

// plainTarget reports whether a target can be split without parsing: nothing before the '?' needs unescaping.
func plainTarget(target string) bool {
	for i := 0; i < len(target); i++ {
		if c := target[i]; !plainPath[c] {
			return c == '?'
		}
	}
	return true
}
