package main

import (
	"cmp"
	"context"
	"errors"
)

// audience are the processes that a server tells of its requests. One that it does not tell is nil.
type audience struct{ receiver, statsd *process }

// gatherAudience starts those that a server needs, and returns what names them in its environment.
func gatherAudience(ctx context.Context, o *options, r *result) (a audience, environment []string, err error) {
	if r.server.traced {
		a.receiver, err = start(ctx, nil, roleReceiver, "-delay", cmp.Or(r.scenario.distance, o.delay).String())
		if err != nil {
			return a, nil, err
		}
		environment = exportTo(a.receiver.addr)
	}
	if r.server.statsd {
		if a.statsd, err = start(ctx, nil, roleStatsd); err != nil {
			return a, nil, errors.Join(err, a.leave())
		}
		environment = append(environment, statsdVariable+"="+a.statsd.addr)
	}
	return a, append(environment, r.server.environment...), nil
}

// ask finds out what they have been told.
func (a *audience) ask(s *sample) error {
	if a.receiver != nil {
		if err := a.receiver.ask(askAccount, &s.received); err != nil {
			return err
		}
	}
	if a.statsd != nil {
		return a.statsd.ask(askAccount, &s.told)
	}
	return nil
}

// leave ends them.
func (a *audience) leave() error {
	var errs []error
	for _, p := range []*process{a.receiver, a.statsd} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	return errors.Join(errs...)
}
