package http1

import (
	"errors"
	"math"
	"testing"
)

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
		got  Range
		want string
	}{
		{"authority", h.Authority, "a.example:80"},
		{"host", h.Host, "b"},
		{"upgrade", h.UpgradeProtocol, "websocket"},
		{"accept-encoding", h.AcceptEncoding, "gzip"},
		{"traceparent", h.Traceparent, "00-1-2-01"},
	} {
		if got := c.got.In(in); string(got) != c.want {
			t.Errorf("%s is %q, want %q", c.what, got, c.want)
		}
	}
	if h.Close || !h.KeepAlive || !h.Upgrade {
		t.Errorf("connection tokens: close %v keep-alive %v upgrade %v", h.Close, h.KeepAlive, h.Upgrade)
	}
}

func TestAuthority(t *testing.T) {
	for _, c := range []struct{ in, form, authority string }{
		{"GET / HTTP/1.1\r\nHost: h:1\r\n\r\n", "origin", "h:1"},
		{"OPTIONS * HTTP/1.1\r\nHost: h:1\r\n\r\n", "asterisk", "h:1"},
		{"GET http://a?b HTTP/1.1\r\nHost: h\r\n\r\n", "absolute", "a"},
		{"GET http://a:/b HTTP/1.1\r\nHost: h\r\n\r\n", "absolute", "a:"},
		{"GET http://[::1] HTTP/1.1\r\nHost: h\r\n\r\n", "absolute", "[::1]"},
		{"CONNECT a:2 HTTP/1.1\r\nHost: h\r\n\r\n", "authority", "a:2"},
		{"GET / HTTP/1.0\r\n\r\n", "origin", ""},
	} {
		var h Head
		h.Reset()
		if _, err := h.Parse([]byte(c.in), limits); err != nil {
			t.Fatal(c.in, err)
		}
		form := [...]string{OriginForm: "origin", AbsoluteForm: "absolute", AuthorityForm: "authority", AsteriskForm: "asterisk"}[h.Form]
		if got := string(h.Authority.In([]byte(c.in))); got != c.authority || form != c.form {
			t.Errorf("%q is for %q in %s form, want %q, %s", c.in, got, form, c.authority, c.form)
		}
	}
}

// TestTwoTraceparents: Trace Context takes several for none.
func TestTwoTraceparents(t *testing.T) {
	var h Head
	h.Reset()
	if n, err := h.Parse([]byte(get+"traceparent: 1\r\ntraceparent: 2\r\nTraceparent: 3\r\n\r\n"), limits); n == 0 || h.Traceparent != (Range{}) {
		t.Error(n, err, h.Traceparent)
	}
}

// TestRequestLineSurvivesAnError: telemetry names what it can.
func TestRequestLineSurvivesAnError(t *testing.T) {
	in := []byte("PUT /x HTTP/1.1\r\nBad Field\r\n\r\n")
	var h Head
	h.Reset()
	if _, err := h.Parse(in, limits); err == nil || string(h.Method.In(in)) != "PUT" || string(h.Target.In(in)) != "/x" {
		t.Errorf("%v %q %q", err, h.Method.In(in), h.Target.In(in))
	}
}

func TestStarted(t *testing.T) {
	var h Head
	for in, want := range map[string]bool{"": false, "\r": false, "\r\n\r\n": false, "\r\nG": true, "G": true} {
		h.Reset()
		if _, err := h.Parse([]byte(in), limits); err != nil || h.Started() != want {
			t.Errorf("%q: %v %v", in, h.Started(), err)
		}
	}
}

// TestResetForgets reads a plain request with a Head that has read everything there is.
func TestResetForgets(t *testing.T) {
	var used, fresh Head
	used.Reset()
	fresh.Reset()
	full := "POST http://a/ HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close, keep-alive, upgrade\r\n" +
		"Upgrade: x\r\nAccept-Encoding: y\r\nTraceparent: z\r\n\r\n"
	if _, err := used.Parse([]byte(full), limits); err != nil {
		t.Fatal(err)
	}
	used.Reset()
	in := []byte("GET / HTTP/1.0\r\n\r\n")
	used.Parse(in, limits)
	fresh.Parse(in, limits)
	if got, want := describe(&used, in), describe(&fresh, in); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestLargestLimits: a limit that means none does not overflow.
func TestLargestLimits(t *testing.T) {
	none := Limits{MaxTargetBytes: math.MaxInt, MaxHeaderBytes: math.MaxInt, MaxHeaders: math.MaxInt}
	if v := parseWhole([]byte("\r\n"+get+"\r\n"), none); v.n == 0 {
		t.Error(v)
	}
	var c Chunked
	c.Reset(none)
	if _, n, done, err := c.Next([]byte("0\r\nA: b\r\n\r\n")); !done {
		t.Error(n, err)
	}
}

func TestErrorIsAnError(t *testing.T) {
	var err error = badLine(1, "x")
	if e := (*Error)(nil); !errors.As(err, &e) || e.Offset != 1 || err.Error() != "x" {
		t.Error(err)
	}
}

const (
	smallHead   = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"
	browserHead = "GET /index.html?a=b HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\n\r\n"
	everyHead = "POST http://[2001:db8::1]:80/x HTTP/1.1\r\nHost: [::ffff:192.0.2.1]:80\r\nContent-Length: 5\r\nExpect: 100-continue\r\n" +
		"Connection: close, upgrade\r\nUpgrade: x\r\nAccept-Encoding: y\r\nTraceparent: z\r\n\r\n"
)

func TestParseDoesNotAllocate(t *testing.T) {
	for _, in := range []string{smallHead, browserHead, everyHead} {
		b := []byte(in)
		var h Head
		if allocs := testing.AllocsPerRun(100, func() {
			h.Reset()
			h.Parse(b[:len(b)/2], limits)
			if n, err := h.Parse(b, limits); n == 0 || err != nil {
				t.Fatal(n, err)
			}
		}); allocs != 0 {
			t.Errorf("%v allocations for %q", allocs, in)
		}
	}
}

// BenchmarkParse is a head that came whole, read with a Head that is used again.
func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, in string }{{"small", smallHead}, {"browser", browserHead}, {"every", everyHead}} {
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

// BenchmarkParseTrickle is a head that came a byte at a time: what a slow client can cost.
func BenchmarkParseTrickle(b *testing.B) {
	in := []byte(browserHead)
	b.SetBytes(int64(len(in)))
	var h Head
	for b.Loop() {
		h.Reset()
		for end := 1; end <= len(in); end++ {
			h.Parse(in[:end], limits)
		}
	}
}
