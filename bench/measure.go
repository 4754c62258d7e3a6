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

// failed says of what err is.
func (r *result) failed(err error) error {
	return fmt.Errorf("measure %s of %s: %w", r.scenario.name, r.server.name, err)
}

// measureAll takes the samples, round by round, and scenario by scenario in each.
func measureAll(ctx context.Context, o *options, results []result, progress io.Writer) error {
	for round := range o.rounds {
		take := func(r *result, s sample) {
			r.samples = append(r.samples, s)
			fmt.Fprintf(progress, "round %d of %d  %-13s %-27s %s\n", round+1, o.rounds, r.scenario.name, r.server.name, s.summary())
		}
		for rest := results; len(rest) > 0; {
			n := sameScenario(rest)
			if err := rest[0].scenario.way(round)(ctx, o, rest[:n], take); err != nil {
				return err
			}
			rest = rest[n:]
		}
	}
	return nil
}

// oneByOne starts one server after the other for its measurement.
func oneByOne(ctx context.Context, o *options, results []result, take func(*result, sample)) error {
	for i := range results {
		s, err := measure(ctx, o, &results[i])
		if err != nil {
			return results[i].failed(err)
		}
		take(&results[i], s)
	}
	return nil
}

// notAgain leaves out a scenario that has been measured often enough.
func notAgain(context.Context, *options, []result, func(*result, sample)) error { return nil }

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
func measure(ctx context.Context, o *options, r *result) (m sample, err error) {
	if r.scenario.direct != nil {
		return r.scenario.direct(ctx, o, r)
	}
	s, err := bring(ctx, o, r)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.leave()) }()
	if m, err = r.scenario.measure(ctx, o, s.server); err != nil {
		return m, err
	}
	return m, s.audience.ask(&m)
}

// staged is a server that runs, and those whom it tells.
type staged struct {
	server   *process
	audience audience
}

// bring starts them.
func bring(ctx context.Context, o *options, r *result) (*staged, error) {
	audience, environment, err := gatherAudience(ctx, o, r)
	if err != nil {
		return nil, err
	}
	server, err := start(ctx, environment, roleServer, r.server.name, r.scenario.name, o.dir)
	if err != nil {
		return nil, errors.Join(err, audience.leave())
	}
	return &staged{server, audience}, nil
}

// leave ends them.
func (s *staged) leave() error { return errors.Join(s.server.stop(), s.audience.leave()) }

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
