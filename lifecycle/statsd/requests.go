package statsd

import (
	"strconv"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

const switchingProtocols = 101

// Collector sends three metrics of each request when it ends, however it ends: the counter "requests", the timing
// "request.duration", and the counter "request.status." with the status, unless the client went before it had its response.
// A head that cannot be parsed is a request too. A connection that was upgraded has the time until then.
type Collector struct {
	pipes *pipes
	rate  Metrics

	// What stands in the lines before and after what is the request's.
	duration, durationEnd []byte // the duration, and then all of the line for "requests"
	status, statusEnd     []byte
}

var _ lifecycle.ConnectionCollector = (*Collector)(nil)

// NewCollector returns a Collector that sends with c.
func NewCollector(c *Client) *Collector {
	f, rate := &c.format, c.rate
	tags := f.appendTags(nil, nil)

	durationEnd := append(appendRate([]byte("|ms"), rate), tags...)
	durationEnd = append(durationEnd, '\n')
	durationEnd = f.appendCounter(durationEnd, c.namespace+"requests", 1, rate, nil)

	status := f.appendName([]byte("\n"), c.namespace+"request.status.")
	return &Collector{
		pipes:       c.pipes,
		rate:        c.Metrics,
		duration:    f.appendName(nil, c.namespace+"request.duration"),
		durationEnd: durationEnd,
		status:      status[:len(status)-len(":")],
		statusEnd:   append(f.appendCounterRate([]byte(":1|c"), rate), tags...),
	}
}

// Record implements [lifecycle.Collector].
func (c *Collector) Record(e lifecycle.Event) {
	if o := lifecycle.OutcomeOf(e); o != nil {
		c.record(c.pipes.worker(e.When().WorkerID), e, o)
	}
}

// OpenConnection implements [lifecycle.ConnectionCollector].
func (c *Collector) OpenConnection(e *lifecycle.ConnectionOpened) lifecycle.Collector {
	return connection{c, c.pipes.worker(e.WorkerID)}
}

// connection is the Collector of a connection: it knows the pipe of its worker.
type connection struct {
	collector *Collector
	pipe      *pipe
}

// Record implements [lifecycle.Collector].
func (c connection) Record(e lifecycle.Event) {
	if o := lifecycle.OutcomeOf(e); o != nil {
		c.collector.record(c.pipe, e, o)
	}
}

func (c *Collector) record(p *pipe, e lifecycle.Event, o *lifecycle.Outcome) {
	if !c.rate.sampled() {
		return
	}
	var scratch [2 * lineBytes]byte
	block, lines := append(scratch[:0], c.duration...), 2
	block = appendMilliseconds(block, duration(o))
	block = append(block, c.durationEnd...)
	if status := responseStatus(e, o); status != 0 {
		block = append(block, c.status...)
		block = strconv.AppendInt(block, int64(status), 10)
		block = append(block, c.statusEnd...)
		lines++
	}
	p.add(block, lines)
}

// duration is the time that a request took. That of an upgraded connection would be how long its user stayed.
func duration(o *lifecycle.Outcome) time.Duration {
	if o.Status == switchingProtocols && o.Phases.FirstResponseByte >= o.Phases.FirstByte {
		return time.Duration(o.Phases.FirstResponseByte - o.Phases.FirstByte)
	}
	return o.Duration
}

// responseStatus returns the status of a response that was given, or 0.
func responseStatus(e lifecycle.Event, o *lifecycle.Outcome) int {
	if _, left := e.(*lifecycle.ClientDisconnected); left {
		return 0
	}
	return o.Status
}
