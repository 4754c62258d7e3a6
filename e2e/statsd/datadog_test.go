package statsd_test

import (
	"context"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	datadog "github.com/DataDog/datadog-go/v5/statsd"

	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// calls are made to both clients. Datadog's writes timings with six decimals, always, so these have that many.
var calls = []struct {
	name   string
	ours   func(*statsd.Client)
	theirs func(*datadog.Client) error
}{
	{
		"count", func(c *statsd.Client) { c.Increment("a.count", 3) },
		func(c *datadog.Client) error { return c.Count("a.count", 3, nil, 1) },
	},
	{
		"decrement", func(c *statsd.Client) { c.Decrement("a.count", 3) },
		func(c *datadog.Client) error { return c.Count("a.count", -3, nil, 1) },
	},
	{
		"count with tags", func(c *statsd.Client) {
			c.Increment("a.count", 1, statsd.Tag{Key: "k", Value: "v:w"}, statsd.Tag{Key: "bare"})
		},
		func(c *datadog.Client) error { return c.Count("a.count", 1, []string{"k:v:w", "bare"}, 1) },
	},
	{
		"gauge", func(c *statsd.Client) { c.Gauge("a.gauge", 0.1) },
		func(c *datadog.Client) error { return c.Gauge("a.gauge", 0.1, nil, 1) },
	},
	{
		"gauge below 0", func(c *statsd.Client) { c.Gauge("a.gauge", -7) },
		func(c *datadog.Client) error { return c.Gauge("a.gauge", -7, nil, 1) },
	},
	{
		"large gauge", func(c *statsd.Client) { c.Gauge("a.gauge", math.MaxFloat64) },
		func(c *datadog.Client) error { return c.Gauge("a.gauge", math.MaxFloat64, nil, 1) },
	},
	{
		"histogram", func(c *statsd.Client) { c.Histogram("a.histogram", 2.25, statsd.Tag{Key: "k", Value: "v"}) },
		func(c *datadog.Client) error { return c.Histogram("a.histogram", 2.25, []string{"k:v"}, 1) },
	},
	{
		"timing", func(c *statsd.Client) { c.Timing("a.timing", 1234567*time.Nanosecond) },
		func(c *datadog.Client) error { return c.Timing("a.timing", 1234567*time.Nanosecond, nil, 1) },
	},
	{
		// A rate that leaves nothing out, as far as any test will see, and is yet written.
		"rate", func(c *statsd.Client) { c.Sampled(almostAll).Increment("a.count", 1) },
		func(c *datadog.Client) error { return c.Count("a.count", 1, nil, almostAll) },
	},
}

const almostAll = 1 - 0x1p-40

// Rows H62 to H67 in the dialect of Datadog: the same bytes as its own client sends.
func TestSameLinesAsDatadog(t *testing.T) {
	globals := map[string][]string{"no tags": nil, "tags": {"env:prod", "canary"}}
	for name, tags := range globals {
		for _, c := range calls {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				ours, theirs := oursOf(t, tags, c.ours), theirsOf(t, tags, c.theirs)
				if ours != theirs || ours == "" {
					t.Errorf("sent %q, and Datadog's client %q", ours, theirs)
				}
			})
		}
	}
}

func oursOf(t *testing.T, tags []string, use func(*statsd.Client)) string {
	t.Helper()
	var w writer
	c, err := statsd.New(statsd.Options{
		Dialect: statsd.DogStatsD, Prefix: "shop", Tags: statsd.ParseTags(strings.Join(tags, ",")),
		Dial: func(context.Context, string, string) (net.Conn, error) { return conn{w: &w}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	use(c)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w.text()
}

func theirsOf(t *testing.T, tags []string, use func(*datadog.Client) error) string {
	t.Helper()
	for _, variable := range []string{"DD_ENTITY_ID", "DD_ENV", "DD_SERVICE", "DD_VERSION", "DD_EXTERNAL_ENV", "DD_AGENT_HOST"} {
		t.Setenv(variable, "")
	}
	var w writer
	c, err := datadog.NewWithWriter(&w, datadog.WithNamespace("shop."), datadog.WithTags(tags), datadog.WithoutTelemetry(),
		datadog.WithoutClientSideAggregation(), datadog.WithoutOriginDetection())
	if err != nil {
		t.Fatal(err)
	}
	if err := use(c); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(w.text(), "\n")
}

// writer keeps what is written.
type writer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

func (w *writer) Close() error { return nil }

func (w *writer) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// conn is a connection to a writer.
type conn struct {
	net.Conn
	w *writer
}

func (c conn) Write(b []byte) (int, error)    { return c.w.Write(b) }
func (conn) SetWriteDeadline(time.Time) error { return nil }
func (conn) Close() error                     { return nil }
