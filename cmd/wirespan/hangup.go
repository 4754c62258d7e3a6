package main

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// hangUp obeys SIGHUP, which has everything that lies in files read and opened anew, and SIGUSR1, which is for the logs alone.
func (s *server) hangUp(sig os.Signal) {
	logs := s.telemetry.logs()
	switch {
	case len(logs) > 0:
		s.reopen(logs)
	case sig != syscall.SIGHUP:
		s.log.Info("there is nothing to reopen: the server was started without --access-log and --error-log")
	}
	if sig == syscall.SIGHUP && (len(logs) == 0 || s.control.file != "") {
		s.control.reread()
	}
}

// reopener is a log that goes on in a new file when the old one was moved away.
type reopener interface {
	Reopen(ctx context.Context) error
}

// logs returns those that there are.
func (t *telemetry) logs() (logs []reopener) {
	if t.access != nil {
		logs = append(logs, t.access)
	}
	if t.log.errors != nil {
		logs = append(logs, t.log.errors)
	}
	return logs
}

// reopen is bounded in time, for a disk may stand still.
func (s *server) reopen(logs []reopener) {
	err := s.options.flush(func(ctx context.Context) error {
		var errs []error
		for _, l := range logs {
			errs = append(errs, l.Reopen(ctx))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		s.log.Warn("a log goes on where it was: it could not be reopened", "error", err)
		return
	}
	s.log.Info("the logs were reopened")
}
