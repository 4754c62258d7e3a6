package http1

import (
	"slices"
	"strings"
	"testing"
)

// TestAttacks has, by class, what has fooled parsers, written from the rules. Each is refused at the caret; the few
// that stand without one are harmless when they are read as here.
func TestAttacks(t *testing.T) {
	for _, class := range []struct {
		name string
		rows []row
	}{
		{"Content-Length and Transfer-Encoding both honoured", []row{
			{"CL.TE", post + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r‸\n0\r\n\r\nG", CodeInvalidHeaders},
			{"TE.CL", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r‸\n8\r\nSMUGGLED\r\n0\r\n\r\n", CodeInvalidHeaders},
			{"TE.CL with zero", post + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r‸\n0\r\n\r\n", CodeInvalidHeaders},
			{"with fields between", post + "content-length: 1\r\nA: b\r\nC: d\r\ntransfer-encoding: chunked\r\n\r‸\n", CodeInvalidHeaders},
		}},
		{"several or odd Transfer-Encodings", []row{
			{"behind a tab and a space", post + "Transfer-Encoding:\t chunked\r\n\r\n", ""},
			{"vertical tab", post + "Transfer-Encoding: ‸\x0bchunked\r\n\r\n", CodeInvalidHeaders},
			{"form feed behind", post + "Transfer-Encoding: chunked‸\x0c\r\n\r\n", CodeInvalidHeaders},
			{"NUL behind", post + "Transfer-Encoding: chunked‸\x00\r\n\r\n", CodeInvalidHeaders},
			{"no-break space", post + "Transfer-Encoding: ‸\xa0chunked\r\n\r\n", CodeInvalidHeaders},
			{"space before the colon", post + "Transfer-Encoding‸ : chunked\r\n\r\n", CodeInvalidHeaders},
			{"folded", post + "Transfer-Encoding:‸\r\n chunked\r\n\r\n", CodeInvalidHeaders},
			{"identity first", post + "Transfer-Encoding: ‸identity, chunked\r\n\r\n", CodeUnsupportedCoding},
			{"identity on a second line", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding‸: identity\r\n\r\n", CodeInvalidHeaders},
			{"a second line in another case", post + "Transfer-Encoding: chunked\r\nTRANSFER-ENCODING‸: x\r\n\r\n", CodeInvalidHeaders},
			{"cow", post + "Transfer-Encoding: c‸ow\r\n\r\n", CodeUnsupportedCoding},
			{"Kelvin sign for the k", post + "Transfer-Encoding: chun‸\xe2\x84\xaaed\r\n\r\n", CodeInvalidHeaders},
			{"empty member behind", post + "Transfer-Encoding: chunked‸,\r\n\r\n", CodeInvalidHeaders},
			{"another name", post + "Transfer_Encoding: chunked\r\nContent-Length: 1\r\n\r\n", ""},
		}},
		{"Transfer-Encoding in HTTP/1.0", []row{
			{"chunked", "POST / HTTP/1.0\r\nTransfer-Encoding‸: chunked\r\n\r\n", CodeInvalidHeaders},
			{"behind a Content-Length", "POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding‸: chunked\r\n\r\n", CodeInvalidHeaders},
			{"unknown", "POST / HTTP/1.0\r\nTransfer-Encoding‸: identity\r\n\r\n", CodeInvalidHeaders},
		}},
		{"duplicate Content-Length", []row{
			{"different", post + "Content-Length: 5\r\nContent-Length‸: 6\r\n\r\n", CodeInvalidHeaders},
			{"equal", post + "Content-Length: 5\r\ncontent-length‸: 5\r\n\r\n", CodeInvalidHeaders},
			{"zero first", post + "Content-Length: 0\r\nA: b\r\nContent-Length‸: 5\r\n\r\n", CodeInvalidHeaders},
			{"in one line", post + "Content-Length: 5‸,6\r\n\r\n", CodeInvalidHeaders},
		}},
		{"Content-Length read by a library", []row{
			{"plus", post + "Content-Length: ‸+5\r\n\r\n", CodeInvalidHeaders},
			{"underscore", post + "Content-Length: 1‸_0\r\n\r\n", CodeInvalidHeaders},
			{"hexadecimal", post + "Content-Length: 0‸x5\r\n\r\n", CodeInvalidHeaders},
			{"exponent", post + "Content-Length: 1‸e1\r\n\r\n", CodeInvalidHeaders},
			{"decimal point", post + "Content-Length: 5‸.0\r\n\r\n", CodeInvalidHeaders},
			{"quoted", post + "Content-Length: ‸\"5\"\r\n\r\n", CodeInvalidHeaders},
			{"other digits", post + "Content-Length: ‸\xd9\xa5\r\n\r\n", CodeInvalidHeaders},
			{"vertical tab", post + "Content-Length: ‸\x0b5\r\n\r\n", CodeInvalidHeaders},
			{"words", post + "Content-Length: 5 ‸5\r\n\r\n", CodeInvalidHeaders},
			{"empty", post + "Content-Length:‸\r\n\r\n", CodeInvalidHeaders},
			{"2^64 and 5", post + "Content-Length: 1844674407370955162‸1\r\n\r\n", CodeInvalidHeaders},
		}},
		{"space or control before the colon, odd names", []row{
			{"space", post + "Content-Length‸ : 5\r\n\r\n", CodeInvalidHeaders},
			{"tab", post + "Content-Length‸\t: 5\r\n\r\n", CodeInvalidHeaders},
			{"control", post + "Content-Length‸\x0b: 5\r\n\r\n", CodeInvalidHeaders},
			{"NUL", post + "‸\x00Content-Length: 5\r\n\r\n", CodeInvalidHeaders},
			{"high byte", post + "‸\xffContent-Length: 5\r\n\r\n", CodeInvalidHeaders},
		}},
		{"obs-fold", []row{
			{"a field inside", post + "A: b\r\n‸ Content-Length: 5\r\n\r\n", CodeInvalidHeaders},
			{"space before the first name", "POST / HTTP/1.1\r\n‸ Content-Length: 5\r\n" + host + "\r\n", CodeInvalidHeaders},
			{"a line of spaces", post + "A: b\r\n‸ \r\nContent-Length: 5\r\n\r\n", CodeInvalidHeaders},
		}},
		{"CR, LF and NUL in values", []row{
			{"CR", get + "A: b\r‸Content-Length: 5\r\n\r\n", CodeInvalidHeaders},
			{"LF", get + "A: b‸\nContent-Length: 5\r\n\r\n", CodeInvalidHeaders},
			{"NUL", get + "A: b‸\x00Content-Length: 5\r\n\r\n", CodeInvalidHeaders},
			{"CRLF CR X as the end", get + "A: b\r\n\r‸XGET /evil HTTP/1.1\r\n" + host + "\r\n", CodeInvalidHeaders},
			{"LF LF as the end", get + "A: b‸\n\nGET /evil HTTP/1.1\r\n" + host + "\r\n", CodeInvalidHeaders},
			{"CR CR as the end", get + "A: b\r‸\rGET /evil HTTP/1.1\r\n" + host + "\r\n", CodeInvalidHeaders},
			{"escape sequence for a log", get + "User-Agent: ‸\x1b[2J\r\n\r\n", CodeInvalidHeaders},
		}},
		{"empty or overlong names", []row{
			{"empty", get + "‸: 5\r\n\r\n", CodeInvalidHeaders},
			{"empty, to hide the rest", get + "‸:\r\nContent-Length: 5\r\n\r\n", CodeInvalidHeaders},
			{"longer than a byte counts", post + "Content-Length" + strings.Repeat("a", 256) + ": 5\r\nContent-Length: 3\r\n\r\n", ""},
		}},
		{"controls before the request line", []row{
			{"NUL", "‸\x00" + get + "\r\n", CodeInvalidRequestLine},
			{"backspaces", "‸\x08\x08" + get + "\r\n", CodeInvalidRequestLine},
			{"LFs", "‸\n\n" + get + "\r\n", CodeInvalidRequestLine},
			{"white space", "‸ \t" + get + "\r\n", CodeInvalidRequestLine},
			{"behind an empty line", "\r\n‸\x1f" + get + "\r\n", CodeInvalidRequestLine},
			{"byte order mark", "‸\xef\xbb\xbf" + get + "\r\n", CodeInvalidRequestLine},
		}},
		{"Host", []row{
			{"two", "GET / HTTP/1.1\r\nHost: a\r\nHost‸: b\r\n\r\n", CodeInvalidHeaders},
			{"list", "GET / HTTP/1.1\r\nHost: a‸, b\r\n\r\n", CodeInvalidHeaders},
			{"slash", "GET / HTTP/1.1\r\nHost: a‸/../admin\r\n\r\n", CodeInvalidHeaders},
			{"backslash", "GET / HTTP/1.1\r\nHost: a‸\\b\r\n\r\n", CodeInvalidHeaders},
			{"question mark", "GET / HTTP/1.1\r\nHost: a‸?b\r\n\r\n", CodeInvalidHeaders},
			{"number sign", "GET / HTTP/1.1\r\nHost: a‸#b\r\n\r\n", CodeInvalidHeaders},
			{"at sign", "GET / HTTP/1.1\r\nHost: a‸@b\r\n\r\n", CodeInvalidHeaders},
			{"at sign behind a port", "GET / HTTP/1.1\r\nHost: a:80‸@b\r\n\r\n", CodeInvalidHeaders},
			{"markup", "GET / HTTP/1.1\r\nHost: a‸<script>\r\n\r\n", CodeInvalidHeaders},
			{"quote", "GET / HTTP/1.1\r\nHost: a‸\"b\r\n\r\n", CodeInvalidHeaders},
			{"absolute form wins", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", ""},
		}},
		{"100-continue", []row{
			{"with another expectation", post + "Expect: 100-continue‸, 100-continue\r\n\r\n", CodeUnsupportedExpectation},
			{"with a parameter", post + "Expect: 100-continue‸;x\r\n\r\n", CodeUnsupportedExpectation},
			{"on two lines", post + "Expect: 100-continue\r\nExpect: ‸y\r\n\r\n", CodeUnsupportedExpectation},
			{"folded away", post + "Expect:‸\r\n 100-continue\r\n\r\n", CodeUnsupportedExpectation},
		}},
		{"names that are special to an application", []row{
			{"prototype", get + "__proto__: x\r\nconstructor: y\r\n\r\n", ""},
		}},
	} {
		t.Run(class.name, func(t *testing.T) {
			for _, r := range class.rows {
				t.Run(r.name, func(t *testing.T) { checkHead(t, r.in, r.code, limits) })
			}
		})
	}
}

func TestChunkedAttacks(t *testing.T) {
	for _, class := range []struct {
		name string
		rows []chunkRow
	}{
		{"chunk size read by a library", []chunkRow{
			{"plus", "‸+5\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"0x", "0‸x5\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"underscore", "0‸_5\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"prefix", "5‸ bytes\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"negative", "‸-5\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"quoted", "‸\"5\"\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"2^64 and 5", "1000000000000000‸5\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"2^63", "800000000000000‸0\r\n", "", CodeInvalidChunkedBody},
			{"all ones", "fffffffffffffff‸f\r\n", "", CodeInvalidChunkedBody},
			{"2^32 and 5", "100000005\r\nhello", "hello", ""},
			{"leading zeros", strings.Repeat("0", 16) + "‸5\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
		}},
		{"bare CR and LF in chunk lines", []chunkRow{
			{"TERM.EXT", "5;‸\nxx\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"EXT.TERM", "5;a\r‸a\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"LF behind the size", "5‸\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"LF in the last chunk's line", "0‸\n\r\n", "", CodeInvalidChunkedBody},
			{"CR CR LF", "5\r‸\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
			{"quoted LF", "5;a=\"‸\n\"\r\nhello\r\n0\r\n\r\n", "", CodeInvalidChunkedBody},
		}},
		{"chunk data not followed by CRLF", []chunkRow{
			{"TERM.SPILL", "5\r\nhello‸XX0\r\n\r\n", "hello", CodeInvalidChunkedBody},
			{"LF", "5\r\nhello‸\n0\r\n\r\n", "hello", CodeInvalidChunkedBody},
			{"CR", "5\r\nhello\r‸0\r\n\r\n", "hello", CodeInvalidChunkedBody},
			{"nothing", "5\r\nhello‸0\r\n\r\n", "hello", CodeInvalidChunkedBody},
			{"empty line more", "5\r\nhello\r\n‸\r\n0\r\n\r\n", "hello", CodeInvalidChunkedBody},
		}},
		{"trailers", []chunkRow{
			{"bare LF", "0\r\nA: b‸\n\r\n", "", CodeInvalidHeaders},
			{"folded", "0\r\nA: b\r\n‸\tc\r\n\r\n", "", CodeInvalidHeaders},
			{"request line", "0\r\nGET‸ /evil HTTP/1.1\r\n" + host + "\r\n", "", CodeInvalidHeaders},
			{"empty name", "0\r\n‸:\r\n\r\n", "", CodeInvalidHeaders},
			{"too many", "0\r\n" + strings.Repeat("A:\r\n", 100) + "‸A:\r\n\r\n", "", CodeTooManyHeaders},
		}},
	} {
		t.Run(class.name, func(t *testing.T) {
			for _, r := range class.rows {
				t.Run(r.name, func(t *testing.T) { checkChunked(t, r.in, r.code, r.body, limits) })
			}
		})
	}
}

// TestTrailersCannotReframe: what would change how a message is read or who sent it is not merged from behind it.
func TestTrailersCannotReframe(t *testing.T) {
	for _, name := range []string{
		"Content-Length", "transfer-encoding", "HOST", "Trailer", "Connection", "Upgrade", "TE", "Expect", "Content-Type",
		"Content-Encoding", "Content-Range", "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "Max-Forwards",
		"Cache-Control", "Range", "Keep-Alive", "Proxy-Connection",
	} {
		d := checkChunked(t, "0\r\n"+name+": 1\r\nOk: 2\r\n\r\n", "", "", limits)
		if want := `done [{"Ok" "2"}]`; d.verdict != want {
			t.Errorf("%s: %s, want %s", name, d.verdict, want)
		}
	}
}

// TestPipelinedInOrder: a head ends where it ends, whatever comes behind; bytes are nobody's twice.
func TestPipelinedInOrder(t *testing.T) {
	stream := []byte("GET /1 HTTP/1.1\r\n" + host + "\r\n\r\nGET /2 HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nGET /GET /3 HTTP/1.1\r\n" + host + "\r\n")
	var targets []string
	var h Head
	for rest := stream; len(rest) > 0; {
		h.Reset()
		n, err := h.Parse(rest, limits)
		if n == 0 {
			t.Fatal(err)
		}
		targets = append(targets, string(h.Target.In(rest)))
		rest = rest[n+int(max(h.ContentLength, 0)):]
	}
	if !slices.Equal(targets, []string{"/1", "/2", "/3"}) {
		t.Error(targets)
	}
}

// TestUpgradeWithBody: both are reported, so that the body is read before the protocol changes.
func TestUpgradeWithBody(t *testing.T) {
	in := []byte(post + "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nGET /")
	var h Head
	h.Reset()
	n, err := h.Parse(in, limits)
	if string(in[n:]) != "GET /" || !h.Upgrade || h.ContentLength != 5 || string(h.UpgradeProtocol.In(in)) != "h2c" {
		t.Error(n, err, h.Upgrade, h.ContentLength)
	}
}

// TestReasonsQuoteNothing: a reason goes to clients and into logs, so no byte of the request is in it.
func TestReasonsQuoteNothing(t *testing.T) {
	reasons := map[string]bool{}
	for _, table := range [][]row{requestLineRows, headRows} {
		for _, r := range table {
			if r.code == "" {
				continue
			}
			b, _ := split(t, r.in, r.code)
			reasons[parseWhole(b, limits).reason] = true
		}
	}
	for reason := range reasons {
		for _, c := range []byte(reason) {
			if c < ' ' || c > '~' {
				t.Errorf("%q is not plain text", reason)
			}
		}
	}
	in := []byte("GET /zqx HTTP/1.1\r\nHost: zqx\r\nzqx\x00\r\n\r\n")
	if v := parseWhole(in, limits); v.reason == "" || strings.Contains(v.reason, "zqx") {
		t.Errorf("%q", v.reason)
	}
}

// TestFloodsAreBounded: what never ends is refused, and nothing is kept of it but the field ranges that the limit allows.
func TestFloodsAreBounded(t *testing.T) {
	flood := func(begin, again string) []byte { return []byte(begin + strings.Repeat(again, 100<<10/len(again))) }
	for _, c := range []struct {
		name, code string
		in         []byte
	}{
		{"empty lines", CodeInvalidRequestLine, flood("", "\r\n")},
		{"method", CodeHeadTooLarge, flood("", "A")},
		{"target", CodeTargetTooLong, flood("GET /", "a")},
		{"one field", CodeHeadTooLarge, flood(get+"A: ", "a")},
		{"one name", CodeHeadTooLarge, flood(get, "a")},
		{"white space", CodeHeadTooLarge, flood(get+"A:", " ")},
		{"fields", CodeTooManyHeaders, flood(get, "A: b\r\n")},
		{"cookies", CodeTooManyHeaders, flood(get, "Cookie: a=b\r\n")},
		{"large fields", CodeHeadTooLarge, flood(get, "A: "+strings.Repeat("b", 4096)+"\r\n")},
		{"zeros of a Content-Length", CodeHeadTooLarge, flood(post+"Content-Length: ", "0")},
	} {
		var h Head
		h.Reset()
		n, err := h.Parse(c.in, limits)
		if n > 0 || err == nil || err.Code != c.code || len(h.Fields) > limits.MaxHeaders {
			t.Errorf("%s: %d bytes, %v, %d fields", c.name, n, err, len(h.Fields))
		}
	}
}
