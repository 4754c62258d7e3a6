package http1

import (
	"net/textproto"
	"testing"
)

func TestAppendStatusLine(t *testing.T) {
	for status, want := range map[int]string{
		200: "HTTP/1.1 200 OK\r\n", 404: "HTTP/1.1 404 Not Found\r\n",
		299: "HTTP/1.1 299 status code 299\r\n", 999: "HTTP/1.1 999 status code 999\r\n",
	} {
		if got := string(AppendStatusLine(nil, status)); got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
}

func TestAppendFieldCannotBeSplit(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"A", "b", "A: b\r\n"},
		{"A", "b\r\nSet-Cookie: x", "A: b  Set-Cookie: x\r\n"},
		{"A", "b\x00\x7f\tc", "A: b  \tc\r\n"},
		{"A\r\nB", "c", ""},
		{"A:", "c", ""},
		{"", "c", ""},
	} {
		if got := string(AppendField(nil, c.name, c.value)); got != c.want {
			t.Errorf("%q: %q gives %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

func TestAppendChunkHeader(t *testing.T) {
	if got := string(AppendChunkHeader(nil, 0xabc)); got != "abc\r\n" {
		t.Errorf("%q", got)
	}
}

func TestCanonicalName(t *testing.T) {
	for name, canonical := range usual {
		if got, ok := CanonicalName(name); !ok || got != canonical || got != textproto.CanonicalMIMEHeaderKey(name) {
			t.Errorf("%q is %q", name, got)
		}
	}
	if _, ok := CanonicalName("x-unusual"); ok {
		t.Error("x-unusual is known")
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 200)
	if allocs := testing.AllocsPerRun(100, func() {
		dst = AppendChunkHeader(AppendField(AppendStatusLine(dst[:0], 200), "Content-Type", "text/plain"), 77)
		CanonicalName("user-agent")
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
