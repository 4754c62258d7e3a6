package http1

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// decoded is what a Chunked came to, for comparison.
type decoded struct {
	body    string
	used    int
	verdict string // done and the trailers, or the refusal; empty: it asks for more
}

// dechunk decodes b, which comes in pieces that end at the ends.
func dechunk(b []byte, lim Limits, ends func(end int) int) (d decoded, err *Error) {
	var c Chunked
	c.Reset(lim)
	var body []byte
	for end := 0; end < len(b); {
		end = min(max(ends(end), end+1), len(b))
		for d.used < end {
			data, n, done, err := c.Next(b[d.used:end:end])
			body = append(body, data...)
			d.used += n
			d.body = string(body)
			switch {
			case err != nil:
				d.verdict = fmt.Sprintf("%d %s at %d (%s)", err.Status, err.Code, err.Offset, err.Reason)
				return d, err
			case done:
				d.verdict = fmt.Sprintf("done %q", c.Trailer())
				return d, nil
			case n == 0:
				panic("Next takes nothing of what it is given")
			}
		}
	}
	return d, nil
}

func dechunkWhole(b []byte, lim Limits) (decoded, *Error) {
	return dechunk(b, lim, func(int) int { return len(b) })
}

func dechunkSteps(b []byte, lim Limits, step int) decoded {
	d, _ := dechunk(b, lim, func(end int) int { return end + step })
	return d
}

func dechunkSplit(b []byte, lim Limits, cut int) decoded {
	d, _ := dechunk(b, lim, func(end int) int {
		if end < cut {
			return cut
		}
		return len(b)
	})
	return d
}

// checkChunked decodes in whole, split at every byte, and a byte at a time, and holds the results against the row.
func checkChunked(t *testing.T, in, code, body string, lim Limits) decoded {
	t.Helper()
	b, at := split(t, in, code)
	whole, err := dechunkWhole(b, lim)
	switch {
	case (err != nil) != (code != "") || err != nil && (err.Code != code || err.Status != statusOf[code]):
		t.Fatalf("%+v, want code %q", whole, code)
	case err != nil && (err.Offset != at || whole.used != at):
		t.Fatalf("%+v, want it at %d, %q", whole, at, b[at:])
	case whole.body != body:
		t.Fatalf("%+v, want body %q", whole, body)
	}
	for cut := range b {
		if got := dechunkSplit(b, lim, cut); got != whole {
			t.Fatalf("split at %d: %+v, whole: %+v", cut, got, whole)
		}
	}
	for _, step := range []int{1, 2, 3} {
		if got := dechunkSteps(b, lim, step); got != whole {
			t.Fatalf("%d bytes at a time: %+v, whole: %+v", step, got, whole)
		}
	}
	return whole
}

// chunkRow is one row of the specification: a body, what it holds until the end or the caret, and the code that it is
// refused with.
type chunkRow struct{ name, in, body, code string }

