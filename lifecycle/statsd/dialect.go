package statsd

// Dialect says how a line is written, for the server that is to read it.
type Dialect int

const (
	// Hypercorn writes what Hypercorn does: the rate after every counter, also when it is 1, and a histogram as "ms".
	// Its metrics are called "hypercorn". Etsy's StatsD reads it all.
	Hypercorn Dialect = iota
	// Gunicorn writes what Gunicorn does: as Hypercorn, but a histogram as "h". Its metrics are called "gunicorn".
	// Mind that Etsy's StatsD takes an "h" for a counter.
	Gunicorn
	// Plain is for servers that know no tags: they are left out. A rate of 1 is too. A histogram is "ms".
	Plain
	// DogStatsD is for Datadog's agent: a rate of 1 is left out, a histogram is "h", and a gauge can be set below 0
	// but not changed: [Metrics.GaugeDelta] is dropped as invalid, because the agent would set the gauge.
	DogStatsD
)

// traits are what dialects differ in.
type traits struct {
	namespace string // Options.Namespace when that is empty
	histogram string // the type of a histogram
	rateOfOne bool   // a counter's rate is written when it is 1
	tags      bool   // there are tags
	deltas    bool   // a gauge with a sign is a change
}

var dialects = [...]traits{
	Hypercorn: {namespace: "hypercorn", histogram: "ms", rateOfOne: true, tags: true, deltas: true},
	Gunicorn:  {namespace: "gunicorn", histogram: "h", rateOfOne: true, tags: true, deltas: true},
	Plain:     {namespace: "hypercorn", histogram: "ms", deltas: true},
	DogStatsD: {namespace: "hypercorn", histogram: "h", tags: true},
}
