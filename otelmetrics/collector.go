package otelmetrics

import (
	"os"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wirespan/wirespan/lifecycle"
)

// Collector is a [lifecycle.Collector] that counts, and an [sdkmetric.Producer] of what it has counted. Make one with [New],
// give it to one or more servers and to one or more readers. It has nothing to close. All methods may be called from any
// goroutine.
type Collector struct {
	methods  []string // see firstMethod
	backlog  func() int
	plain    bool // makes no exemplars
	began    time.Time
	families [kinds]family
	shards   shards
}

var (
	_ lifecycle.ConnectionCollector = (*Collector)(nil)
	_ sdkmetric.Producer            = (*Collector)(nil)
)

// New returns a Collector that has counted nothing.
func New(cfg Config) *Collector {
	cfg = cfg.withDefaults()
	c := &Collector{
		methods: append([]string{noMethod: "", otherMethod: "_OTHER"}, trimmed(cfg.KnownMethods)...),
		backlog: cfg.Backlog,
		plain:   os.Getenv(envExemplars) == "always_off",
		began:   time.Now(),
	}
	for i := range c.families {
		c.families[i].start(cfg.MaxSeries)
	}
	return c
}

// OpenConnection implements [lifecycle.ConnectionCollector].
func (c *Collector) OpenConnection(e *lifecycle.ConnectionOpened) lifecycle.Collector {
	n := &connection{shard: c.worker(e.WorkerID)}
	n.open(e)
	return n
}

// Record implements [lifecycle.Collector], for events that belong to no open connection. Of a connection that was not opened
// with OpenConnection, the requests are counted.
func (c *Collector) Record(e lifecycle.Event) {
	s := c.worker(e.When().WorkerID)
	switch e := e.(type) {
	case *lifecycle.ConnectionRejected:
		s.rejected(e)
	case *lifecycle.TLSHandshakeFailed:
		s.handshakeFailed(e)
	default:
		stray := connection{shard: s, stray: true}
		stray.Record(e)
	}
}
