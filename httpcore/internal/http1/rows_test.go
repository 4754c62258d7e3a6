package http1

import (
	"strings"
	"testing"
)

const (
	host = "Host: h\r\n"
	get  = "GET / HTTP/1.1\r\n" + host
	post = "POST / HTTP/1.1\r\n" + host
)

// row is one row of the specification: a head, and the code that it is refused with at the caret.
type row struct{ name, in, code string }

var requestLineRows = []row{
	{"get", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", ""},
	{"unknown method", "BREW /pot HTTP/1.1\r\n" + host + "\r\n", ""},
	{"lower-case method", "get / HTTP/1.1\r\n" + host + "\r\n", ""},
	{"every tchar in a method", "!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\n" + host + "\r\n", ""},
	{"method with a slash", "GE‸/T / HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"method with a high byte", "GE‸\xe4T / HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"empty method", "‸ / HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"method alone", "GET‸\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"two spaces after the method", "GET ‸ / HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"two spaces after the target", "GET / ‸ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"tab after the method", "GET‸\t/ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"tab after the target", "GET /‸\tHTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"space at the end of the line", "GET / HTTP/1.1‸ \r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"tab at the end of the line", "GET / HTTP/1.1‸\t\r\n" + host + "\r\n", CodeInvalidRequestLine},

	{"control in the target", "GET /a/long/path/‸\x01 HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"DEL in the target", "GET /‸\x7f HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"NUL in the target", "GET /‸\x00 HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"space in the target", "GET /a ‸b HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"high bytes in the target", "GET /\xff\x80\xc3\xa4?\xfe HTTP/1.1\r\n" + host + "\r\n", ""},
	{"empty target", "GET ‸ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"query without a path", "GET ‸?a HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"relative target", "GET foo‸ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"relative target with a slash", "GET foo‸/bar HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"two slashes are a path", "GET //evil/x HTTP/1.1\r\n" + host + "\r\n", ""},

	{"absolute form", "GET http://a.example:80/x?y HTTP/1.1\r\nHost: other\r\n\r\n", ""},
	{"absolute form without a path", "GET http://a.example HTTP/1.1\r\nHost: other\r\n\r\n", ""},
	{"absolute form with a query", "GET http://a.example?x HTTP/1.1\r\nHost: other\r\n\r\n", ""},
	{"absolute form, IPv6", "GET https://[::1]:8443/x HTTP/1.1\r\nHost: other\r\n\r\n", ""},
	{"absolute form, any scheme", "GET a+b-c.1://h/ HTTP/1.1\r\nHost: other\r\n\r\n", ""},
	{"absolute form, HTTP/1.0 without Host", "GET http://a.example/ HTTP/1.0\r\n\r\n", ""},
	{"absolute form without Host", "GET http://a.example/ HTTP/1.1\r\n\r‸\n", CodeInvalidHeaders},
	{"absolute form, empty authority", "GET http://‸/x HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"absolute form, no authority", "GET http://‸ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"absolute form, one slash", "GET http:/‸x HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"absolute form with userinfo", "GET http://u‸@h/ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"absolute form with a password", "GET http://u:‸p@h/ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"absolute form with a fragment", "GET http://h‸#x HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"absolute form with a backslash", "GET http://h‸\\x HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"absolute form with a bad port", "GET http://h:6553‸6/ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"scheme that begins with a digit", "GET ‸1http://h/ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"scheme with an underscore", "GET h‸_p://h/ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},

	{"connect", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", ""},
	{"connect, IPv6", "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: other\r\n\r\n", ""},
	{"connect without a port", "CONNECT h‸ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"connect without a port, IPv6", "CONNECT [::1]‸ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"connect with an empty port", "CONNECT h:‸ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"connect with port 0", "CONNECT h:0‸ HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"connect without a host", "CONNECT ‸:443 HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"connect with a path", "CONNECT ‸/x HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"connect with a URL", "CONNECT http:‸//h:443 HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"connect with a path behind", "CONNECT h:443‸/x HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"authority form with GET", "GET h:‸443 HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"options *", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", ""},
	{"options with a path", "OPTIONS /x HTTP/1.1\r\n" + host + "\r\n", ""},
	{"options with more than *", "OPTIONS *‸x HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"get *", "GET ‸* HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},

	{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", ""},
	{"HTTP/2.0", "GET / HTTP/2.0\r‸\n" + host + "\r\n", CodeInvalidHTTPVersion},
	{"HTTP/0.9", "GET / HTTP/0.9\r‸\n" + host + "\r\n", CodeInvalidHTTPVersion},
	{"HTTP/3.7", "GET / HTTP/3.7\r‸\n" + host + "\r\n", CodeInvalidHTTPVersion},
	{"HTTP/2 preface", "PRI ‸* HTTP/2.0\r\n\r\nSM\r\n\r\n", CodeInvalidRequestLine},
	{"HTTP/1.10", "GET / HTTP/1.1‸0\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"HTTP/2.00", "GET / HTTP/2.0‸0\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"HTTP/1.2", "GET / HTTP/1.‸2\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"HTTP/01.1", "GET / HTTP/0‸1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"HTTP/1,1", "GET / HTTP/1‸,1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"http/1.1", "GET / ‸http/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"HTTP/1", "GET / HTTP/1‸\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"HTTP/2", "GET / HTTP/2‸\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"no version", "GET /‸\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"no version, a space", "GET / ‸\r\n" + host + "\r\n", CodeInvalidRequestLine},

	{"empty lines before", "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n", ""},
	{"too many empty lines before", strings.Repeat("\r\n", maxEmptyLines) + "‸\r\n" + get + "\r\n", CodeInvalidRequestLine},
	{"bare LF before", "‸\n" + get + "\r\n", CodeInvalidRequestLine},
	{"bare CR before", "\r‸" + get + "\r\n", CodeInvalidRequestLine},
	{"CR CR LF before", "\r‸\r\n" + get + "\r\n", CodeInvalidRequestLine},
	{"space before", "‸ " + get + "\r\n", CodeInvalidRequestLine},
	{"TLS ClientHello", "‸\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", CodeInvalidRequestLine},
}

var headRows = []row{
	{"bare LF after the request line", "GET / HTTP/1.1‸\n" + host + "\r\n", CodeInvalidRequestLine},
	{"bare CR after the request line", "GET / HTTP/1.1\r‸" + host + "\r\n", CodeInvalidRequestLine},
	{"bare LF after Host", "GET / HTTP/1.1\r\nHost: h‸\n\r\n", CodeInvalidHeaders},
	{"bare LF after a field", get + "A: b‸\n\r\n", CodeInvalidHeaders},
	{"bare LF as the end", get + "‸\n", CodeInvalidHeaders},
	{"bare CR in a value", get + "A: b\r‸c\r\n\r\n", CodeInvalidHeaders},
	{"bare CR in a name", get + "A‸\rB: c\r\n\r\n", CodeInvalidHeaders},
	{"bare CR after Host", "GET / HTTP/1.1\r\nHost: h\r‸A: b\r\n\r\n", CodeInvalidHeaders},
	{"CR CR LF", get + "A: b\r‸\r\n\r\n", CodeInvalidHeaders},
	{"CRLF CR X as the end", get + "\r‸X\r\n", CodeInvalidHeaders},

	{"space before the colon", "GET / HTTP/1.1\r\nHost‸ : h\r\n\r\n", CodeInvalidHeaders},
	{"tab before the colon", get + "A‸\t: h\r\n\r\n", CodeInvalidHeaders},
	{"empty name", get + "‸: b\r\n\r\n", CodeInvalidHeaders},
	{"name with a non-tchar", get + "A‸(b): c\r\n\r\n", CodeInvalidHeaders},
	{"name with a high byte", get + "A‸\xe4: c\r\n\r\n", CodeInvalidHeaders},
	{"name with NUL", get + "A‸\x00: c\r\n\r\n", CodeInvalidHeaders},
	{"every tchar in a name", get + "!#$%&'*+-.^_`|~09azAZ: c\r\n\r\n", ""},
	{"line without a colon", get + "Abc‸\r\n\r\n", CodeInvalidHeaders},
	{"obs-fold", get + "A: b\r\n‸ c\r\n\r\n", CodeInvalidHeaders},
	{"obs-fold with a tab", get + "A: b\r\n‸\tc\r\n\r\n", CodeInvalidHeaders},
	{"obs-fold on the first field", "GET / HTTP/1.1\r\n‸ Host: h\r\n\r\n", CodeInvalidHeaders},
	{"line of white space", get + "‸ \r\n\r\n", CodeInvalidHeaders},

	{"HTAB and obs-text in a value", get + "A: b\tc \xe4\x80\xff\tlong enough for a word\r\n\r\n", ""},
	{"NUL in a value", get + "A: b‸\x00\r\n\r\n", CodeInvalidHeaders},
	{"control in a value", get + "A: long enough for a word ‸\x1f\r\n\r\n", CodeInvalidHeaders},
	{"DEL in a value", get + "A: long enough for a word ‸\x7f, and more of it\r\n\r\n", CodeInvalidHeaders},
	{"white space around a value", get + "A: \t b \t\r\nB:c\r\n\r\n", ""},
	{"empty value", get + "A:\r\nB: \r\n\r\n", ""},

	{"no Host", "GET / HTTP/1.1\r\nA: b\r\n\r‸\n", CodeInvalidHeaders},
	{"no field at all", "GET / HTTP/1.1\r\n\r‸\n", CodeInvalidHeaders},
	{"no Host in HTTP/1.0", "GET / HTTP/1.0\r\nA: b\r\n\r\n", ""},
	{"two Hosts", get + "Host‸: h\r\n\r\n", CodeInvalidHeaders},
	{"two Hosts, one empty", "GET / HTTP/1.1\r\nhost:\r\nHOST‸: h\r\n\r\n", CodeInvalidHeaders},
	{"empty Host", "GET / HTTP/1.1\r\nHost: \t\r\n\r\n", ""},
	{"Host with a port", "GET / HTTP/1.1\r\nHost: h:65535 \r\n\r\n", ""},
	{"Host with an empty port", "GET / HTTP/1.1\r\nHost: h:\r\n\r\n", ""},
	{"Host with an IPv4 address", "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n", ""},
	{"Host with an IPv6 address", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", ""},
	{"Host with an escape", "GET / HTTP/1.1\r\nHost: a%2Db\r\n\r\n", ""},
	{"Host with a bad escape", "GET / HTTP/1.1\r\nHost: a%2‸g\r\n\r\n", CodeInvalidHeaders},
	{"Host with a cut escape", "GET / HTTP/1.1\r\nHost: a%‸\r\n\r\n", CodeInvalidHeaders},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: h‸/x\r\n\r\n", CodeInvalidHeaders},
	{"Host with a query", "GET / HTTP/1.1\r\nHost: h‸?x\r\n\r\n", CodeInvalidHeaders},
	{"Host with a fragment", "GET / HTTP/1.1\r\nHost: h‸#x\r\n\r\n", CodeInvalidHeaders},
	{"Host with userinfo", "GET / HTTP/1.1\r\nHost: u‸@h\r\n\r\n", CodeInvalidHeaders},
	{"Host list", "GET / HTTP/1.1\r\nHost: a‸,b\r\n\r\n", CodeInvalidHeaders},
	{"Host with a space", "GET / HTTP/1.1\r\nHost: a ‸b\r\n\r\n", CodeInvalidHeaders},
	{"Host with a high byte", "GET / HTTP/1.1\r\nHost: a‸\xe4\r\n\r\n", CodeInvalidHeaders},
	{"Host with NUL", "GET / HTTP/1.1\r\nHost: a‸\x00\r\n\r\n", CodeInvalidHeaders},
	{"Host with a bad port", "GET / HTTP/1.1\r\nHost: h:8‸x\r\n\r\n", CodeInvalidHeaders},
	{"Host with a port too large", "GET / HTTP/1.1\r\nHost: h:6553‸6\r\n\r\n", CodeInvalidHeaders},
	{"Host of a port alone", "GET / HTTP/1.1\r\nHost: ‸:80\r\n\r\n", CodeInvalidHeaders},
	{"Host with a cut literal", "GET / HTTP/1.1\r\nHost: [::1‸\r\n\r\n", CodeInvalidHeaders},
	{"Host with no IPv6 address", "GET / HTTP/1.1\r\nHost: [1::2::3‸]\r\n\r\n", CodeInvalidHeaders},
	{"Host with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1‸%25eth0]\r\n\r\n", CodeInvalidHeaders},
	{"Host with an endless literal", "GET / HTTP/1.1\r\nHost: [" + strings.Repeat("0", 45) + "‸0\r\n\r\n", CodeInvalidHeaders},
	{"Host with more behind a literal", "GET / HTTP/1.1\r\nHost: [::1]‸a\r\n\r\n", CodeInvalidHeaders},

	{"Content-Length", post + "Content-Length: 42\r\n\r\n", ""},
	{"Content-Length 0", post + "content-length:0\t\r\n\r\n", ""},
	{"Content-Length with leading zeros", post + "Content-Length: 00000000000000000000042\r\n\r\n", ""},
	{"Content-Length, the largest", post + "Content-Length: 9223372036854775807\r\n\r\n", ""},
	{"Content-Length, one more", post + "Content-Length: 922337203685477580‸8\r\n\r\n", CodeInvalidHeaders},
	{"Content-Length of 20 digits", post + "Content-Length: 1000000000000000000‸0\r\n\r\n", CodeInvalidHeaders},
	{"Content-Length +1", post + "Content-Length: ‸+1\r\n\r\n", CodeInvalidHeaders},
	{"Content-Length -1", post + "Content-Length: ‸-1\r\n\r\n", CodeInvalidHeaders},
	{"Content-Length list", post + "Content-Length: 1‸, 1\r\n\r\n", CodeInvalidHeaders},
	{"Content-Length of two words", post + "Content-Length: 1 ‸1\r\n\r\n", CodeInvalidHeaders},
	{"Content-Length, empty", post + "Content-Length:‸\r\n\r\n", CodeInvalidHeaders},
	{"Content-Length of white space", post + "Content-Length: \t‸\r\n\r\n", CodeInvalidHeaders},
	{"Content-Length with NUL", post + "Content-Length: 1‸\x00\r\n\r\n", CodeInvalidHeaders},
	{"two equal Content-Lengths", post + "Content-Length: 1\r\nContent-Length‸: 1\r\n\r\n", CodeInvalidHeaders},

	{"chunked", post + "Transfer-Encoding: chunked\r\n\r\n", ""},
	{"chunked in capitals", post + "TRANSFER-ENCODING: CHUNKED \r\n\r\n", ""},
	{"chunked twice", post + "Transfer-Encoding: chunked‸, chunked\r\n\r\n", CodeInvalidHeaders},
	{"chunked on two lines", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding‸: chunked\r\n\r\n", CodeInvalidHeaders},
	{"chunked not last", post + "Transfer-Encoding: chunked ‸, gzip\r\n\r\n", CodeInvalidHeaders},
	{"chunked with a parameter", post + "Transfer-Encoding: chunked‸;q=1\r\n\r\n", CodeInvalidHeaders},
	{"chunked behind an empty member", post + "Transfer-Encoding: ‸, chunked\r\n\r\n", CodeInvalidHeaders},
	{"chunked in quotes", post + "Transfer-Encoding: ‸\"chunked\"\r\n\r\n", CodeInvalidHeaders},
	{"no coding, empty", post + "Transfer-Encoding:‸\r\n\r\n", CodeInvalidHeaders},
	{"gzip", post + "Transfer-Encoding: ‸gzip\r\n\r\n", CodeUnsupportedCoding},
	{"gzip before chunked", post + "Transfer-Encoding: ‸gzip, chunked\r\n\r\n", CodeUnsupportedCoding},
	{"identity", post + "Transfer-Encoding: ‸identity\r\n\r\n", CodeUnsupportedCoding},
	{"xchunked", post + "Transfer-Encoding: ‸xchunked\r\n\r\n", CodeUnsupportedCoding},
	{"chunkedx", post + "Transfer-Encoding: chunked‸x\r\n\r\n", CodeUnsupportedCoding},
	{"chunke", post + "Transfer-Encoding: chunke‸\r\n\r\n", CodeUnsupportedCoding},
	{"Transfer-Encoding and Content-Length", post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r‸\n", CodeInvalidHeaders},
	{"Content-Length and Transfer-Encoding", post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r‸\n", CodeInvalidHeaders},
	{"Transfer-Encoding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding‸: chunked\r\n\r\n", CodeInvalidHeaders},

	{"Expect: 100-continue", post + "Expect: 100-Continue\t\r\n\r\n", ""},
	{"Expect twice", post + "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", ""},
	{"Expect in HTTP/1.0", "POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", ""},
	{"Expect: something", post + "Expect: ‸a-miracle\r\n\r\n", CodeUnsupportedExpectation},
	{"Expect: less", post + "Expect: 100‸\r\n\r\n", CodeUnsupportedExpectation},
	{"Expect: more", post + "Expect: 100-continue‸, x\r\n\r\n", CodeUnsupportedExpectation},
	{"Expect: more behind a space", post + "Expect: 100-continue ‸x\r\n\r\n", CodeUnsupportedExpectation},
	{"Expect: nothing", post + "Expect:‸\r\n\r\n", CodeUnsupportedExpectation},
	{"Expect with a CR for the hyphen", post + "Expect: 100‸\rcontinue\r\n\r\n", CodeUnsupportedExpectation},
	{"Expect with a control for the 1", post + "Expect: ‸\x1100-continue\r\n\r\n", CodeInvalidHeaders},

	{"Connection tokens", get + "Connection: not-close, Keep-Alive ,,upgrade\r\nConnection: x\r\n\r\n", ""},
	{"Upgrade", get + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", ""},
}

// smallRows are read with small limits, so that each can be split at every byte.
var smallRows = []row{
	{"target as long as allowed", "GET /23456789abcdef0 HTTP/1.1\r\n" + host + "\r\n", ""},
	{"target too long", "GET /23456789abcdef0‸1 HTTP/1.1\r\n" + host + "\r\n", CodeTargetTooLong},
	{"target too long and endless", "GET /23456789abcdef0‸1234567", CodeTargetTooLong},
	{"absolute form too long", "GET http://abcdefghi‸j/ HTTP/1.1\r\n" + host + "\r\n", CodeTargetTooLong},
	{"scheme too long", "GET abcdefghijklmnop‸q://h HTTP/1.1\r\n" + host + "\r\n", CodeTargetTooLong},
	{"control behind the longest target", "GET /23456789abcdef0‸\x00 HTTP/1.1\r\n" + host + "\r\n", CodeInvalidRequestLine},
	{"head as large as allowed", get + "A: " + strings.Repeat("a", 100-len(get)-7) + "\r\n\r\n", ""},
	{"head one byte too large", get + "A: " + strings.Repeat("a", 100-len(get)-6) + "\r\n\r‸\n", CodeHeadTooLarge},
	{"head as large as allowed behind empty lines", "\r\n\r\n" + get + "A: " + strings.Repeat("a", 100-len(get)-7) + "\r\n\r\n", ""},
	{"head one byte too large behind empty lines", "\r\n\r\n" + get + "A: " + strings.Repeat("a", 100-len(get)-6) + "\r\n\r‸\n", CodeHeadTooLarge},
	{"value that does not end", get + "A: " + strings.Repeat("a", 100-len(get)-3) + "‸aaaaaaaaa", CodeHeadTooLarge},
	{"name that does not end", get + strings.Repeat("a", 100-len(get)) + "‸aaaaaaaaa", CodeHeadTooLarge},
	{"method that does not end", strings.Repeat("A", 100) + "‸AAAAAA", CodeHeadTooLarge},
	{"white space that does not end", get + "A:" + strings.Repeat(" ", 100-len(get)-2) + "‸      ", CodeHeadTooLarge},
	{"error in the last byte allowed", get + "A: " + strings.Repeat("a", 100-len(get)-4) + "‸\x00aaaa", CodeInvalidHeaders},
	{"as many fields as allowed", get + "A: b\r\nB: c\r\n\r\n", ""},
	{"too many fields", get + "A: b\r\nB: c\r\n‸C: d\r\n\r\n", CodeTooManyHeaders},
	{"too many fields that are none", get + "A: b\r\nB: c\r\n‸\x00: d\r\n\r\n", CodeInvalidHeaders},
}

func TestRows(t *testing.T) {
	for _, table := range []struct {
		name string
		rows []row
		lim  Limits
	}{
		{"request line", requestLineRows, limits},
		{"head", headRows, limits},
		{"limits", smallRows, small},
	} {
		t.Run(table.name, func(t *testing.T) {
			for _, r := range table.rows {
				t.Run(r.name, func(t *testing.T) { checkHead(t, r.in, r.code, table.lim) })
			}
		})
	}
}

// TestDefaultLimits has what is too long to be split at every byte.
func TestDefaultLimits(t *testing.T) {
	for _, r := range []row{
		{"longest target", "GET /" + strings.Repeat("a", 8<<10-1) + " HTTP/1.1\r\n" + host + "\r\n", ""},
		{"target too long", "GET /" + strings.Repeat("a", 8<<10-1) + "‸a HTTP/1.1\r\n" + host + "\r\n", CodeTargetTooLong},
		{"largest head", get + "A: " + strings.Repeat("a", 64<<10-len(get)-7) + "\r\n\r\n", ""},
		{"head too large", get + "A: " + strings.Repeat("a", 64<<10-len(get)-3) + "‸a\r\n\r\n", CodeHeadTooLarge},
		{"most fields", get + strings.Repeat("A: b\r\n", 99) + "\r\n", ""},
		{"too many fields", get + strings.Repeat("A: b\r\n", 99) + "‸A: b\r\n\r\n", CodeTooManyHeaders},
	} {
		t.Run(r.name, func(t *testing.T) {
			b, at := split(t, r.in, r.code)
			whole := parseWhole(b, limits)
			if whole.code != r.code || r.code != "" && whole.at != at {
				t.Fatalf("%v, want %q at %d", whole, r.code, at)
			}
			if got := parsePieces(b, limits, 0, 1); got != whole {
				t.Fatalf("a byte at a time: %v, whole: %v", got, whole)
			}
		})
	}
}
