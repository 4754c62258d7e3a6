package main

import (
	"context"
	"time"
)

// How many connections are served quickly and slowly at the same time.
const (
	fastConnections = 16
	slowConnections = 32
)

// beside measures quick requests beside slow ones: what is found out about latency and rate is of the quick ones.
func beside(ctx context.Context, o *options, server *process) (sample, error) {
	return underLoad(ctx, o, server, func(d time.Duration) (load, error) {
		slow := make(chan error, 1)
		go func() {
			_, err := wrk{path: slowPath, connections: slowConnections}.run(ctx, o, server.addr, d)
			slow <- err
		}()
		l, err := wrk{connections: fastConnections}.run(ctx, o, server.addr, d)
		if slowErr := <-slow; err == nil {
			err = slowErr
		}
		return l, err
	})
}
