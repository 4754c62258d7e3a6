package accesslog_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
)

// TestTimeOfEachRequest: the text that requests share is that which each would have by itself, in whatever order they end, and
// where the clocks are put back.
func TestTimeOfEachRequest(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("there is no database of time zones: %v", err)
	}
	back := time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC) // from +02:00 to +01:00
	f := accesslog.MustCompile("%(t)s", accesslog.FormatOptions{Location: zone})
	e := answered()
	r, _ := accesslog.RecordOf(e, peers)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		e.Phases.FirstByte = monotonic(back) + int64(rng.IntN(4e9)) - 2e9
		want := lifecycle.WallTime(e.Phases.FirstByte).In(zone).Format("[02/Jan/2006:15:04:05 -0700]")
		if got := string(f.Append(nil, &r)); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

// monotonic is the reading of the lifecycle clock at a wall time.
func monotonic(at time.Time) int64 { return int64(at.Sub(lifecycle.WallTime(0))) }

// BenchmarkTime is what the time costs a line, beside what it would cost if each line made its own.
func BenchmarkTime(b *testing.B) {
	e := answered()
	r, _ := accesslog.RecordOf(e, peers)
	shared := accesslog.MustCompile("%(t)s", accesslog.FormatOptions{Location: time.UTC})
	var dst []byte
	b.Run("shared", func(b *testing.B) {
		for b.Loop() {
			dst = shared.Append(dst[:0], &r)
		}
	})
	b.Run("each its own", func(b *testing.B) {
		for b.Loop() {
			dst = r.Begun().UTC().AppendFormat(dst[:0], "[02/Jan/2006:15:04:05 -0700]")
		}
	})
}
