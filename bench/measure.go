package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// load is what a load generator has seen.
type load struct {
	PerSecond float64       `json:"per_second"`
	P50       time.Duration `json:"p50"`
	P99       time.Duration `json:"p99"`
}

// sample is what one round has found out about one server.
type sample struct {
	load
	used   account // between the end of the warm-up and the end of the last upload
	memory float64 // resident bytes that an idle connection adds

	// Of the whole life of the server, warm-up included:
	requests uint64
	made     uint64 // spans, by the server's own books; 0 when it keeps none
	received received
	told     told
	trouble  string // of the last upload, in words
	outage   outage
}

// perRequest is a time that was used up, for each request.
func (s *sample) perRequest(of func(account) time.Duration) time.Duration {
	return of(s.used) / time.Duration(max(s.used.Served, 1))
}

// result is all that was found out about one server in one scenario.
type result struct {
	scenario scenario
	server   candidate
	samples  []sample
}

// measureAll takes the samples, round by round, and scenario by scenario in each.
func measureAll(ctx context.Context, o *options, results []result, progress io.Writer) error {
	for round := range o.rounds {
		for rest := results; len(rest) > 0; {
			n := sameScenario(rest)
			for range rest[0].scenario.turns(o, round) {
				for i := range rest[:n] {
					s, err := measure(ctx, o, &rest[i])
					if err != nil {
						return fmt.Errorf("measure %s of %s: %w", rest[i].scenario.name, rest[i].server.name, err)
					}
					fmt.Fprintf(progress, "round %d of %d  %-13s %-27s %s\n", round+1, o.rounds, rest[i].scenario.name, rest[i].server.name, s.summary())
					rest[i].samples = append(rest[i].samples, s)
				}
			}
			rest = rest[n:]
		}
	}
	return nil
}

// sameScenario returns how many of the first results are of one scenario.
func sameScenario(results []result) int {
	n := slices.IndexFunc(results, func(r result) bool { return r.scenario.name != results[0].scenario.name })
	if n < 0 {
		return len(results)
	}
	return n
}

// summary is a few words for whoever waits.
func (s sample) summary() string {
	if s.PerSecond == 0 {
		return fmt.Sprintf("%6.0f bytes/connection", s.memory)
	}
	return fmt.Sprintf("%6.0f requests/s", s.PerSecond)
}

// measure runs one server once, and those whom it tells.
func measure(ctx context.Context, o *options, r *result) (s sample, err error) {
	if r.scenario.direct != nil {
		return r.scenario.direct(ctx, o, r)
	}
	audience, environment, err := gatherAudience(ctx, o, r)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, audience.leave()) }()
	server, err := start(ctx, environment, roleServer, r.server.name, r.scenario.name, o.dir)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()

	if s, err = r.scenario.measure(ctx, o, server); err != nil {
		return s, err
	}
	err = audience.ask(&s)
	return s, err
}

// exportTo is the environment of a server whose spans go to a receiver.
func exportTo(addr string) []string {
	return []string{"OTEL_SERVICE_NAME=bench", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + addr}
}

// underLoad finds out what a server uses up while it is under a load of the scenario's kind.
func underLoad(ctx context.Context, o *options, server *process, put func(time.Duration) (load, error)) (s sample, err error) {
	if o.warmUp > 0 {
		if _, err := put(o.warmUp); err != nil {
			return s, err
		}
	}
	var before, after account
	if err := server.ask(askAccount, &before); err != nil {
		return s, err
	}
	if s.load, err = put(o.duration); err != nil {
		return s, err
	}
	if err := settle(ctx, server); err != nil {
		return s, err
	}
	if err := server.ask(askFlush, &s.trouble); err != nil {
		return s, err
	}
	if err := server.ask(askAccount, &after); err != nil {
		return s, err
	}
	s.used, s.requests, s.made = after.minus(before), after.Served, after.Made
	return s, nil
}

// settle waits until the server has done with the requests that were left in the middle, so that their spans have ended too.
func settle(ctx context.Context, server *process) error {
	var last account
	for {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		var now account
		if err := server.ask(askAccount, &now); err != nil {
			return err
		}
		if now.Served == last.Served {
			return nil
		}
		last = now
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
