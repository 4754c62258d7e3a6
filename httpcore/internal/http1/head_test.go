package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

var limits = Limits{MaxTargetBytes: 8 << 10, MaxHeaderBytes: 64 << 10, MaxHeaders: 100}

// verdict is what Parse came to, for comparison.
type verdict struct {
	n    int
	err  string
	head string
}

func parseWhole(b []byte, lim Limits) verdict {
	var h Head
	h.Reset()
	n, err := h.Parse(b, lim)
	return verdictOf(&h, b, n, err)
}

// parsePieces gives Parse the first cut bytes, then step more at a time, each time in a fresh buffer.
func parsePieces(b []byte, lim Limits, cut, step int) verdict {
	var h Head
	h.Reset()
	for end := cut; ; end = min(end+step, len(b)) {
		n, err := h.Parse(append([]byte(nil), b[:end]...), lim)
		if n > 0 || err != nil || end == len(b) {
			return verdictOf(&h, b, n, err)
		}
	}
}

func verdictOf(h *Head, b []byte, n int, err *Error) verdict {
	v := verdict{n: n}
	if err != nil {
		v.err = fmt.Sprintf("%d %s %q at %d", err.Status, err.Code, err.Reason, err.Offset)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%q %q %d %d host %q authority %q", h.Method.In(b), h.Target.In(b), h.Minor, h.Form, h.Host.In(b), h.Authority.In(b))
	fmt.Fprintf(&s, " cl %d chunked %v close %v ka %v up %v 100 %v", h.ContentLength, h.Chunked, h.Close, h.KeepAlive, h.Upgrade, h.ExpectContinue)
	fmt.Fprintf(&s, " %q %q %q", h.UpgradeProtocol.In(b), h.AcceptEncoding.In(b), h.Traceparent.In(b))
	for _, f := range h.Fields {
		fmt.Fprintf(&s, " %q=%q", f.Name.In(b), f.Value.In(b))
	}
	v.head = s.String()
	return v
}

const hostLine = "Host: h\r\n"

// rows are the rows of the specification: a head, and the status that it is refused with; 0: accepted.
var rows = []struct {
	name, in string
	status   int
}{
	{"get", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", 0},
	{"unknown method", "BREW /pot HTTP/1.1\r\n" + hostLine + "\r\n", 0},
	{"lower-case method", "get / HTTP/1.1\r\n" + hostLine + "\r\n", 0},
	{"method with a slash", "GE/T / HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"empty method", " / HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"two spaces after the method", "GET  / HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"two spaces after the target", "GET /  HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"tab after the method", "GET\t/ HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"tab after the target", "GET /\tHTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"space at the end of the line", "GET / HTTP/1.1 \r\n" + hostLine + "\r\n", 400},
	{"control in the target", "GET /\x01 HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"DEL in the target", "GET /\x7f HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"NUL in the target", "GET /\x00 HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"high bytes in the target", "GET /\xff\xfe HTTP/1.1\r\n" + hostLine + "\r\n", 0},
	{"relative target", "GET foo HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"absolute form", "GET http://a.example:80/x?y HTTP/1.1\r\nHost: other\r\n\r\n", 0},
	{"absolute form without a path", "GET http://a.example HTTP/1.1\r\nHost: other\r\n\r\n", 0},
	{"absolute form, empty authority", "GET http:///x HTTP/1.1\r\nHost: other\r\n\r\n", 400},
	{"absolute form with userinfo", "GET http://u@h/ HTTP/1.1\r\nHost: other\r\n\r\n", 400},
	{"connect", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 0},
	{"connect without a port", "CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", 400},
	{"connect with a path", "CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
	{"authority form with GET", "GET h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
	{"options *", "OPTIONS * HTTP/1.1\r\n" + hostLine + "\r\n", 0},
	{"get *", "GET * HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 0},
	{"HTTP/2.0", "GET / HTTP/2.0\r\n" + hostLine + "\r\n", 505},
	{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
	{"HTTP/0.9 version", "GET / HTTP/0.9\r\n" + hostLine + "\r\n", 505},
	{"HTTP/1.10", "GET / HTTP/1.10\r\n" + hostLine + "\r\n", 400},
	{"HTTP/1.2", "GET / HTTP/1.2\r\n" + hostLine + "\r\n", 400},
	{"http/1.1", "GET / http/1.1\r\n" + hostLine + "\r\n", 400},
	{"HTTP/1", "GET / HTTP/1\r\n" + hostLine + "\r\n", 400},
	{"no version", "GET /\r\n" + hostLine + "\r\n", 400},
	{"empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n" + hostLine + "\r\n", 0},
	{"too many empty lines before", strings.Repeat("\r\n", maxEmptyLines+1) + "GET / HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"bare LF before", "\nGET / HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"control before", "\x00GET / HTTP/1.1\r\n" + hostLine + "\r\n", 400},
	{"target as long as allowed", "GET /" + strings.Repeat("a", 8<<10-1) + " HTTP/1.1\r\n" + hostLine + "\r\n", 0},
	{"target too long", "GET /" + strings.Repeat("a", 8<<10) + " HTTP/1.1\r\n" + hostLine + "\r\n", 414},

	{"bare LF after the request line", "GET / HTTP/1.1\n" + hostLine + "\r\n", 400},
	{"bare LF after a field", "GET / HTTP/1.1\r\nHost: h\n\r\n", 400},
	{"bare LF as the end", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400},
	{"bare CR in a value", "GET / HTTP/1.1\r\n" + hostLine + "A: b\rc\r\n\r\n", 400},
	{"CR CR LF", "GET / HTTP/1.1\r\n" + hostLine + "A: b\r\r\n\r\n", 400},
	{"CRLF CR X as the end", "GET / HTTP/1.1\r\n" + hostLine + "\rX\r\n", 400},
	{"space before the colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
	{"empty name", "GET / HTTP/1.1\r\n" + hostLine + ": b\r\n\r\n", 400},
	{"name with a non-token", "GET / HTTP/1.1\r\n" + hostLine + "A(b): c\r\n\r\n", 400},
	{"line without a colon", "GET / HTTP/1.1\r\n" + hostLine + "Abc\r\n\r\n", 400},
	{"obs-fold", "GET / HTTP/1.1\r\n" + hostLine + "A: b\r\n c\r\n\r\n", 400},
	{"obs-fold with a tab", "GET / HTTP/1.1\r\n" + hostLine + "A: b\r\n\tc\r\n\r\n", 400},
	{"obs-fold on the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
	{"HTAB and obs-text in a value", "GET / HTTP/1.1\r\n" + hostLine + "A: b\tc \xe4\r\n\r\n", 0},
	{"NUL in a value", "GET / HTTP/1.1\r\n" + hostLine + "A: b\x00\r\n\r\n", 400},
	{"control in a value", "GET / HTTP/1.1\r\n" + hostLine + "A: long enough for a word \x1f\r\n\r\n", 400},
	{"DEL in a value", "GET / HTTP/1.1\r\n" + hostLine + "A: long enough for a word \x7f\r\n\r\n", 400},
	{"white space around a value", "GET / HTTP/1.1\r\n" + hostLine + "A: \t b \t\r\n\r\n", 0},
	{"empty value", "GET / HTTP/1.1\r\n" + hostLine + "A:\r\nB: \r\n\r\n", 0},
	{"head too large", "GET / HTTP/1.1\r\n" + hostLine + "A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431},
	{"head too large in its name", "GET / HTTP/1.1\r\n" + hostLine + strings.Repeat("a", 64<<10) + ": b\r\n\r\n", 431},
	{"as many fields as allowed", "GET / HTTP/1.1\r\n" + hostLine + strings.Repeat("A: b\r\n", 99) + "\r\n", 0},
	{"too many fields", "GET / HTTP/1.1\r\n" + hostLine + strings.Repeat("A: b\r\n", 100) + "\r\n", 431},
	{"no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400},
	{"two Hosts", "GET / HTTP/1.1\r\n" + hostLine + hostLine + "\r\n", 400},
	{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", 400},
	{"Host with a query", "GET / HTTP/1.1\r\nHost: h?x\r\n\r\n", 400},
	{"Host with userinfo", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400},
	{"Host list", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
	{"Host with a bad port", "GET / HTTP/1.1\r\nHost: h:8x\r\n\r\n", 400},
	{"Host with an IPv6 literal", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0},
	{"Host with a bad literal", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
	{"Content-Length", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 42\r\n\r\n", 0},
	{"Content-Length +1", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: +1\r\n\r\n", 400},
	{"Content-Length -1", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: -1\r\n\r\n", 400},
	{"Content-Length 0x1", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 0x1\r\n\r\n", 400},
	{"Content-Length 1_0", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 1_0\r\n\r\n", 400},
	{"Content-Length list", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 1, 1\r\n\r\n", 400},
	{"Content-Length empty", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length:\r\n\r\n", 400},
	{"Content-Length overflow", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 9223372036854775808\r\n\r\n", 400},
	{"Content-Length largest", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 9223372036854775807\r\n\r\n", 0},
	{"two equal Content-Lengths", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
	{"chunked", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n", 0},
	{"Chunked in capitals", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: CHUNKED\r\n\r\n", 0},
	{"chunked twice", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
	{"chunked on two lines", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"chunked not last", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked, gzip\r\n\r\n", 400},
	{"chunked with a parameter", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked;q=1\r\n\r\n", 400},
	{"chunked with a vertical tab", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: \x0bchunked\r\n\r\n", 400},
	{"gzip", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: gzip\r\n\r\n", 501},
	{"identity", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: identity\r\n\r\n", 501},
	{"empty Transfer-Encoding", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding:\r\n\r\n", 400},
	{"TE and CL", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
	{"CL and TE", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"TE in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"Expect: 100-continue", "POST / HTTP/1.1\r\n" + hostLine + "Expect: 100-Continue\r\n\r\n", 0},
	{"Expect: something", "POST / HTTP/1.1\r\n" + hostLine + "Expect: a-miracle\r\n\r\n", 417},
	{"Connection tokens", "GET / HTTP/1.1\r\n" + hostLine + "Connection: not-close, Keep-Alive ,upgrade\r\n\r\n", 0},
}

func TestRowsWholeAndInPieces(t *testing.T) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			in := []byte(row.in)
			whole := parseWhole(in, limits)
			if status, _ := strconv.Atoi(strings.SplitN(whole.err, " ", 2)[0]); status != row.status {
				t.Fatalf("refused with %q, want status %d", whole.err, row.status)
			}
			if row.status == 0 && whole.n != len(in) {
				t.Fatalf("the head is %d bytes long, want %d", whole.n, len(in))
			}
			if got := parsePieces(in, limits, 0, 1); got != whole {
				t.Fatalf("a byte at a time:\n%+v, whole:\n%+v", got, whole)
			}
			step := max(1, len(in)/300)
			for cut := 0; cut <= len(in); cut += step {
				if got := parsePieces(in, limits, cut, len(in)); got != whole {
					t.Fatalf("split at %d:\n%+v, whole:\n%+v", cut, got, whole)
				}
			}
		})
	}
}

func TestClassification(t *testing.T) {
	in := []byte("GET http://a.example:80/x HTTP/1.1\r\nHost: b\r\nConnection: not-close, Keep-Alive ,UPGRADE\r\nUpgrade: websocket\r\n" +
		"Accept-Encoding: gzip\r\nTraceparent: 00-1-2-01\r\n\r\nGET /next")
	var h Head
	h.Reset()
	n, err := h.Parse(in, limits)
	if err != nil || n != len(in)-len("GET /next") {
		t.Fatal(n, err)
	}
	for _, c := range []struct {
		what string
		got  []byte
		want string
	}{
		{"authority", h.Authority.In(in), "a.example:80"},
		{"host", h.Host.In(in), "b"},
		{"upgrade", h.UpgradeProtocol.In(in), "websocket"},
		{"accept-encoding", h.AcceptEncoding.In(in), "gzip"},
		{"traceparent", h.Traceparent.In(in), "00-1-2-01"},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s is %q, want %q", c.what, c.got, c.want)
		}
	}
	if h.Close || !h.KeepAlive || !h.Upgrade {
		t.Errorf("connection tokens: close %v keep-alive %v upgrade %v", h.Close, h.KeepAlive, h.Upgrade)
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	in := []byte(browserHead)
	var h Head
	allocs := testing.AllocsPerRun(100, func() {
		h.Reset()
		if n, err := h.Parse(in, limits); n == 0 || err != nil {
			t.Fatal(n, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// valueLenPlain is the plain twin of valueLen.
func valueLenPlain(b []byte) int {
	for i, c := range b {
		if !isValue[c] {
			return i
		}
	}
	return len(b)
}

func FuzzValueLen(f *testing.F) {
	f.Add([]byte("plain text that is longer than a word"))
	f.Add([]byte("0123456\x7f"))
	f.Add([]byte("\x80\xff01234\x1f6789"))
	f.Add([]byte("a\tb\tc\td\te\tf\t\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := valueLen(b), valueLenPlain(b); got != want {
			t.Fatalf("%d, want %d, of %q", got, want, b)
		}
	})
}

func FuzzHeadSplit(f *testing.F) {
	for _, row := range rows {
		if len(row.in) < 1000 {
			f.Add([]byte(row.in), 7)
		}
	}
	small := Limits{MaxTargetBytes: 40, MaxHeaderBytes: 300, MaxHeaders: 5}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		for _, lim := range []Limits{limits, small} {
			whole := parseWhole(b, lim)
			if got := parsePieces(b, lim, 0, 1); got != whole {
				t.Fatalf("a byte at a time:\n%+v, whole:\n%+v", got, whole)
			}
			if cut = min(max(cut, 0), len(b)); parsePieces(b, lim, cut, len(b)) != whole {
				t.Fatalf("split at %d differs from whole: %+v", cut, whole)
			}
		}
	})
}

// FuzzHeadAgainstNetHTTP: what both accept, both understand in the same way.
func FuzzHeadAgainstNetHTTP(f *testing.F) {
	for _, row := range rows {
		if len(row.in) < 1000 {
			f.Add([]byte(row.in))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var h Head
		h.Reset()
		n, err := h.Parse(b, limits)
		if n == 0 || err != nil {
			return
		}
		start := h.start
		r, theirs := http.ReadRequest(bufio.NewReader(bytes.NewReader(b[start:n])))
		if theirs != nil {
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
		if h.Form != AsteriskForm && r.Host != string(h.Authority.In(b)) {
			t.Fatalf("host %q, theirs %q", h.Authority.In(b), r.Host)
		}
		for _, f := range h.Fields {
			name := http.CanonicalHeaderKey(string(f.Name.In(b)))
			if name == "Host" || name == "Transfer-Encoding" || name == "Trailer" || name == "Content-Length" {
				continue
			}
			if !contains(r.Header[name], string(f.Value.In(b))) {
				t.Fatalf("%s: %q, theirs %q", name, f.Value.In(b), r.Header[name])
			}
		}
	})
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func TestErrorIsAnError(t *testing.T) {
	var err error = badLine(1, "x")
	if e := (*Error)(nil); !errors.As(err, &e) || e.Offset != 1 || err.Error() != "x" {
		t.Error(err)
	}
}

const browserHead = "GET /index.html?a=b HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\n\r\n"

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, in string }{
		{"small", "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"},
		{"browser", browserHead},
	} {
		b.Run(c.name, func(b *testing.B) {
			in := []byte(c.in)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			var h Head
			for b.Loop() {
				h.Reset()
				if n, err := h.Parse(in, limits); n == 0 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}
