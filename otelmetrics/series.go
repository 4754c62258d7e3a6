package otelmetrics

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
)

// kind is what happened, each with metrics of its own.
type kind int

const (
	requests kind = iota
	connections
	handshakes
	rejections
	kinds
)

// key is what the attributes of a series are made of. What is zero makes none.
type key struct {
	status    uint16
	method    uint16 // index of Collector.methods
	version   version
	scheme    scheme
	tls       tlsVersion
	transport transport
	network   networkType
	streaming bool
	route     string
	code      string // error.type, where the status does not say it
}

// own returns a key that may be kept.
func (k *key) own() key {
	own := *k
	own.route, own.code = strings.Clone(k.route), strings.Clone(k.code)
	return own
}

// cell is one worker's part of a series. That of a request has all of the histograms, others have the first.
type cell struct {
	duration                  histogram
	requestBody, responseBody histogram
	exemplars                 *exemplars // of duration; nil when there is none
}

func (c *cell) merge(o *cell) {
	c.duration.merge(&o.duration)
	c.requestBody.merge(&o.requestBody)
	c.responseBody.merge(&o.responseBody)
	if o.exemplars == nil {
		return
	}
	if c.exemplars == nil {
		c.exemplars = new(exemplars)
	}
	c.exemplars.merge(o.exemplars)
}

// overflow is the number of the series for all that is beyond the limit.
const overflow = 0

// family numbers the series of a kind, the same way for all workers.
type family struct {
	limit   int
	members atomic.Pointer[members]
	mu      sync.Mutex // held to replace them
}

// members are immutable: a new series makes new ones, which happens seldom and ends at the limit.
type members struct {
	numbers    map[key]int
	attributes []attribute.Set // by number
}

func (f *family) start(limit int) {
	f.limit = limit
	f.members.Store(&members{numbers: map[key]int{}, attributes: []attribute.Set{attribute.NewSet(attribute.Bool("otel.metric.overflow", true))}})
}

// number returns the number of a series, and overflow when there are too many.
func (f *family) number(c *Collector, k *key) int {
	if m := f.members.Load(); len(m.numbers) >= f.limit {
		return m.numbers[*k]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.members.Load()
	n, known := m.numbers[*k]
	if known || len(m.numbers) >= f.limit {
		return n
	}
	n = len(m.attributes)
	own := k.own()
	more := &members{numbers: maps.Clone(m.numbers), attributes: append(slices.Clip(m.attributes), c.attributes(&own))}
	more.numbers[own] = n
	f.members.Store(more)
	return n
}

// table is one worker's part of a family.
type table struct {
	cells map[key]*cell
	rest  *cell // overflow's; nil while it has none
	list  []numbered
}

type numbered struct {
	number int
	cell   *cell
}

// at returns the cell for k, which it does not keep.
func (t *table) at(c *Collector, of kind, k *key) *cell {
	if found := t.cells[*k]; found != nil {
		return found
	}
	return t.enter(c, of, k)
}

func (t *table) enter(c *Collector, of kind, k *key) *cell {
	n := c.families[of].number(c, k)
	if n == overflow && t.rest != nil {
		return t.rest
	}
	made := &cell{}
	t.list = append(t.list, numbered{n, made})
	if n == overflow {
		t.rest = made
		return made
	}
	if t.cells == nil {
		t.cells = map[key]*cell{}
	}
	t.cells[k.own()] = made
	return made
}
