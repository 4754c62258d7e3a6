package statsd

import (
	"math"
	"math/rand/v2"
	"time"
)

// Metrics sends metrics at a rate. It is a small value to copy at will; every method may be called from any goroutine,
// never blocks, and keeps nothing of its arguments. A name is as it is under [Options.Prefix]; a metric with an
// empty one, or with a value that is no finite number, is dropped and counted in [Stats.Invalid].
type Metrics struct {
	client *Client
	rate   float64
}

// Sampled returns Metrics that send only this share of counters, histograms and timings, chosen at random, and tell
// the server so, which makes up for it. 1 and more sends all; 0, less, and what is no number, none.
// Gauges are always sent: there is nothing that would make up for one.
func (m Metrics) Sampled(rate float64) Metrics {
	switch {
	case rate >= 1:
		rate = 1
	case !(rate > 0): // NaN too
		rate = 0
	}
	return Metrics{m.client, rate}
}

func (m Metrics) sampled() bool { return m.rate == 1 || rand.Float64() < m.rate }

// Increment adds n to a counter.
func (m Metrics) Increment(name string, n int64, tags ...Tag) {
	if !m.sampled() || !m.client.valid(name, 0) {
		return
	}
	var scratch [lineBytes]byte
	m.client.pipes.any().add(m.client.format.appendCounter(scratch[:0], name, n, m.rate, tags), 1)
}

// Decrement takes n from a counter.
func (m Metrics) Decrement(name string, n int64, tags ...Tag) { m.Increment(name, -n, tags...) }

// Gauge sets a gauge. Below 0 it takes two lines where a sign means a change, and the first sets it to 0.
func (m Metrics) Gauge(name string, v float64, tags ...Tag) {
	if !m.client.valid(name, v) {
		return
	}
	var scratch [lineBytes]byte
	f := &m.client.format
	if v < 0 && f.deltas {
		block := append(f.appendGauge(scratch[:0], name, 0, tags), '\n')
		m.client.pipes.ordered().add(f.appendGauge(block, name, v, tags), 2)
		return
	}
	m.client.pipes.ordered().add(f.appendGauge(scratch[:0], name, v, tags), 1)
}

// GaugeDelta changes a gauge by d.
func (m Metrics) GaugeDelta(name string, d float64, tags ...Tag) {
	f := &m.client.format
	if !f.deltas {
		m.client.invalid.Add(1)
		return
	}
	if !m.client.valid(name, d) {
		return
	}
	var scratch [lineBytes]byte
	m.client.pipes.ordered().add(f.appendGaugeDelta(scratch[:0], name, d, tags), 1)
}

// Histogram adds a value to a distribution. What the dialect writes as "ms" is in milliseconds.
func (m Metrics) Histogram(name string, v float64, tags ...Tag) {
	m.distribution(name, v, m.client.format.histogram, tags)
}

func (m Metrics) distribution(name string, v float64, kind string, tags []Tag) {
	if !m.sampled() || !m.client.valid(name, v) {
		return
	}
	var scratch [lineBytes]byte
	m.client.pipes.any().add(m.client.format.appendDistribution(scratch[:0], name, v, kind, m.rate, tags), 1)
}

// Timing adds a duration to a distribution, in milliseconds.
func (m Metrics) Timing(name string, d time.Duration, tags ...Tag) {
	if !m.sampled() || !m.client.valid(name, 0) {
		return
	}
	var scratch [lineBytes]byte
	m.client.pipes.any().add(m.client.format.appendTiming(scratch[:0], name, d, m.rate, tags), 1)
}

// valid reports whether there can be a line of name and v, and counts when not.
func (c *Client) valid(name string, v float64) bool {
	if name != "" && !math.IsNaN(v) && !math.IsInf(v, 0) {
		return true
	}
	c.invalid.Add(1)
	return false
}
