package statsd_test

import (
	"math"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// Rows H62 to H67: each line, in each dialect, as it lies in the datagram.
func TestLines(t *testing.T) {
	country := statsd.Tag{Key: "country", Value: "fr"}
	for _, c := range []struct {
		name string
		o    statsd.Options
		use  func(*statsd.Client)
		want string
	}{
		{"H62 gauge", statsd.Options{}, func(c *statsd.Client) { c.Gauge("a", 7) }, "a:7|g"},
		{"H62 gauge with a fraction", statsd.Options{}, func(c *statsd.Client) { c.Gauge("a", 0.25) }, "a:0.25|g"},
		{"H62 gauge of any size has no exponent", statsd.Options{}, func(c *statsd.Client) { c.Gauge("a", 1e21) }, "a:1000000000000000000000|g"},
		{"H63 increment", statsd.Options{}, func(c *statsd.Client) { c.Increment("a", 3) }, "a:3|c|@1.0"},
		{"H63 increment, Gunicorn", statsd.Options{Dialect: statsd.Gunicorn}, func(c *statsd.Client) { c.Increment("a", 3) }, "a:3|c|@1.0"},
		{"H63 increment, Plain", statsd.Options{Dialect: statsd.Plain}, func(c *statsd.Client) { c.Increment("a", 3) }, "a:3|c"},
		{"H63 increment, DogStatsD", statsd.Options{Dialect: statsd.DogStatsD}, func(c *statsd.Client) { c.Increment("a", 3) }, "a:3|c"},
		{"H63 increment by 0", statsd.Options{}, func(c *statsd.Client) { c.Increment("a", 0) }, "a:0|c|@1.0"},
		{"H64 decrement", statsd.Options{}, func(c *statsd.Client) { c.Decrement("a", 3) }, "a:-3|c|@1.0"},
		{"H64 decrement by less than 0 has one sign", statsd.Options{}, func(c *statsd.Client) { c.Decrement("a", -3) }, "a:3|c|@1.0"},
		{"H65 histogram", statsd.Options{}, func(c *statsd.Client) { c.Histogram("a", 2.5) }, "a:2.5|ms"},
		{"H65 histogram, Gunicorn", statsd.Options{Dialect: statsd.Gunicorn}, func(c *statsd.Client) { c.Histogram("a", 2.5) }, "a:2.5|h"},
		{"H65 histogram, Plain", statsd.Options{Dialect: statsd.Plain}, func(c *statsd.Client) { c.Histogram("a", 2.5) }, "a:2.5|ms"},
		{"H65 histogram, DogStatsD", statsd.Options{Dialect: statsd.DogStatsD}, func(c *statsd.Client) { c.Histogram("a", 2.5) }, "a:2.5|h"},
		{"H65 timer", statsd.Options{Dialect: statsd.Gunicorn}, func(c *statsd.Client) { c.Timing("a", 1234567*time.Nanosecond) }, "a:1.234567|ms"},
		{"H66 gauge delta up", statsd.Options{}, func(c *statsd.Client) { c.GaugeDelta("a", 3) }, "a:+3|g"},
		{"H66 gauge delta down", statsd.Options{}, func(c *statsd.Client) { c.GaugeDelta("a", -3) }, "a:-3|g"},
		{"H66 gauge delta of nothing sets nothing", statsd.Options{}, func(c *statsd.Client) { c.GaugeDelta("a", 0) }, "a:+0|g"},
		{"H66 gauge below 0, DogStatsD", statsd.Options{Dialect: statsd.DogStatsD}, func(c *statsd.Client) { c.Gauge("a", -3) }, "a:-3|g"},
		{
			"H67 tags",
			statsd.Options{Tags: statsd.ParseTags("tag1:v1,tag2")},
			func(c *statsd.Client) { c.Gauge("a", 7) }, "a:7|g|#tag1:v1,tag2",
		},
		{
			"H67 tags come last",
			statsd.Options{Tags: statsd.ParseTags("tag1:v1,tag2")},
			func(c *statsd.Client) { c.Increment("a", 1, country) }, "a:1|c|@1.0|#tag1:v1,tag2,country:fr",
		},
		{"H67 tags of the call alone", statsd.Options{}, func(c *statsd.Client) { c.Increment("a", 1, country) }, "a:1|c|@1.0|#country:fr"},
		{"H67 a tag without a key", statsd.Options{}, func(c *statsd.Client) { c.Gauge("a", 1, statsd.Tag{Value: "v"}) }, "a:1|g"},
		{
			"H67 Plain has no tags",
			statsd.Options{Dialect: statsd.Plain, Tags: statsd.ParseTags("tag1:v1")},
			func(c *statsd.Client) { c.Increment("a", 1, country) }, "a:1|c",
		},
	} {
		t.Run(c.name, func(t *testing.T) { wantLines(t, sent(t, c.o, c.use), c.want) })
	}
}

// Row H66: a gauge below 0 is set to 0 first, in the same packet and in this order.
func TestGaugeBelowZero(t *testing.T) {
	s := listenUDP(t)
	c := newClient(t, statsd.Options{Addr: s.addr, FlushEvery: lateFlush})
	c.Gauge("a", -3)
	flush(t, c)
	if got, want := s.packet(t), "a:0|g\na:-3|g"; got != want {
		t.Errorf("received %q, want %q", got, want)
	}
}

// Gauges keep their order, whatever else is sent.
func TestGaugesKeepTheirOrder(t *testing.T) {
	s := listenUDP(t)
	c := newClient(t, statsd.Options{Addr: s.addr, FlushEvery: lateFlush})
	c.Gauge("a", 1)
	c.GaugeDelta("a", 2)
	c.Gauge("a", -4)
	c.Gauge("b", 5)
	flush(t, c)
	if got, want := s.packet(t), "a:1|g\na:+2|g\na:0|g\na:-4|g\nb:5|g"; got != want {
		t.Errorf("received %q, want %q", got, want)
	}
}

// Row H61: the prefix has exactly one dot at its end.
func TestPrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"":         "a:1|g",
		"shop":     "shop.a:1|g",
		"shop.":    "shop.a:1|g",
		"shop...":  "shop.a:1|g",
		"eu.shop.": "eu.shop.a:1|g",
		".":        "a:1|g",
		"x:1|c\ny": "x_1_c_y.a:1|g",
	} {
		t.Run(prefix, func(t *testing.T) {
			wantLines(t, sent(t, statsd.Options{Prefix: prefix}, func(c *statsd.Client) { c.Gauge("a", 1) }), want)
		})
	}
}

