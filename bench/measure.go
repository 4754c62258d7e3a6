package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// sample is what one round has found out about one server.
type sample struct {
	load
	used account // between the end of the warm-up and the end of the last upload

	// Of the whole life of the server, warm-up included:
	requests uint64
	received received
	trouble  string // of the last upload, in words
}

// result is all that was found out about one server.
type result struct {
	candidate
	samples []sample
}

// measureAll lets the servers take turns.
func measureAll(ctx context.Context, o *options, chosen []candidate, progress io.Writer) ([]result, error) {
	results := make([]result, len(chosen))
	for i, c := range chosen {
		results[i].candidate = c
	}
	for round := range o.rounds {
		for i := range results {
			r := &results[i]
			s, err := measure(ctx, o, r.candidate)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", r.name, err)
			}
			fmt.Fprintf(progress, "round %d of %d  %-24s %6.0f requests/s\n", round+1, o.rounds, r.name, s.perSecond)
			r.samples = append(r.samples, s)
		}
	}
	return results, nil
}

// measure runs one server once, and its receiver when it has one.
func measure(ctx context.Context, o *options, c candidate) (s sample, err error) {
	var environment []string
	var receiver *process
	if c.traced {
		receiver, err = start(ctx, nil, roleReceiver, "-delay", o.delay.String())
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, receiver.stop()) }()
		environment = []string{
			"OTEL_SERVICE_NAME=bench",
			"OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
			"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + receiver.addr,
		}
	}
	server, err := start(ctx, environment, roleServer, c.name)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()

	if _, err := wrk(ctx, server.addr, o.connections, o.warmUp); err != nil {
		return s, err
	}
	var before, after account
	if err := server.ask(askAccount, &before); err != nil {
		return s, err
	}
	if s.load, err = wrk(ctx, server.addr, o.connections, o.duration); err != nil {
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
	s.used, s.requests = after.minus(before), after.Served
	if receiver != nil {
		err = receiver.ask(askAccount, &s.received)
	}
	return s, err
}

// settle waits until the server has done with the requests that wrk left in the middle, so that their spans have ended too.
func settle(ctx context.Context, server *process) error {
	var last account
	for {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
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