var chunkRows = []chunkRow{
	{"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", ""},
	{"no chunk", "0\r\n\r\n", "", ""},
	{"two chunks", "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", "hello", ""},
	{"upper and lower case", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", ""},
	{"16 digits", "0000000000000001\r\nh\r\n0000000000000000\r\n\r\n", "h", ""},
	{"17 digits", "0000000000000000‸1\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"largest", "7fffffffffffffff\r\nh", "h", ""},
	{"overflow", "800000000000000‸0\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"no size", "‸\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"no size, an extension", "‸;a\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"plus", "‸+1\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"minus", "‸-1\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"0x", "0‸x1\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"underscore", "1‸_0\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"no digit", "1‸g\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"space before", "‸ 1\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"space after", "1‸ \r\nh\r\n", "", CodeInvalidChunkedBody},
	{"space before an extension", "1‸ ;a\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"bare LF after the size", "1‸\nh\r\n", "", CodeInvalidChunkedBody},
	{"bare CR after the size", "1\r‸h\r\n", "", CodeInvalidChunkedBody},
	{"CR CR LF after the size", "1\r‸\r\nh\r\n", "", CodeInvalidChunkedBody},

	{"extension", "1;a=b;c=\"d\"\r\nh\r\n0;last\r\n\r\n", "h", ""},
	{"empty extension", "1;\r\nh\r\n0\r\n\r\n", "h", ""},
	{"extension with HTAB and obs-text", "1;a=\"\t\xe4\"\r\nh\r\n0\r\n\r\n", "h", ""},
	{"bare LF in an extension", "1;a‸\nb\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"bare CR in an extension", "1;a\r‸b\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"CR in a quoted extension", "1;a=\"\r‸x\"\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"NUL in an extension", "1;a‸\x00\r\nh\r\n", "", CodeInvalidChunkedBody},
	{"DEL in an extension", "1;long enough for a word‸\x7f\r\nh\r\n", "", CodeInvalidChunkedBody},

	{"data too long", "1\r\nh‸ello\r\n0\r\n\r\n", "h", CodeInvalidChunkedBody},
	{"data too short", "3\r\nh\r\n‸0\r\n\r\n", "h\r\n", CodeInvalidChunkedBody},
	{"LF after the data", "1\r\nh‸\n0\r\n\r\n", "h", CodeInvalidChunkedBody},
	{"CR after the data", "1\r\nh\r‸0\r\n\r\n", "h", CodeInvalidChunkedBody},
	{"cut short", "5\r\nhel", "hel", ""},

	{"trailers", "0\r\nA: b\r\nx-sum:  1 \r\n\r\n", "", ""},
	{"trailer without a colon", "0\r\nabc‸\r\n\r\n", "", CodeInvalidHeaders},
	{"trailer without a name", "0\r\n‸: b\r\n\r\n", "", CodeInvalidHeaders},
	{"folded trailer", "0\r\nA: b\r\n‸ c\r\n\r\n", "", CodeInvalidHeaders},
	{"trailer with a space before the colon", "0\r\nA‸ : b\r\n\r\n", "", CodeInvalidHeaders},
	{"trailer with a bare LF", "0\r\nA: b‸\n\r\n", "", CodeInvalidHeaders},
	{"trailer with a bare CR", "0\r\nA: b\r‸c\r\n\r\n", "", CodeInvalidHeaders},
	{"trailer with NUL", "0\r\nA: b‸\x00\r\n\r\n", "", CodeInvalidHeaders},
	{"bare LF as the end", "0\r\n‸\n", "", CodeInvalidHeaders},
	{"CR X as the end", "0\r\n\r‸X", "", CodeInvalidHeaders},
}

func TestChunkedRows(t *testing.T) {
	for _, r := range chunkRows {
		t.Run(r.name, func(t *testing.T) { checkChunked(t, r.in, r.code, r.body, limits) })
	}
}

func TestTrailerLimits(t *testing.T) {
	for _, r := range []chunkRow{
		{"as many as allowed", "0\r\nA: b\r\nHost: c\r\nC: d\r\n\r\n", "", ""},
		{"too many", "0\r\nA: b\r\nHost: c\r\nC: d\r\n‸D: e\r\n\r\n", "", CodeTooManyHeaders},
		{"as large as allowed", "0\r\nA: " + strings.Repeat("b", 100-7) + "\r\n\r\n", "", ""},
		{"too large", "0\r\nA: " + strings.Repeat("b", 100-6) + "\r\n\r‸\n", "", CodeHeadTooLarge},
		{"too large in a value that does not end", "0\r\nA: " + strings.Repeat("b", 100-3) + "‸bbbbbb", "", CodeHeadTooLarge},
		{"too large in a name that does not end", "0\r\n" + strings.Repeat("b", 100) + "‸bbbbbb", "", CodeHeadTooLarge},
		{"too large in the second line", "0\r\nA: b\r\nB: " + strings.Repeat("b", 100-9) + "‸bbbbbb", "", CodeHeadTooLarge},
	} {
		t.Run(r.name, func(t *testing.T) { checkChunked(t, r.in, r.code, r.body, small) })
	}
}

func TestTrailer(t *testing.T) {
	d := checkChunked(t, "0\r\ncontent-length: 5\r\nHost: x\r\nTransfer-Encoding: chunked\r\nx-a:\t1 \r\nX-A: 2\r\nx-unusual-name:\r\n"+
		"Connection: close\r\nAuthorization: y\r\nTrailer: z\r\n\r\n", "", "", limits)
	if want := `done [{"X-A" "1"} {"X-A" "2"} {"X-Unusual-Name" ""}]`; d.verdict != want {
		t.Errorf("%s, want %s", d.verdict, want)
	}
}

// TestTrailerIsItsOwn: a handler keeps the trailer while the Chunked and the buffer are used again.
func TestTrailerIsItsOwn(t *testing.T) {
	b := []byte("0\r\nA: first\r\n\r\n")
	var c Chunked
	c.Reset(limits)
	c.Next(b)
	kept := c.Trailer()
	copy(b, "0\r\nB: other\r\n\r\n")
	c.Reset(limits)
	if c.Trailer() != nil {
		t.Error("a trailer before the body")
	}
	c.Next(b)
	if kept[0] != (TrailerField{"A", "first"}) || c.Trailer()[0] != (TrailerField{"B", "other"}) {
		t.Error(kept, c.Trailer())
	}
}

func TestExtensionsAreBoundedOverTheBody(t *testing.T) {
	line := "1;" + strings.Repeat("a", 63) + "\r\nh\r\n" // 64 bytes of extension
	chunks := maxExtensionBytes / 64
	for _, r := range []chunkRow{
		{"many, as much as allowed", strings.Repeat(line, chunks) + "0\r\n\r\n", strings.Repeat("h", chunks), ""},
		{"many, a byte more", strings.Repeat(line, chunks) + "0‸;\r\n\r\n", strings.Repeat("h", chunks), CodeInvalidChunkedBody},
		{"one, endless", "1;" + strings.Repeat("a", maxExtensionBytes-1) + "‸aaa", "", CodeInvalidChunkedBody},
	} {
		t.Run(r.name, func(t *testing.T) {
			b, at := split(t, r.in, r.code)
			whole, err := dechunkWhole(b, limits)
			if (err != nil) != (r.code != "") || err != nil && (err.Code != r.code || err.Offset != at) || whole.body != r.body {
				t.Fatalf("%+v, want %q at %d", whole.verdict, r.code, at)
			}
			for _, step := range []int{1, 2, 61} {
				if got := dechunkSteps(b, limits, step); got != whole {
					t.Fatalf("%d bytes at a time: %+v, whole: %+v", step, got.verdict, whole.verdict)
				}
			}
		})
	}
}

func TestChunkedLeavesTheNextRequest(t *testing.T) {
	const next = "GET / HTTP/1.1\r\n"
	in := []byte("1\r\nh\r\n0\r\nA: b\r\n\r\n" + next)
	for cut := range in {
		if d := dechunkSplit(in, limits, cut); string(in[d.used:]) != next {
			t.Errorf("split at %d: left %q", cut, in[d.used:])
		}
	}
	var c Chunked
	c.Reset(limits)
	c.Next([]byte("0\r\n\r\n"))
	if data, n, done, err := c.Next([]byte(next)); len(data) > 0 || n != 0 || !done || err != nil {
		t.Errorf("after the end: %q %d %v %v", data, n, done, err)
	}
}

func TestChunkedDoesNotAllocate(t *testing.T) {
	in := []byte("5\r\nhello\r\n3;x\r\nabc\r\n0\r\n\r\n")
	var c Chunked
	if allocs := testing.AllocsPerRun(100, func() {
		c.Reset(limits)
		for used, done := 0, false; !done; {
			_, n, d, err := c.Next(in[used:])
			if err != nil {
				t.Fatal(err)
			}
			used, done = used+n, d
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// BenchmarkChunked takes the framing off a body that came whole; nothing is copied.
func BenchmarkChunked(b *testing.B) {
	for _, c := range []struct {
		name  string
		chunk int
	}{{"1KiB", 1 << 10}, {"1B", 1}} {
		b.Run(c.name, func(b *testing.B) {
			chunk := append(AppendChunkHeader(nil, c.chunk), strings.Repeat("x", c.chunk)+"\r\n"...)
			in := append(bytes.Repeat(chunk, 16), "0\r\n\r\n"...)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			var c Chunked
			for b.Loop() {
				c.Reset(limits)
				for used, done := 0, false; !done; {
					_, n, d, err := c.Next(in[used:])
					if err != nil {
						b.Fatal(err)
					}
					used, done = used+n, d
				}
			}
		})
	}
}
