package lifecycle_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

var uuid7 = regexp.MustCompile(`^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestRequestIDsAreUUIDsOfTheirTime(t *testing.T) {
	seen := map[string]bool{}
	var ids []string
	start := lifecycle.MonotonicNS()
	for i := range 1000 {
		at := start + int64(i)*int64(time.Millisecond)
		id := string(lifecycle.AppendRequestID(nil, at))
		parts := uuid7.FindStringSubmatch(id)
		if parts == nil || seen[id] || !lifecycle.ValidRequestID(id) {
			t.Fatalf("%q after %d others", id, i)
		}
		ms, _ := strconv.ParseInt(parts[1]+parts[2], 16, 64)
		if want := lifecycle.WallTime(at).UnixMilli(); ms != want {
			t.Fatalf("%q is of the time %d, want %d", id, ms, want)
		}
		seen[id] = true
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) {
		t.Error("the order of the ids is not that of their times")
	}
}

// The random bits are random: each of them is set in about half of the ids.
func TestRequestIDsCannotBeGuessed(t *testing.T) {
	const ids = 4096
	var set [128]int
	for range ids {
		digits := strings.ReplaceAll(string(lifecycle.AppendRequestID(nil, 1)), "-", "")
		for i := range digits {
			d, _ := strconv.ParseUint(digits[i:i+1], 16, 8)
			for bit := range 4 {
				set[4*i+bit] += int(d>>(3-bit)) & 1
			}
		}
	}
	for i := 48; i < len(set); i++ {
		if isFixed := i < 52 || i == 64 || i == 65; !isFixed && (set[i] < ids*2/5 || set[i] > ids*3/5) {
			t.Errorf("bit %d is set in %d of %d ids", i, set[i], ids)
		}
	}
}

func TestValidRequestID(t *testing.T) {
	for _, id := range []string{
		"a", "7", "0192f6c1-6f0e-7abc-8def-0123456789ab", "9f1c2d3e4f5061728394a5b6c7d8e9f0", "Root=1-67891233-abcdef012345678912345678",
		"aGVsbG8+d29ybGQ/Zm9v==", "a.b_c~d:e@f", strings.Repeat("x", 128),
	} {
		if !lifecycle.ValidRequestID(id) {
			t.Errorf("%q is refused", id)
		}
	}
	bad := []string{"", strings.Repeat("x", 129), "a b", "a\tb", "ä", "\xff", `a"b`, "a\\b", "a,b", "a;b", "<a>", "a'b", "$a", "a`b", "{a}", "%0d", "a&b", "a|b", "a?b", "a#b", "a*b", "(a)"}
	for c := range 0x20 {
		bad = append(bad, "a"+string(rune(c))+"b")
	}
	for _, id := range append(bad, "\x7f") {
		if lifecycle.ValidRequestID(id) {
			t.Errorf("%q is taken", id)
		}
	}
}