// Row H68: what is not ASCII is replaced, and the metric is sent.
func TestOnlyASCIIIsSent(t *testing.T) {
	o := statsd.Options{Prefix: "café", Tags: []statsd.Tag{{Key: "städt", Value: "Köln"}}}
	wantLines(t, sent(t, o, func(c *statsd.Client) { c.Gauge("größe", 1) }), "caf__.gr____e:1|g|#st__dt:K__ln")
}

// Row H63, the defect: a rate leaves out what the server then multiplies.
func TestRateSamples(t *testing.T) {
	const n, rate = 20_000, 0.1
	calls := map[string]func(statsd.Metrics){
		"a:1|c|@0.1":  func(m statsd.Metrics) { m.Increment("a", 1) },
		"a:-1|c|@0.1": func(m statsd.Metrics) { m.Decrement("a", 1) },
		"a:5|ms|@0.1": func(m statsd.Metrics) { m.Histogram("a", 5) },
		"a:6|ms|@0.1": func(m statsd.Metrics) { m.Timing("a", 6*time.Millisecond) },
	}
	for line, call := range calls {
		t.Run(line, func(t *testing.T) {
			s := listenUDP(t)
			c := newClient(t, statsd.Options{Addr: s.addr, FlushEvery: lateFlush, MaxWaiting: n})
			for range n {
				call(c.Sampled(rate))
			}
			// The deviation is 42, so a test in a million million fails for nothing.
			if made := c.Stats().Lines; made < n*rate-300 || made > n*rate+300 {
				t.Errorf("%d of %d were sent at a rate of %v", made, n, rate)
			}
			for _, got := range s.linesAfter(t, func() { flush(t, c) }) {
				if got != line {
					t.Fatalf("received %q, want %q", got, line)
				}
			}
		})
	}
}

// Row H63: the limits of a rate, and metrics that no rate applies to.
func TestRateLimits(t *testing.T) {
	got := sent(t, statsd.Options{}, func(c *statsd.Client) {
		for _, none := range []float64{0, -1, math.NaN()} {
			c.Sampled(none).Increment("none", 1)
		}
		c.Sampled(2).Increment("all", 1)
		c.Sampled(0).Gauge("gauge", 1)
		c.Sampled(0).GaugeDelta("gauge", 1)
	})
	wantLines(t, got, "all:1|c|@1.0", "gauge:1|g", "gauge:+1|g")
}

func TestInvalidMetricsAreCounted(t *testing.T) {
	s := listenUDP(t)
	c := newClient(t, statsd.Options{Addr: s.addr, Dialect: statsd.DogStatsD})
	c.Increment("", 1)
	c.Gauge("a", math.NaN())
	c.Gauge("a", math.Inf(-1))
	c.Histogram("a", math.Inf(1))
	c.GaugeDelta("a", 1) // row H66: the agent would set it
	if got := c.Stats(); got.Invalid != 5 || got.Lines != 5 || got.Dropped() != 5 {
		t.Errorf("%+v, want 5 invalid lines", got)
	}
}

func TestUnknownOptions(t *testing.T) {
	for _, o := range []statsd.Options{
		{Dialect: 17},
		{Dialect: -1},
		{Addr: "unix://"},
		{Addr: "tcp://a:1"},
		{Addr: "a:b:c"},
		{Addr: "a:99999"},
		{Addr: "a:0"},
		{Addr: "/run/statsd.sock"},
	} {
		if c, err := statsd.New(o); err == nil {
			closeClient(t, c)
			t.Errorf("%+v: no error", o)
		}
	}
}
