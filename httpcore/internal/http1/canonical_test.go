package http1

import (
	"net/textproto"
	"strings"
	"testing"
)

func TestCanonicalName(t *testing.T) {
	for _, want := range usual {
		for _, name := range []string{want, strings.ToLower(want)} {
			if got, ok := CanonicalName(name); !ok || got != want || got != textproto.CanonicalMIMEHeaderKey(name) {
				t.Errorf("%q is %q, %v", name, got, ok)
			}
		}
	}
	for _, name := range []string{"", "x", "x-unusual", "Hos", "Hostt", "HOST", "Cache-control", "Cache\rControl", "__proto__", "\xff"} {
		if got, ok := CanonicalName(name); ok {
			t.Errorf("%q is known as %q", name, got)
		}
		if got, want := canonical(name), textproto.CanonicalMIMEHeaderKey(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestCanonicalNameDoesNotAllocate(t *testing.T) {
	name := []byte("user-agent")
	if allocs := testing.AllocsPerRun(100, func() {
		if n, _ := CanonicalName(string(name)); n != "User-Agent" {
			t.Fatal(n)
		}
		CanonicalName("x-unusual")
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestValidFieldName(t *testing.T) {
	for c := range 256 {
		want := c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, rune(c))
		if got := ValidFieldName("a" + string([]byte{byte(c)})); got != want {
			t.Errorf("%#x: %v", c, got)
		}
	}
	if ValidFieldName("") {
		t.Error("a name cannot be empty")
	}
}

// FuzzCanonicalName: it agrees with textproto about what it knows.
func FuzzCanonicalName(f *testing.F) {
	f.Add("host")
	f.Add("HOST")
	f.Add("x-unusual")
	f.Fuzz(func(t *testing.T, name string) {
		if got, ok := CanonicalName(name); ok && got != textproto.CanonicalMIMEHeaderKey(name) {
			t.Fatalf("%q is %q", name, got)
		}
	})
}

// BenchmarkCanonicalName compares the table with a map of the same names; one of eight is in neither.
func BenchmarkCanonicalName(b *testing.B) {
	names := []string{"Host", "User-Agent", "accept", "Accept-Language", "accept-encoding", "Connection", "Sec-Fetch-Mode", "X-Other"}
	known := map[string]string{}
	for i, n := range spellings {
		known[n] = spellings[i&^1]
	}
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			for _, n := range names {
				CanonicalName(n)
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		found := 0
		for b.Loop() {
			for _, n := range names {
				if _, ok := known[n]; ok {
					found++
				}
			}
		}
	})
}
