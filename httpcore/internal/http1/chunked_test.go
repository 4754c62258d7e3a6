package http1

import (
	"bytes"
	"fmt"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
)

// dechunk decodes b, given in pieces of at most step bytes.
func dechunk(b []byte, step int) (body []byte, verdict string, used int) {
	var c Chunked
	c.Reset(limits)
	for end := min(step, len(b)); ; end = min(end+step, len(b)) {
		for used < end {
			data, n, done, err := c.Next(b[used:end])
			body = append(body, data...)
			used += n
			if err != nil {
				return body, fmt.Sprintf("%d %s %q at %d", err.Status, err.Code, err.Reason, err.Offset), used
			}
			if done {
				return body, fmt.Sprintf("done %v", c.Trailer()), used
			}
		}
		if end == len(b) {
			return body, "more", used
		}
	}
}

func TestChunkedRows(t *testing.T) {
	for _, row := range []struct{ name, in, body, verdict string }{
		{"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", "done []"},
		{"two chunks", "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", "hello", "done []"},
		{"upper and lower case, leading zeros", "00a\r\n0123456789\r\nB\r\n01234567890\r\n000\r\n\r\n", "012345678901234567890", "done []"},
		{"trailers", "0\r\nA: b\r\nx-sum:  1 \r\n\r\n", "", "done [{A b} {X-Sum 1}]"},
		{"framing trailers are dropped", "0\r\nContent-Length: 5\r\nhost: x\r\ntransfer-encoding: chunked\r\nOk: 1\r\n\r\n", "", "done [{Ok 1}]"},
		{"extension", "1;a=b;c=\"d\"\r\nh\r\n0;last\r\n\r\n", "h", "done []"},
		{"no size", "\r\nh\r\n", "", "400"},
		{"sign", "+1\r\nh\r\n", "", "400"},
		{"minus", "-1\r\nh\r\n", "", "400"},
		{"0x", "0x1\r\nh\r\n", "", "400"},
		{"underscore", "1_0\r\nh\r\n", "", "400"},
		{"space before", " 1\r\nh\r\n", "", "400"},
		{"space after", "1 \r\nh\r\n", "", "400"},
		{"17 digits", "00000000000000001\r\nh\r\n", "", "400"},
		{"overflow", "8000000000000000\r\nh\r\n", "", "400"},
		{"bare LF after the size", "1\nh\r\n", "", "400"},
		{"bare CR after the size", "1\rh\r\n", "", "400"},
		{"bare LF in an extension", "1;a\nb\r\nh\r\n", "", "400"},
		{"bare CR in an extension", "1;a\rb\r\nh\r\n", "", "400"},
		{"NUL in an extension", "1;a\x00\r\nh\r\n", "", "400"},
		{"data too long", "1\r\nhello\r\n0\r\n\r\n", "h", "400"},
		{"LF after the data", "1\r\nh\n0\r\n\r\n", "h", "400"},
		{"flood of extensions", "1;" + strings.Repeat("a", maxExtensionBytes+1) + "\r\nh\r\n", "", "400"},
		{"flood of small extensions", strings.Repeat("1;"+strings.Repeat("a", 99)+"\r\nh\r\n", 200), strings.Repeat("h", 165), "400"},
		{"trailer without a colon", "0\r\nabc\r\n\r\n", "", "400"},
		{"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", "", "400"},
		{"trailer with a bare LF", "0\r\nA: b\n\r\n", "", "400"},
		{"trailer with a space before the colon", "0\r\nA : b\r\n\r\n", "", "400"},
		{"too many trailers", "0\r\n" + strings.Repeat("A: b\r\n", 101) + "\r\n", "", "431"},
		{"trailers too large", "0\r\nA: " + strings.Repeat("b", 64<<10) + "\r\n\r\n", "", "431"},
		{"cut short", "5\r\nhel", "hel", "more"},
	} {
		t.Run(row.name, func(t *testing.T) {
			body, verdict, used := dechunk([]byte(row.in), len(row.in))
			if string(body) != row.body || !strings.HasPrefix(verdict, row.verdict) {
				t.Fatalf("%q, %s, want %q, %s", body, verdict, row.body, row.verdict)
			}
			for _, step := range []int{1, 2, 3, 7} {
				if b, v, u := dechunk([]byte(row.in), step); !bytes.Equal(b, body) || v != verdict || u != used {
					t.Fatalf("%d bytes at a time: %q, %s, %d, whole: %q, %s, %d", step, b, v, u, body, verdict, used)
				}
			}
		})
	}
}

func TestChunkedLeavesTheNextRequest(t *testing.T) {
	in := "1\r\nh\r\n0\r\n\r\nGET / HTTP/1.1\r\n"
	if _, _, used := dechunk([]byte(in), len(in)); in[used:] != "GET / HTTP/1.1\r\n" {
		t.Errorf("left %q", in[used:])
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

func FuzzChunkedSplit(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\nA: b\r\n\r\n"), 2)
	f.Add([]byte("1;a\r\nh\r\n0\r\n\r\n"), 3)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		body, verdict, used := dechunk(b, len(b)+1)
		if bb, v, u := dechunk(b, max(step, 1)); !bytes.Equal(bb, body) || v != verdict || u != used {
			t.Fatalf("in pieces: %q, %s, %d, whole: %q, %s, %d", bb, v, u, body, verdict, used)
		}
	})
}

// FuzzChunkedAgainstNetHTTP: what both accept, both decode to the same bytes.
func FuzzChunkedAgainstNetHTTP(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"))
	f.Add([]byte("1;a\r\nh\r\n00\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, verdict, _ := dechunk(b, len(b)+1)
		if !strings.HasPrefix(verdict, "done") {
			return
		}
		theirs, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(b)))
		if err == nil && !bytes.Equal(theirs, body) {
			t.Fatalf("%q, theirs %q", body, theirs)
		}
	})
}

func BenchmarkChunked(b *testing.B) {
	in := []byte(strings.Repeat("400\r\n"+strings.Repeat("x", 0x400)+"\r\n", 16) + "0\r\n\r\n")
	b.SetBytes(int64(len(in)))
	var c Chunked
	for b.Loop() {
		c.Reset(limits)
		for used, done := 0, false; !done; {
			_, n, d, _ := c.Next(in[used:])
			used, done = used+n, d
		}
	}
}
