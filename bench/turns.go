package main

import (
	"context"
	"errors"
	"time"
)

// turn is how long a server is under load at a time where differences are small.
const turn = time.Second

// inTurns has all servers of a scenario run side by side, and puts one after the other under load for a moment, again and again:
// a machine that shares its processors may be half as fast from one second to the next, so what is compared has to be close
// together, and often. The first turn is the warm-up.
func inTurns(ctx context.Context, o *options, results []result, take func(*result, sample)) (err error) {
	var servers []*staged
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.leave())
		}
	}()
	for i := range results {
		s, err := bring(ctx, o, &results[i])
		if err != nil {
			return results[i].failed(err)
		}
		servers = append(servers, s)
	}
	moment := *o
	moment.warmUp, moment.duration = 0, turn
	for n := range 1 + o.turns {
		for i := range results {
			s, err := servers[i].moment(ctx, &moment, &results[i], n == o.turns)
			if err != nil {
				return results[i].failed(err)
			}
			if n > 0 {
				take(&results[i], s)
			}
		}
	}
	return nil
}

// moment measures a server once. What is known of the whole of its life is in the last sample alone.
func (s *staged) moment(ctx context.Context, o *options, r *result, last bool) (sample, error) {
	m, err := r.scenario.measure(ctx, o, s.server)
	switch {
	case err != nil:
		return m, err
	case last:
		return m, s.audience.ask(&m)
	}
	m.requests, m.made = 0, 0
	return m, nil
}
