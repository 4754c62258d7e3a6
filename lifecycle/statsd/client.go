package statsd

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Client sends metrics to a StatsD server. Its methods may be called from any goroutine.
type Client struct {
	Metrics // at Options.Rate

	format    format
	namespace string // with its dot
	pipes     *pipes
	invalid   atomic.Uint64 // lines that could not be written
	reporting sync.WaitGroup
	report    sync.Mutex // held by who asks for workers and backlog, so that what is sent later is newer
}

// New returns a Client, which has to be closed. It does not look for the server: only an option that cannot be
// understood is an error.
func New(o Options) (*Client, error) {
	o, network, address, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("statsd: %w", err)
	}
	c := &Client{
		format:    newFormat(o.Dialect, o.Prefix, o.Tags),
		namespace: o.Namespace + ".",
		pipes:     newPipes(o, network, address),
	}
	c.Metrics = Metrics{client: c}.Sampled(o.Rate)
	if o.Workers != nil || o.Backlog != nil {
		c.reporting.Go(c.reportEvery)
	}
	return c, nil
}

// Flush sends what was added before the call. It returns when that was handed to the kernel, or dropped, or with an
// error when ctx ends first: the rest is still sent. During and after Close, which flushes, it returns at once.
func (c *Client) Flush(ctx context.Context) error {
	if err := c.pipes.flush(ctx); err != nil {
		return fmt.Errorf("statsd: flush: %w", err)
	}
	return nil
}

// Close sends what was added before the call, without trying again what fails, and ends the client's goroutines.
// When ctx ends first it gives up the rest, and returns an error. Lines that are added afterwards are counted in
// [Stats.Closed]. Close may be called twice.
func (c *Client) Close(ctx context.Context) error {
	err := c.pipes.close(ctx)
	c.reporting.Wait()
	if err != nil {
		return fmt.Errorf("statsd: close: %w", err)
	}
	return nil
}
