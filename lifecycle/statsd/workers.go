package statsd

import "time"

// reportEvery reports at once and at every interval, until Close.
func (c *Client) reportEvery() {
	tick := time.NewTicker(c.pipes.settings.ReportEvery)
	defer tick.Stop()
	for {
		c.Report()
		select {
		case <-tick.C:
		case <-c.pipes.settings.closing:
			return
		}
	}
}

// Report adds what [Options.Workers] and [Options.Backlog] say now, for one who knows that it has changed. Any goroutine may
// call it, but not those two.
func (c *Client) Report() {
	o := &c.pipes.settings.Options
	c.report.Lock()
	defer c.report.Unlock()
	if o.Workers != nil {
		c.Gauge(c.namespace+"workers", float64(o.Workers()))
	}
	if o.Backlog == nil {
		return
	}
	if n := o.Backlog(); n >= 0 {
		c.Histogram(c.namespace+"backlog", float64(n))
	}
}
