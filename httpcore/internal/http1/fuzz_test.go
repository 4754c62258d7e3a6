package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"
)

// everyRow gives f the rows as seeds, and the heads of the benchmarks.
func everyRow(add func(in []byte)) {
	for _, table := range [][]row{requestLineRows, headRows, smallRows} {
		for _, r := range table {
			add([]byte(strings.Replace(r.in, caret, "", 1)))
		}
	}
	for _, in := range []string{smallHead, browserHead, everyHead} {
		add([]byte(in))
	}
}

func everyChunkRow(add func(in []byte)) {
	for _, r := range chunkRows {
		add([]byte(strings.Replace(r.in, caret, "", 1)))
	}
}

// tight limits are reached by short inputs.
var tight = Limits{MaxTargetBytes: 40, MaxHeaderBytes: 300, MaxHeaders: 5}

// FuzzHeadSplit: the same verdict whole or in pieces, at once when the byte is there that decides.
func FuzzHeadSplit(f *testing.F) {
	everyRow(func(in []byte) { f.Add(in, 7) })
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		for _, lim := range []Limits{limits, tight} {
			whole := parseWhole(b, lim)
			checkTrickle(t, b, lim, whole)
			cut = min(max(cut, 0), len(b))
			if got := parsePieces(b, lim, cut, len(b)+1); got != whole {
				t.Fatalf("split at %d: %v, whole: %v", cut, got, whole)
			}
		}
	})
}

// FuzzHeadAgainstPlain: the same verdict as the plain twin about every head that is complete.
func FuzzHeadAgainstPlain(f *testing.F) {
	everyRow(func(in []byte) { f.Add(in) })
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, lim := range []Limits{limits, tight} {
			got := parseWhole(b, lim)
			n, understood, complete := plainHead(b, lim)
			switch {
			case !complete && got.n > 0:
				t.Fatalf("%v, but there is no empty line", got)
			case complete && got.n == 0 && got.status == 0:
				t.Fatalf("asks for more, but there is an empty line")
			case complete && (got.n != n || got.head != understood):
				t.Fatalf("%v\nplain: %d bytes: %s", got, n, understood)
			}
		}
	})
}

// FuzzHeadAgainstNetHTTP: what both accept, both understand in the same way.
func FuzzHeadAgainstNetHTTP(f *testing.F) {
	everyRow(func(in []byte) { f.Add(in) })
	f.Fuzz(func(t *testing.T, b []byte) {
		var h Head
		h.Reset()
		n, refused := h.Parse(b, limits)
		if n == 0 || refused != nil {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b[h.start:n])))
		if err != nil {
			return
		}
		if r.Method != string(h.Method.In(b)) || r.RequestURI != string(h.Target.In(b)) || r.ProtoMinor != h.Minor {
			t.Fatalf("request line %q %q %d, theirs %q %q %d", h.Method.In(b), h.Target.In(b), h.Minor, r.Method, r.RequestURI, r.ProtoMinor)
		}
		if h.Chunked != (len(r.TransferEncoding) > 0) {
			t.Fatalf("chunked %v, theirs %v", h.Chunked, r.TransferEncoding)
		}
		if !h.Chunked && max(h.ContentLength, 0) != max(r.ContentLength, 0) {
			t.Fatalf("content length %d, theirs %d", h.ContentLength, r.ContentLength)
		}
		if r.Host != string(h.Authority.In(b)) {
			t.Fatalf("host %q, theirs %q", h.Authority.In(b), r.Host)
		}
		ours := http.Header{}
		for _, f := range h.Fields {
			ours.Add(string(f.Name.In(b)), string(f.Value.In(b)))
		}
		for name, values := range r.Header {
			if name == "Cache-Control" && ours[name] == nil {
				continue // theirs comes from Pragma
			}
			if !slices.Equal(ours[name], values) {
				t.Fatalf("%s: %q, theirs %q", name, ours[name], values)
			}
		}
		for name := range ours {
			switch name {
			case "Host", "Transfer-Encoding", "Trailer":
			default:
				if r.Header[name] == nil {
					t.Fatalf("%s: %q, theirs none", name, ours[name])
				}
			}
		}
	})
}

// FuzzHeadStaysOpen: whatever Parse asks for more of can still become an acceptable head. This and FuzzHeadSplit
// together say that a verdict falls at the first byte that allows one.
func FuzzHeadStaysOpen(f *testing.F) {
	everyRow(func(in []byte) { f.Add(in) })
	f.Fuzz(func(t *testing.T, b []byte) {
		var h Head
		h.Reset()
		if n, err := h.Parse(b, limits); n > 0 || err != nil {
			return
		}
		rest, ok := completion(&h, b)
		if !ok || len(h.Fields) > limits.MaxHeaders-2 || len(b) > limits.MaxTargetBytes-100 {
			return
		}
		whole := append(slices.Clone(b), rest...)
		if v := parseWhole(whole, limits); v.n != len(whole) {
			t.Fatalf("%v, of %q and %q", v, b, rest)
		}
	})
}

