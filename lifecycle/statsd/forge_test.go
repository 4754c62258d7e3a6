package statsd_test

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// line is what a server may find in a datagram: name, value, type, rate, tags.
var line = regexp.MustCompile(`^([!-"$-+\--9;-?A-{}~]+):([+-]?[0-9]+(?:\.[0-9]+)?)\|(c|g|ms|h)(?:\|@([0-9]+(?:\.[0-9]+)?))?(?:\|#([!-"$-+\--?A-{}~]+(?:,[!-"$-+\--?A-{}~]+)*))?$`)

func TestTheStrictReader(t *testing.T) {
	for text, ok := range map[string]bool{
		"a:1|c": true, "a.b-c_d/e:-1.5|ms|@0.1|#t:v:w,u": true,
		"": false, ":1|c": false, "a:1": false, "a:|c": false, "a:1|x": false, "a:1e3|c": false, "a:NaN|g": false, "a b:1|c": false, "a:1:2|c": false,
		"a:1|c|#": false, "a:1|c|#t,": false, "a:1|c|#t|@0.1": false, "a:1|c|@": false, "é:1|c": false, "a:1|c\n": false, "a#b:1|c": false, "a@b:1|c": false,
	} {
		if line.MatchString(text) != ok {
			t.Errorf("%q: want %v", text, ok)
		}
	}
}

// FuzzForgedLines: whatever a request puts into names and tags, a call makes one line, with one value and its own tags.
func FuzzForgedLines(f *testing.F) {
	f.Add(byte(statsd.Hypercorn), "a", "prefix", "key", "value", 1.0)
	f.Add(byte(statsd.Gunicorn), "a:1|c\nroot", "p\n", "k:v,x", "v|#y,z\nb:1|g", -3.5)
	f.Add(byte(statsd.Plain), "a|@0.001", "..", "#", ",", 1e300)
	f.Add(byte(statsd.DogStatsD), "\x00\xff\u2028é", "a.b", "", "x", math.SmallestNonzeroFloat64)
	f.Add(byte(statsd.DogStatsD), "", "", "k", "", math.Inf(1))
	f.Fuzz(func(t *testing.T, dialect byte, name, prefix, key, value string, v float64) {
		tag := statsd.Tag{Key: key, Value: value}
		var n network
		o := statsd.Options{
			Dial: n.dial, Dialect: statsd.Dialect(dialect % 4), Prefix: prefix, Tags: []statsd.Tag{tag},
			Unbatched: true, MaxPacketBytes: 1 << 10, FlushEvery: lateFlush,
		}
		c, err := statsd.New(o)
		if err != nil {
			t.Fatal(err)
		}
		c.Increment(name, int64(v), tag)
		c.Gauge(name, v, tag)
		c.GaugeDelta(name, v, tag)
		c.Histogram(name, v, tag)
		c.Timing(name, time.Duration(int64(v)), tag)
		closeClient(t, c)

		packets := n.take()
		if s := c.Stats(); int(s.Sent) != len(packets) || s.Sent+s.Invalid+s.TooLong != s.Lines {
			t.Fatalf("%d packets of %+v", len(packets), s)
		}
		wantTags := 0
		if key != "" && o.Dialect != statsd.Plain {
			wantTags = 2
		}
		for _, text := range packets {
			checkLine(t, text, name, wantTags)
		}
	})
}

func checkLine(t *testing.T, text, name string, wantTags int) {
	t.Helper()
	m := line.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%q is no line", text)
	}
	if got := m[1]; len(got) < len(name) {
		t.Errorf("the name in %q is shorter than %q", text, name)
	}
	tags := 0
	if m[5] != "" {
		tags = strings.Count(m[5], ",") + 1
	}
	if tags != wantTags {
		t.Errorf("%d tags in %q, want %d", tags, text, wantTags)
	}
}

// A duration is written as strconv writes it, as long as a float64 holds all of it: for thirteen days.
func TestMilliseconds(t *testing.T) {
	check := func(d time.Duration) {
		t.Helper()
		want := strconv.FormatFloat(float64(d)/1e6, 'f', -1, 64)
		if got := string(statsd.AppendMilliseconds(nil, d)); got != want {
			t.Errorf("%d ns: %s, want %s", d, got, want)
		}
	}
	for _, d := range []time.Duration{0, 1, -1, 999999, 1e6, 1e6 + 1, 1.5e6, -1.5e6, time.Hour} {
		check(d)
	}
	for range 10_000 {
		check(time.Duration(rand.Int64N(1<<50) >> rand.IntN(50)))
	}
	if got, want := string(statsd.AppendMilliseconds(nil, math.MinInt64)), "-9223372036854.775808"; got != want {
		t.Errorf("the shortest duration is %s, want %s", got, want)
	}
}
