package main

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"
)

// cutGrace is how long a handler whose context has ended may take to notice.
const cutGrace = time.Second

// drain ends the server in order: no new requests, those under way to their end or to the deadline, then the last
// traces, lines and metrics with a deadline of their own, and the admin port, which tells of all this, at the very last.
func (s *server) drain(reason string) {
	s.readiness.notReady("draining: " + reason + " and finishes the requests under way")
	s.log.Info("draining", "reason", reason, "timeout", s.options.drainTimeout)
	close(s.draining)
	begin := time.Now()
	s.finishRequests()
	ctx, cancel := context.WithTimeout(context.Background(), s.options.flushTimeout)
	defer cancel()
	if err := s.telemetry.shutdown(ctx); err != nil {
		s.log.Warn("not all telemetry was sent", "error", err)
	}
	if s.admin != nil {
		_ = s.admin.Close()
	}
	accounts := append(s.telemetry.stats(), s.limiter.stats()...)
	s.log.Info("stopped", append(accounts, "after", time.Since(begin).Round(time.Millisecond))...)
	if err := s.logs.shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}

// finishRequests returns when no request is left.
func (s *server) finishRequests() {
	ctx, cancel := context.WithTimeout(context.Background(), s.options.drainTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		s.log.Warn("requests were cut short: the drain took longer than its timeout", "timeout", s.options.drainTimeout)
		err = s.http.Close()
	case err != nil:
		_ = s.http.Close()
	}
	if err != nil {
		s.log.Warn("the server did not shut down cleanly", "error", err)
	}
	<-s.serving
	// What is left are upgraded connections, which the server leaves to their handlers, and requests that were cut short.
	s.connections.wait(s.site.upgradeGrace)
	s.upgrades.end()
	s.connections.wait(cutGrace)
	if s.site.close != nil {
		s.site.close()
	}
}

// signalName returns SIGTERM rather than "terminated".
func signalName(sig os.Signal) string {
	switch sig {
	case syscall.SIGTERM:
		return "SIGTERM"
	case os.Interrupt:
		return "SIGINT"
	}
	return sig.String()
}