// completion makes the rest of an acceptable head. It has none for what Parse judges late, as its comment says.
func completion(h *Head, b []byte) (rest string, ok bool) {
	needsHost, twoFramings := !h.seen[kindHost], h.seen[contentLength] && h.seen[transferEncoding]
	state := h.state
	switch state {
	case inEmptyLines:
		if h.pos < len(b) {
			rest = "\n"
		}
		rest += "GET / "
	case inMethod:
		rest = " / "
		if string(b[h.mark:]) == "CONNECT" {
			rest = " h:1 "
		}
	case inTarget:
		rest = "/ "
		if string(h.Method.In(b)) == "CONNECT" {
			rest = "h:1 "
		}
	case inScheme:
		rest = "://h "
	case inSlash1:
		rest = "//h "
	case inSlash2:
		rest = "/h "
	case inAuthority, inConnect:
		if rest, ok = authorityRest(&h.host, state == inConnect); !ok {
			return "", false
		}
		rest += " "
	case inPath, inAsterisk:
		rest = " "
	case inVersion:
		i := h.pos - h.mark
		if i > 5 && b[h.mark+5] != '1' {
			return "", false
		}
		return "HTTP/1.1\r\n"[i:] + "Host: h\r\n\r\n", true
	case inName:
		rest = "x:\r\n"
	case beforeValue, inValue:
		if rest, ok = valueRest(h); !ok {
			return "", false
		}
		rest += "\r\n"
		needsHost = needsHost && h.kind != kindHost
		twoFramings = twoFramings || h.kind == contentLength && h.seen[transferEncoding] || h.kind == transferEncoding && h.seen[contentLength]
	case afterValue:
		rest = "\n"
	case atEnd:
		return "\n", h.seen[kindHost] && !twoFramings
	}
	if state < inVersion {
		rest += "HTTP/1.1\r\n"
	}
	if needsHost {
		rest += "Host: h\r\n"
	}
	return rest + "\r\n", !twoFramings
}

func authorityRest(a *authority, withPort bool) (rest string, ok bool) {
	switch a.part {
	case hostStart:
		rest = "h"
	case hostHex1:
		rest = "00"
	case hostHex2:
		rest = "0"
	case hostLiteral:
		return "", false
	}
	switch {
	case withPort && a.part < hostPort:
		rest += ":1"
	case withPort && a.port == 0:
		rest += "1"
	}
	return rest, true
}

func valueRest(h *Head) (rest string, ok bool) {
	v := &h.value
	if v.ended || h.kind < strict {
		return "", true
	}
	switch h.kind {
	case kindHost:
		return authorityRest(&h.host, false)
	case contentLength:
		if h.state == beforeValue || h.pos == h.mark {
			return "1", true
		}
		return "", true
	}
	return h.word()[v.matched:], true
}

// FuzzChunkedSplit: the same body, verdict and rest whole or in pieces.
func FuzzChunkedSplit(f *testing.F) {
	everyChunkRow(func(in []byte) { f.Add(in, 7) })
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		for _, lim := range []Limits{limits, {MaxTargetBytes: 1, MaxHeaderBytes: 20, MaxHeaders: 2}} {
			whole, _ := dechunkWhole(b, lim)
			if got := dechunkSteps(b, lim, 1); got != whole {
				t.Fatalf("a byte at a time: %+v, whole: %+v", got, whole)
			}
			if got := dechunkSplit(b, lim, cut); got != whole {
				t.Fatalf("split at %d: %+v, whole: %+v", cut, got, whole)
			}
		}
	})
}

// FuzzChunkedAgainstPlain: the same as the plain twin about every body that is complete.
func FuzzChunkedAgainstPlain(f *testing.F) {
	everyChunkRow(func(in []byte) { f.Add(in) })
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, lim := range []Limits{limits, {MaxTargetBytes: 1, MaxHeaderBytes: 20, MaxHeaders: 2}} {
			got, refused := dechunkWhole(b, lim)
			body, trailer, n, complete, err := plainChunked(b, lim)
			switch {
			case !complete:
				if strings.HasPrefix(got.verdict, "done") {
					t.Fatalf("%+v, but the body does not end", got)
				}
			case (refused != nil) != (err != nil):
				t.Fatalf("%+v, plain %v", got, err)
			case err == nil && got != (decoded{body, n, trailer}):
				t.Fatalf("%+v, plain %q %d %s", got, body, n, trailer)
			}
		}
	})
}

// FuzzChunkedAgainstNetHTTP: what both accept, both decode to the same bytes.
func FuzzChunkedAgainstNetHTTP(f *testing.F) {
	everyChunkRow(func(in []byte) { f.Add(in) })
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, _ := dechunkWhole(b, limits)
		if !strings.HasPrefix(ours.verdict, "done") {
			return
		}
		theirs, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(b)))
		if err == nil && string(theirs) != ours.body {
			t.Fatalf("%q, theirs %q", ours.body, theirs)
		}
	})
}
