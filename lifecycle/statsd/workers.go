package statsd

import "time"

// report sends what Options.Workers and Options.Backlog say, at once and at every interval, until Close.
func (c *Client) report(o Options) {
	tick := time.NewTicker(o.ReportEvery)
	defer tick.Stop()
	for {
		if o.Workers != nil {
			c.Gauge(c.namespace+"workers", float64(o.Workers()))
		}
		if o.Backlog != nil {
			c.reportBacklog(o.Backlog())
		}
		select {
		case <-tick.C:
		case <-c.pipes.settings.closing:
			return
		}
	}
}

func (c *Client) reportBacklog(n int) {
	if n >= 0 {
		c.Histogram(c.namespace+"backlog", float64(n))
	}
}
