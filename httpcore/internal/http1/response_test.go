package http1

import "testing"

func TestAppendStatusLine(t *testing.T) {
	for status, want := range map[int]string{
		100: "HTTP/1.1 100 Continue\r\n", 200: "HTTP/1.1 200 OK\r\n", 404: "HTTP/1.1 404 Not Found\r\n",
		511: "HTTP/1.1 511 Network Authentication Required\r\n",
		299: "HTTP/1.1 299 status code 299\r\n", 600: "HTTP/1.1 600 status code 600\r\n", 999: "HTTP/1.1 999 status code 999\r\n",
	} {
		if got := string(AppendStatusLine([]byte("x"), status)); got != "x"+want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
}

func TestAppendField(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"A", "b", "A: b\r\n"},
		{"A", "", "A: \r\n"},
		{"A", "\xe4\xff", "A: \xe4\xff\r\n"},
		{"A", "b\r\nSet-Cookie: x", "A: b  Set-Cookie: x\r\n"},
		{"A", "\r\n\r\n<html>", "A:     <html>\r\n"},
		{"A", "b\x00\x7f\tc", "A: b  \tc\r\n"},
		{"A", "long enough for a word\nB: c", "A: long enough for a word B: c\r\n"},
		{"A\r\nB", "c", ""},
		{"A:", "c", ""},
		{"A B", "c", ""},
		{"\xe4", "c", ""},
		{"", "c", ""},
	} {
		if got := string(AppendField([]byte("x"), c.name, c.value)); got != "x"+c.want {
			t.Errorf("%q: %q gives %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

func TestAppendChunkHeader(t *testing.T) {
	for size, want := range map[int]string{0: "0\r\n", 10: "a\r\n", 0xabc0: "abc0\r\n", 1<<62 + 1: "4000000000000001\r\n"} {
		if got := string(AppendChunkHeader([]byte("x"), size)); got != "x"+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 300)
	if allocs := testing.AllocsPerRun(100, func() {
		dst = AppendStatusLine(dst[:0], 200)
		dst = AppendStatusLine(dst, 799)
		dst = AppendField(dst, "Content-Type", "text/plain; charset=utf-8")
		dst = AppendField(dst, "Bad", "a\r\nb")
		dst = AppendChunkHeader(dst, 77777)
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// FuzzAppendField: whatever a handler sets, it is one line of a head that Parse takes.
func FuzzAppendField(f *testing.F) {
	f.Add("A", "b")
	f.Add("A\r\nB", "c\r\n\r\nd")
	f.Add("X-Name", "\x00\x01\x7f\x80\t long enough for a word")
	f.Fuzz(func(t *testing.T, name, value string) {
		line := AppendField(nil, name, value)
		if (len(line) > 0) != ValidFieldName(name) {
			t.Fatalf("%q gives %q", name, line)
		}
		k := kindOf([]byte(name))
		if len(line) > limits.MaxHeaderBytes/2 || k > strict {
			return
		}
		in := append([]byte(get), line...)
		var h Head
		h.Reset()
		if n, err := h.Parse(append(in, "\r\n"...), limits); n == 0 || len(h.Fields) > 2 {
			t.Fatalf("%v, %d fields, of %q", err, len(h.Fields), line)
		}
	})
}

// BenchmarkAppendHead is the head of a small response.
func BenchmarkAppendHead(b *testing.B) {
	var dst []byte
	for b.Loop() {
		dst = AppendStatusLine(dst[:0], 200)
		dst = AppendField(dst, "Content-Type", "text/plain; charset=utf-8")
		dst = AppendField(dst, "Content-Length", "13")
		dst = AppendField(dst, "Date", "Mon, 02 Jan 2006 15:04:05 GMT")
	}
}
