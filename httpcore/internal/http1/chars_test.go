package http1

import (
	"net/netip"
	"strings"
	"testing"
)

// cleanLenPlain is the plain twin of cleanLen.
func cleanLenPlain(b []byte, least byte) int {
	for i, c := range b {
		if c < least || c == 0x7f {
			return i
		}
	}
	return len(b)
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

// TestRunsEveryByte puts every byte at every place of two words.
func TestRunsEveryByte(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			b := []byte("!~\x80\xff aA0!~\x80\xff aA0!")
			b[at] = byte(c)
			if got, want := valueLen(b), valueLenPlain(b); got != want {
				t.Fatalf("%d, want %d, of %q", got, want, b)
			}
			for _, least := range []byte{' ', '!'} {
				if got, want := cleanLen(b, least), cleanLenPlain(b, least); got != want {
					t.Fatalf("%d, want %d, of %q", got, want, b)
				}
			}
		}
	}
}

func FuzzRuns(f *testing.F) {
	f.Add([]byte("plain text that is longer than a word"))
	f.Add([]byte("0123456\x7f"))
	f.Add([]byte("\x80\xff01234\x1f6789"))
	f.Add([]byte("a\tb\tc\td\te\tf\t\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := valueLen(b), valueLenPlain(b); got != want {
			t.Fatalf("%d, want %d, of %q", got, want, b)
		}
		if got, want := cleanLen(b, '!'), cleanLenPlain(b, '!'); got != want {
			t.Fatalf("%d, want %d, of %q", got, want, b)
		}
	})
}

// validIPv6Plain is the plain twin of validIPv6: the standard library, which knows zones besides.
func validIPv6Plain(s string) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Is6() && addr.Zone() == ""
}

var addresses = strings.Fields(`:: ::1 1:: 1::2 1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8 1:2:3:4::5:6:7:8 ABCD:ef::0123
	::ffff:1.2.3.4 1:2:3:4:5:6:255.255.255.255 1:2:3:4:5:6:7:1.2.3.4 1:2:3:4:5::1.2.3.4 1:2:3:4:5:6::1.2.3.4
	::1.2.3 ::1.2.3.4.5 ::1.2.3.256 ::1.2.3.04 ::1..3.4 ::1.2.3. ::a.2.3.4 1.2.3.4 1.2.3.4:: ::1.2.3.4:5
	: ::: 1 1: :1 1:2 1:::2 1::2::3 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:7:8:: 12345:: ::12345 g:: ::1% ::1%eth0
	ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`)

func TestIPv6(t *testing.T) {
	for _, s := range append(addresses, "") {
		if got, want := validIPv6([]byte(s)), validIPv6Plain(s); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}

func FuzzIPv6(f *testing.F) {
	for _, s := range addresses {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := validIPv6([]byte(s)), validIPv6Plain(s); got != want {
			t.Fatalf("%q: %v, want %v", s, got, want)
		}
	})
}
